"""Writes. Each service is one transaction that either publishes its result whole or leaves no trace."""
