"""A request to the emulator, as its signature covers it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import parse_qs


@dataclass(frozen=True)
class Request:
    """What of a request is signed; names of headers in lower case."""

    method: str
    raw_path: str
    raw_query: str
    headers: Mapping[str, str]
    body: bytes

    @cached_property
    def query(self) -> Mapping[str, list[str]]:
        return parse_qs(self.raw_query, keep_blank_values=True)

    @property
    def presigned(self) -> bool:
        """Whether its URL holds the signature."""
        return "authorization" not in self.headers

    def parameter(self, name: str) -> str:
        """The value of a parameter of the URL, by its name in lower case; empty without one."""
        return next((values[0] for each, values in self.query.items() if each.lower() == name), "")
