"""Dynaconf: any setting may be a variable with its prefix, so what a deployment has to say is said so."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import PurePosixPath

from opsctl.project.findings import Fact, Kind, Settings, Source, Target, Variable
from opsctl.project.reading import Reader, join
from opsctl.project.surroundings import dotted, text_of

SWITCH = "DJANGO_ENV"
# Dynaconf reads values as TOML does, and `__` leads into a mapping.
_SETTINGS: tuple[tuple[str, Kind, tuple[str, ...]], ...] = (
    ("SECRET_KEY", "text", ()), ("DEBUG", "json", ()), ("ALLOWED_HOSTS", "json", ()),
    *(("DATABASES", "text", ("default", part)) for part in ("ENGINE", "NAME", "USER", "PASSWORD", "HOST", "PORT")),
)  # fmt: skip


def values(tree: ast.Module, file: str) -> Iterator[Variable]:
    """Variables of a file of settings that ends with `DjangoDynaconf(__name__)`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and dotted(node.func)[-1:] == ("DjangoDynaconf",):
            said = {each.arg: text_of(each.value) for each in node.keywords}
            prefix = said.get("ENVVAR_PREFIX_FOR_DYNACONF") or said.get("envvar_prefix") or "DJANGO"
            for setting, kind, keys in _SETTINGS:
                name = "__".join((f"{prefix}_{setting}", *keys))
                yield Variable(name, Source(file, node.lineno), False, kind=kind, targets=(Target(setting, keys),))
            if "ENV_SWITCHER_FOR_DYNACONF" not in said:
                yield Variable(SWITCH, Source(file, node.lineno), False, default="development")


def production(reader: Reader, settings: Settings) -> Fact | None:
    """`production`, where a file of Dynaconf's beside the settings, or above, has a part of this name."""
    if not any(each.name == SWITCH for each in settings.variables):
        return None
    for folder in PurePosixPath(settings.files[-1]).parents:
        for name in ("settings.toml", "settings.yaml", "settings.yml"):
            path = join(str(folder), name)
            data = (reader.toml if name.endswith("toml") else reader.yaml)(path) if reader.has(path) else {}
            if "production" in data:
                return Fact("production", Source(path, reader.line_of(path, r"^\[?production\b")))
    return None
