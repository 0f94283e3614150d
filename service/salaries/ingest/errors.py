"""Failures of the pipeline, each a sentence a person can act on."""

from __future__ import annotations


class IngestError(Exception):
    """A step of the pipeline can't go on; the data that is live stays as it is."""
