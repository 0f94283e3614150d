"""What a registry answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Answer:
    """A registry's answer; header names in lower case. `url` is what answered, after redirects."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str
