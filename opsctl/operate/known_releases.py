"""Numbers of releases as this machine last saw them, for shells that complete them: asking AWS would take too long.

A list of what was, for people to choose from: nothing else may rely on it. That of an environment on this machine lies
beside what `opsctl local reset` deletes, and goes with it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from opsctl import private
from opsctl.local.state import StateDir


@dataclass(frozen=True, slots=True)
class Known:
    """A release: `at` in ISO 8601, `tag` the image's, empty where it was not told."""

    number: int
    at: str
    tag: str = ""


def known(root: Path, environment: str) -> list[Known]:
    """The newest first; empty where none was seen yet, or the list can't be read."""
    here, elsewhere = (_path(root, environment, local=local) for local in (True, False))
    try:
        found = json.loads((here if here.exists() else elsewhere).read_bytes())
        return [Known(int(each["number"]), str(each["at"]), str(each["tag"])) for each in found]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def remember(root: Path, environment: str, seen: Iterable[Known], *, local: bool = False) -> None:
    """Keep these in place of what was kept; `local`: of an environment on this machine. Not being able to is no failure
    of the command that saw them.
    """
    path, text = _path(root, environment, local=local), json.dumps([asdict(each) for each in seen])
    with suppress(OSError):
        _path(root, environment, local=not local).unlink(missing_ok=True)  # its target was another once
        private.make_folder(path.parent)
        private.replace_file(path, text.encode())


def remember_new(root: Path, environment: str, made: Known, *, local: bool = False) -> None:
    """Keep one that was just made. What has its number, or a higher one, is of an environment that was removed."""
    older = [each for each in known(root, environment) if each.number < made.number]
    remember(root, environment, [made, *older], local=local)


def _path(root: Path, environment: str, *, local: bool) -> Path:
    folder = StateDir.of(root).path if local else private.state_folder(root)
    return folder / "releases" / f"{environment}.json"
