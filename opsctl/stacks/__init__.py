"""An `Environment` becomes CloudFormation templates.

Pure: no boto3, no clock, no environment variables; same input, same bytes.
"""
