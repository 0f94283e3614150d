"""How an answer becomes bytes; the stored aggregates use the same function, so they equal live answers to the byte."""

from __future__ import annotations

import json
from typing import Any


def json_text(payload: Any) -> str:
    """Return `payload` as compact JSON, accents as they are."""
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
