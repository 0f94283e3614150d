"""What an image that opsctl makes is, whichever engine makes it: user, environment, places, and opsctl's own layer."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

from opsctl.config import naming
from opsctl.images.errors import BuildError
from opsctl.images.oci.layers import Entry
from opsctl.layer import contents
from opsctl.paths import certificates

if TYPE_CHECKING:
    from opsctl.images.oci.base import Base

Engine = Literal["native", "docker", "podman", "buildah"]
COMPATIBLE = ("docker", "podman", "buildah")
"""Engines that take docker's options."""

USER_ID = 10001
ENVIRONMENT = {
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONUNBUFFERED": "1",
}
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
STATIC_ROOT = "/app/staticfiles"
"""Where static files are collected for a project that names no place of its own."""


def site_packages(python: str) -> str:
    """Where packages are, without leading slash."""
    return f"venv/lib/python{python}/site-packages"


def venv(base: Base) -> list[Entry]:
    """The virtual environment around site-packages: it points to the base's interpreter."""
    name = base.python.name
    settings = f"home = {base.python.parent}\ninclude-system-site-packages = false\nversion = {base.python_version}\n"
    return [
        Entry("venv/pyvenv.cfg", data=settings.encode()),
        Entry(f"venv/bin/{name}", 0o777, link=str(base.python)),
        Entry("venv/bin/python", 0o777, link=name),
        Entry("venv/bin/python3", 0o777, link=name),
    ]


def system_entries(base: Base) -> list[Entry]:
    """The user, the writable folder, and pip taken away: what is not there can't be misused."""
    return [
        Entry("data", 0o755, directory=True, uid=USER_ID),
        _with_line(base, "etc/passwd", f"app:x:{USER_ID}:{USER_ID}::/nonexistent:/usr/sbin/nologin"),
        _with_line(base, "etc/group", f"app:x:{USER_ID}:"),
        *(Entry(path, data=b"") for path in _whiteouts(base.paths)),
    ]


def own_layer() -> list[Entry]:
    """What opsctl adds to every image: certificates, the hook and the start program."""
    found = certificates()
    if found is None:
        raise BuildError(
            "The certificates of RDS are not beside opsctl, so no image could verify the database.",
            code="assets-missing",
            hint="Run make setup, which puts them there.",
        )
    return [Entry(path, data=data) for path, data in contents.files(found).items()]


def image_config(base: dict[str, Any], diff_ids: list[str], *, folder: str) -> dict[str, Any]:
    """The configuration of an image on top of the base's; its only time is the base's own. `folder`: of manage.py."""
    values = with_layers(base, diff_ids)
    before = values["config"]
    own = {**ENVIRONMENT, "OPSCTL_STATIC_ROOT": STATIC_ROOT}
    kept = [each for each in before.get("Env") or [] if each.partition("=")[0] not in {*own, "PATH"}]
    path = next((each for each in before.get("Env") or [] if each.startswith("PATH=")), f"PATH={_PATH}")
    values["config"] = {
        "Env": [f"PATH=/venv/bin:{path.partition('=')[2]}", *kept, *(f"{k}={v}" for k, v in own.items())],
        "User": f"{USER_ID}:{USER_ID}",
        "WorkingDir": f"/app/{folder}".rstrip("/"),
        "Cmd": ["python", f"{naming.LAYER}/start.py"],
        "Volumes": {"/data": {}},
    }
    return values


def with_layers(base: dict[str, Any], diff_ids: list[str]) -> dict[str, Any]:
    """A configuration with further layers, the last of which is opsctl's: its hook is found by PYTHONPATH."""
    values = copy.deepcopy(base)
    before = values.get("config") or {}
    given = dict(each.partition("=")[::2] for each in before.get("Env") or [])
    values["config"] = {**before, "Env": [f"{k}={v}" for k, v in {**given, **contents.environment(given)}.items()]}
    values["rootfs"] = {"type": "layers", "diff_ids": [*values["rootfs"]["diff_ids"], *diff_ids]}
    made = {"created": values.get("created", "1980-01-01T00:00:00Z"), "created_by": "opsctl image build"}
    values["history"] = [*values.get("history", []), *(made for _ in diff_ids)]
    return values


def _with_line(base: Base, path: str, line: str) -> Entry:
    text = (base.file(path) or b"").decode()
    return Entry(path, data=f"{text.rstrip()}\n{line}\n".lstrip("\n").encode())


def _whiteouts(paths: frozenset[str]) -> Iterator[str]:
    """`.wh.name` entries for pip as the base carries it, its programs and its bundled copy."""
    for path in sorted(paths):
        folder, _, name = path.rpartition("/")
        packages = folder.endswith(("/site-packages", "/dist-packages"))
        program = folder in {"usr/local/bin", "usr/bin"} and name.startswith("pip")
        if (packages and (name == "pip" or name.startswith("pip-"))) or program or (folder.endswith("/ensurepip") \
                and name == "_bundled") or (folder == "usr/share" and name == "python-wheels"):  # fmt: skip
            yield f"{folder}/.wh.{name}"
