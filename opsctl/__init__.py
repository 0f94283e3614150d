"""opsctl: run a Django service on AWS with one configuration file and one command."""

__version__ = "0.1.0"
