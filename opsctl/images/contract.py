"""What an image of the service is, whichever engine makes it: files, user, environment, command."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from opsctl.config.naming import MIGRATIONS_ANNOTATION
from opsctl.images.base import Base
from opsctl.images.errors import BuildError
from opsctl.images.layers import Entry
from opsctl.images.source import migration_ids, source_files
from opsctl.paths import portable

USER_ID = 10001
COMMAND = ("python", "manage.py", "serve")
ENVIRONMENT = {
    "DATA_DIR": "/data",
    "DB_SSL_ROOT_CERT": "/app/certs/rds.pem",
    "DJANGO_SETTINGS_MODULE": "config.settings",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONUNBUFFERED": "1",
}
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PORT = 8000
HEALTH_CHECK = (
    "python", "-c",
    "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ.get('PORT', '8000') + '/healthz')",
)  # fmt: skip
SHIPPED_DATA = ("salary_sources.json", "sample_salaries.csv")
# Set-up puts these there; git does not track them.
ASSETS = ("salaries/static/salaries/vendor/chart.umd.js", "certs/rds.pem")
_LEFT_OUT = {"Dockerfile", "mypy.ini", "requirements.in"}


def shipped_files(root: Path) -> list[tuple[str, Path]]:
    """`(path below /app, file)` of everything that is copied in, sorted. Raises BuildError when assets are missing."""
    service = root / "service"
    missing = [name for name in ASSETS if not (service / name).is_file()]
    if missing:
        raise BuildError(
            f"{', '.join(f'service/{name}' for name in missing)} is not there, and no image works without.",
            code="assets-missing",
            hint="Run make setup, which puts it there.",
        )
    found = {portable(path, service): path for path in source_files(service)}
    found |= {name: service / name for name in ASSETS}
    found |= {f"data/{name}": root / "data" / name for name in SHIPPED_DATA if (root / "data" / name).is_file()}
    return sorted((name, path) for name, path in found.items() if name not in _LEFT_OUT)


def manifest_notes(root: Path) -> dict[str, str]:
    """What the manifest notes for whoever deploys the image without its sources."""
    return {MIGRATIONS_ANNOTATION: migration_ids(root / "service")}


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


def image_config(base: dict[str, Any], diff_ids: list[str]) -> dict[str, Any]:
    """The configuration of an image on top of the base's; its only time is the base's own."""
    values = copy.deepcopy(base)
    before = values.get("config") or {}
    kept = [each for each in before.get("Env") or [] if each.partition("=")[0] not in {*ENVIRONMENT, "PATH"}]
    path = next((each for each in before.get("Env") or [] if each.startswith("PATH=")), f"PATH={_PATH}")
    values["config"] = {
        "Env": [f"PATH=/venv/bin:{path.partition('=')[2]}", *kept, *(f"{k}={v}" for k, v in ENVIRONMENT.items())],
        "User": f"{USER_ID}:{USER_ID}",
        "WorkingDir": "/app",
        "Cmd": list(COMMAND),
        "ExposedPorts": {f"{PORT}/tcp": {}},
        "Volumes": {"/data": {}},
        "Healthcheck": {"Test": ["CMD", *HEALTH_CHECK], "Interval": 30_000_000_000, "Timeout": 3_000_000_000},
    }
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
