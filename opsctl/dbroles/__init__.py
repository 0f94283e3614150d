"""The database's roles: read the catalog, plan the difference to the model, apply it in one transaction.

This package travels alone into the DbInit Lambda, so it imports the standard library, psycopg2 and boto3, and nothing
else of opsctl. It never prints; a secret never reaches a report, a reply or a log.
"""
