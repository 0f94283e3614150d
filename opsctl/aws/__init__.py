"""The home of boto3: small typed classes, one a service.

Nothing here decides; it asks AWS and answers in opsctl's terms.
"""
