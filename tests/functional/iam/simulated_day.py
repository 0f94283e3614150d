"""Loaded by gunicorn in place of the service's own module: the service, with both of its clocks moved by a test.

The file that SIMULATED_CLOCK names holds the time as epoch seconds: for the age of tokens, and for their signatures.
Each worker that asks for it leaves a file beside it, named for its process.
"""

from __future__ import annotations

import importlib
import os
from datetime import UTC, datetime
from pathlib import Path

import botocore.auth

_CLOCK = Path(os.environ["SIMULATED_CLOCK"])


def _now() -> float:
    _CLOCK.with_suffix(f".{os.getpid()}").touch()
    return float(_CLOCK.read_text())


def _datetime(remove_tzinfo: bool = True) -> datetime:
    moment = datetime.fromtimestamp(_now(), UTC)
    return moment.replace(tzinfo=None) if remove_tzinfo else moment


botocore.auth.get_current_datetime = _datetime  # type: ignore[attr-defined]

# By name, as the service's code is out of reach for the type checks of these tests.
importlib.import_module("config.db.postgres_iam.tokens").TOKENS._clock = _now
application = importlib.import_module("config.wsgi").application
