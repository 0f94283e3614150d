"""Rules of what the application's processes are given: variables, files, and the placeholders in both."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from opsctl.config import placeholder
from opsctl.config.application_rules import process_path
from opsctl.config.located import KeyPath
from opsctl.config.nearest import nearest
from opsctl.config.placeholder import Placeholder, PlaceholderError
from opsctl.config.problem import Problem

if TYPE_CHECKING:
    from opsctl.config.application import Application
    from opsctl.config.models import Environment

_HERE = ("application",)
LARGEST_DEFINITION = 64 * 1024
# What opsctl says to every process; another value would be a lie.
OWN_VARIABLES = frozenset({"DJANGO_SETTINGS_MODULE", "AWS_REGION", "AWS_DEFAULT_REGION", "PYTHONPATH"})


def placeholders(env: Environment) -> Iterator[Problem]:
    """Every placeholder is one that there is, and can be written as asked for."""
    for path, value in _values(env.application):
        yield from _placeholders(env, path, value)


def _values(application: Application) -> Iterator[tuple[KeyPath, str]]:
    for name, value in application.environment.items():
        yield (*_HERE, "environment", name), value
    for process, block in application.processes():
        for name, value in block.environment.items():
            yield (*process_path(application, process), "environment", name), value
    for name, value in application.files.items():
        yield (*_HERE, "files", name), value


def _placeholders(env: Environment, path: KeyPath, value: str) -> Iterator[Problem]:
    try:
        parts = placeholder.parse(value)
    except PlaceholderError as error:
        yield Problem(path, error.what, error.fix)
        return
    valid = placeholder.known(env.application)
    for part in parts:
        if not isinstance(part, Placeholder):
            continue
        if part.name not in valid:
            yield _unknown(path, part, valid)
        elif not placeholder.has_form(part):
            yield Problem(
                path,
                f"${{{part.name}/{part.form}}} can't be written: only lists have forms",
                f"Write ${{{part.name}}}; lists take /{', /'.join(placeholder.FORMS)}.",
            )


def _unknown(path: KeyPath, part: Placeholder, valid: tuple[str, ...]) -> Problem:
    if part.group == "secrets" and part.key:
        return Problem(
            path, f"there is no secret `{part.key}`", f"Add it to application.secrets. {_near(part, valid)}".rstrip()
        )
    if part.group == "buckets" and part.key:
        return Problem(
            path, f"there is no bucket `{part.key}`", f"Add it to application.buckets. {_near(part, valid)}".rstrip()
        )
    return Problem(path, f"there is no placeholder `${{{part.name}}}`", nearest(part.name, valid))


def _near(part: Placeholder, valid: tuple[str, ...]) -> str:
    same = [name for name in valid if name.startswith(f"{part.group}.")]
    return nearest(part.name, same) if same else ""


def variables(env: Environment) -> Iterator[Problem]:
    """A variable has one value, and those that opsctl sets have opsctl's."""
    application = env.application
    for path, _ in _values(application):
        name = str(path[-1])
        if "environment" not in path:
            continue
        if name == "DJANGO_SETTINGS_MODULE":
            yield Problem(path, "the settings module has a key of its own", "Write it as application.settings.")
        elif name in OWN_VARIABLES or name.startswith(("OPSCTL_", "AWS_CONTAINER_", "ECS_")):
            yield Problem(path, f"{name} is set by opsctl or by AWS", "Use another name.")
    for name in application.secrets:
        if name in application.environment:
            yield Problem(
                (*_HERE, "environment", name),
                f"{name} is a secret as well, and both would set the same variable",
                f"Remove it: every secret is set as a variable of its own name; or write ${{secrets.{name}}} "
                "under another name.",
                ((*_HERE, "secrets"),),
            )


def sizes(env: Environment) -> Iterator[Problem]:
    """A task definition is JSON of 64 KiB at most, and holds every variable and file. [ECS DG service-quotas]"""
    application = env.application
    for name, process in application.processes():
        texts = {**application.variables(process), **application.files}
        size = len(json.dumps(texts, ensure_ascii=False).encode())
        if size > LARGEST_DEFINITION:
            longest = max(texts, key=lambda key: len(texts[key]))
            own = (*process_path(application, name), "environment")
            shared = (*_HERE, "files" if longest in application.files else "environment")
            yield Problem(
                own if longest in process.environment else shared,
                f"variables and files of {name} take {size:,} bytes, and ECS takes a task of {LARGEST_DEFINITION:,}",
                f"Shorten {longest}, or put it into the image or a bucket.",
                ((*_HERE, "environment"), (*_HERE, "files")),
            )


def files(env: Environment) -> Iterator[Problem]:
    """Paths that only the kernel writes."""
    for path in env.application.files:
        if path.split("/")[1] in {"proc", "sys", "dev"}:
            yield Problem(
                (*_HERE, "files", path), f"no file can be written at {path}: the kernel answers there",
                "Write a path such as /etc/shop.cfg.",
            )  # fmt: skip
