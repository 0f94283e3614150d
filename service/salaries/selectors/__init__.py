"""Reads. A selector takes the release it reads from, so that one request never mixes two."""
