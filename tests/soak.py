"""Proofs that run as a sample in every `make test` and whole under `make soak`."""

from __future__ import annotations

import os

import pytest

WHOLE = bool(os.environ.get("OPSCTL_SOAK"))
# `make soak` picks tests by this mark and `make test` leaves them out, so a sample must not carry it.
SAMPLED = [pytest.mark.soak] if WHOLE else []


def rounds(*, sample: int, whole: int) -> int:
    """Return how many rounds this run is to make."""
    return whole if WHOLE else sample
