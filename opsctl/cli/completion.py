"""What a shell completes after TAB: names from files of this machine, without a call to AWS and without an error.

A line that is typed must neither wait nor get a message in between, so whatever can't be read has no names.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from opsctl.config.located import Located

Offered = list[tuple[str, str]]
"""Each word, with what stands beside it where the shell shows that."""


def _never_failing(names: Callable[[typer.Context], Offered]) -> Callable[[typer.Context], Offered]:
    @wraps(names)
    def offered(ctx: typer.Context) -> Offered:
        with suppress(Exception):
            return names(ctx)
        return []

    return offered


@_never_failing
def environments(ctx: typer.Context) -> Offered:
    """Those of the file, also of one that would be refused."""
    _, root = _file(ctx)
    named = root.find(("environments",))
    return [(name, _told(block.find(("target",)))) for name, block in named.value.items()] if named else []


@_never_failing
def stacks(ctx: typer.Context) -> Offered:
    """Stacks that a deploy can be restricted to, but for those that stand on the line already."""
    from opsctl.config.naming import STACKS

    typed = set(ctx.params.get("stacks") or ())
    return [(name, "stack") for name in STACKS if name not in typed]


@_never_failing
def releases(ctx: typer.Context) -> Offered:
    """Releases that this machine knows of: those that the last `opsctl releases` listed, or a deploy made since."""
    from opsctl.operate.known_releases import known

    path, root = _file(ctx)
    named = ctx.params.get("env") or _told(root.find(("default_environment",)))
    return [(str(each.number), f"{each.at} {each.tag}".strip()) for each in known(path.resolve().parent, named)]


def _file(ctx: typer.Context) -> tuple[Path, Located]:
    from opsctl.config.located import read_yaml
    from opsctl.operate.target import find_config

    given: Any = ctx.params.get("config")
    path = find_config(Path(given) if given else None)
    return path, read_yaml(path)[0]


def _told(node: Located | None) -> str:
    return str(node.value) if node is not None else ""
