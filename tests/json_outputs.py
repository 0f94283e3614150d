"""The table of JSON outputs in docs/json.md, which every test holds an output against that reads one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

TABLE = Path(__file__).parent.parent / "docs" / "json.md"
ERROR = "(an error)"
_KEY = re.compile(r"`([a-z_]+\??)`")


@dataclass(frozen=True)
class Output:
    """A row. `keys` is None where they are a project's own; of a list they are those of its objects."""

    command: str
    version: int
    keys: frozenset[str] | None
    is_list: bool = False

    @property
    def known(self) -> set[str]:
        """All keys, whether always there or at times."""
        return {each.removesuffix("?") for each in self.keys or ()}

    def faults(self, value: Any) -> list[str]:
        """What of an output is not as the table has it."""
        if self.keys is None:
            return []
        if isinstance(value, list) != self.is_list:
            return [f"`{self.command}` is {'no' if self.is_list else 'a'} list"]
        always = {each for each in self.keys if not each.endswith("?")}
        found = [set(each) for each in (value if self.is_list else [value])]
        return [
            f"`{self.command}` {what}: {', '.join(sorted(keys))}"
            for each in found
            for what, keys in (("lacks", always - each), ("has more", each - self.known))
            if keys
        ]


@cache
def outputs() -> dict[str, Output]:
    """The rows, by command."""
    return {each.command: each for each in read(TABLE.read_text(encoding="utf-8"))}


def read(text: str) -> list[Output]:
    """The rows of a table such as that of docs/json.md."""
    found: dict[str, Output] = {}
    for command, version, told in re.findall(r"^\| `?([^|`]+?)`? \| (\d+) \| (.+) \|$", text, re.MULTILINE):
        keys = frozenset(_KEY.findall(told))
        if same := re.fullmatch(r"as `([a-z ]+)`", told):
            keys_of = re.search(rf"^\| `{same[1]}` \| \d+ \| (.+) \|$", text, re.MULTILINE)
            keys = frozenset(_KEY.findall(keys_of[1])) if keys_of else frozenset()
        free = "`NAME`" in told or "environments.schema.json" in told
        keys = keys - {"error"} if command == ERROR else keys
        found[command] = Output(command, int(version), None if free else keys, told.startswith("[…]"))
    return list(found.values())


def output_of(line: Sequence[str]) -> Output | None:
    """The row for a command line: of several that fit, the one that names most of it."""
    fits = [each for each in outputs().values() if _fits(each.command.split(), line)]
    return max(fits, key=lambda each: len(each.command.split()), default=None)


def _fits(typed: list[str], line: Sequence[str]) -> bool:
    words = [each for each in typed if not each.startswith("--")]
    return list(line[: len(words)]) == words and {each for each in typed if each.startswith("--")} <= set(line)


def faults(line: Sequence[str], value: Any) -> list[str]:
    """What of the output of this command line is not as it was written down."""
    if "--watch" in line or line[:1] in (["logs"], ["events"]):
        return []  # a document a line
    if isinstance(value, dict) and set(value) == {"error"}:
        return outputs()[ERROR].faults(value["error"])
    found = output_of(line)
    return [f"docs/json.md has no row for {' '.join(line)}"] if found is None else found.faults(value)
