"""PostgreSQL with IAM database authentication: Django's backend, with a fresh token for each new connection."""
