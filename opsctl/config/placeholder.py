"""Placeholders in the values of `environment` and `files`: `${web.url}` stands for what only a deploy knows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opsctl.config.application import Application

_PART = re.compile(r"\$\$|\$\{([^}]*)\}|\$")
DATABASE = ("url", "host", "port", "name", "user", "password", "sslmode", "ca")
_PLAIN = ("secret_key", "environment", "region", "release")
_WEB = ("host", "hosts", "url", "origins", "tls")
_LISTS = ("web.hosts", "web.origins")
FORMS = ("comma", "space", "json")


class PlaceholderError(ValueError):
    """A value that can't be read: `what` is wrong, `fix` says what to write."""

    def __init__(self, what: str, fix: str) -> None:
        super().__init__(what)
        self.what, self.fix = what, fix


@dataclass(frozen=True, slots=True)
class Placeholder:
    """`web.hosts` of `${web.hosts/space}`, with the form `space`; `comma` when none is written."""

    name: str
    form: str = "comma"

    @property
    def group(self) -> str:
        """What stands before the dot: `secrets` of `secrets.TOKEN`."""
        return self.name.partition(".")[0]

    @property
    def key(self) -> str:
        """What stands behind it: `TOKEN`."""
        return self.name.partition(".")[2]


Part = str | Placeholder


def parse(text: str) -> tuple[Part, ...]:
    """Text and placeholders of a value, in order. `$$` is a dollar. Raises PlaceholderError."""
    parts: list[Part] = []
    at = 0
    for found in _PART.finditer(text):
        parts.append(text[at : found.start()])
        at = found.end()
        if found[0] == "$$":
            parts.append("$")
        elif found[0] == "$":
            raise PlaceholderError("a dollar stands alone", "Write $$ for a dollar, ${NAME} for a placeholder.")
        else:
            name, _, form = found[1].partition("/")
            parts.append(Placeholder(name, form or "comma"))
    parts.append(text[at:])
    return tuple(_joined(parts))


def _joined(parts: Iterable[Part]) -> Iterator[Part]:
    held = ""
    for part in parts:
        if isinstance(part, str):
            held += part
            continue
        if held:
            yield held
        held = ""
        yield part
    if held:
        yield held


def known(application: Application) -> tuple[str, ...]:
    """Every placeholder that this application may use."""
    return (
        *_PLAIN,
        *(f"{group}.{key}" for group in ("database", "replica") for key in DATABASE),
        *(f"web.{key}" for key in _WEB),
        *(f"buckets.{name}" for name in application.buckets),
        *(f"secrets.{name}" for name in application.secrets),
    )


def has_form(placeholder: Placeholder) -> bool:
    """Whether its form can be said of it: only lists have others than the one they are written in."""
    return placeholder.form == "comma" or (placeholder.name in _LISTS and placeholder.form in FORMS)


def named(text: str) -> tuple[Placeholder, ...]:
    """The placeholders of a value; none of one that can't be read."""
    try:
        return tuple(part for part in parse(text) if isinstance(part, Placeholder))
    except PlaceholderError:
        return ()


def is_secret(placeholder: Placeholder, *, password: bool) -> bool:
    """Whether its value is not for everyone to see. `password`: the database is logged in to with one."""
    if placeholder.group == "secrets" or placeholder.name == "secret_key":
        return True
    return password and placeholder.group in {"database", "replica"} and placeholder.key in {"url", "user", "password"}
