"""A Dockerfile for a project that has none: installed in one stage, run in another, by a user without rights."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from opsctl.config.exports import pipenv_export, poetry_export
from opsctl.images.python.harmless import harmless_secret
from opsctl.project.advice import GEOGRAPHY
from opsctl.project.decisions import Decisions, additions, python_of
from opsctl.project.findings import Findings
from opsctl.project.shell import PORT

IGNORE_FILE = """\
.git
**/.env
**/.env.*
!**/.env.example
**/*~
**/*.swp
**/id_rsa
**/id_ed25519
**/.netrc
**/.pypirc
**/dump.sql
.opsctl
.venv
venv
node_modules
**/__pycache__
**/*.sqlite3
"""
_EXPORTED = "/tmp/requirements.txt"  # noqa: S108  in the image, while it is built
_UV = "COPY --from=ghcr.io/astral-sh/uv:0.9 /uv /usr/local/bin/uv"


def recipe(findings: Findings, made: Decisions) -> str:
    """The Dockerfile's text. Its context is the project's folder."""
    python = python_of(findings)
    lines = [
        "# Written by `opsctl init --dockerfile`; it is yours to edit.",
        *_frontend(findings),
        f"FROM python:{python}-slim AS packages",
        "WORKDIR /app",
        _UV,
        "ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never",
        "RUN uv venv /venv",
        "ENV VIRTUAL_ENV=/venv UV_PROJECT_ENVIRONMENT=/venv",
        *_packages(findings),
        "",
        f"FROM python:{python}-slim",
        "ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1",
        f"ENV DJANGO_SETTINGS_MODULE={made.settings}" if made.settings else "# ENV DJANGO_SETTINGS_MODULE=",
        *_libraries(findings),
        "RUN useradd --uid 10001 --no-create-home app",
        "COPY --from=packages /venv /venv",
        "WORKDIR /app",
        "COPY . .",
        *_built(findings),
        *_collected(findings, made),
        "USER 10001",
        f"EXPOSE {PORT}",
        f"CMD {json.dumps(_command(findings))}",
    ]
    return "\n".join(lines) + "\n"


def _frontend(findings: Findings) -> Iterator[str]:
    """Static files that a JavaScript build writes."""
    found = findings.frontend
    if found is None or not found.folder:
        return
    install = {"npm": "npm ci", "yarn": "corepack enable && yarn install --immutable",
               "pnpm": "corepack enable && pnpm install --frozen-lockfile"}[found.manager]  # fmt: skip
    yield "FROM node:22-slim AS frontend"
    yield "WORKDIR /app"
    yield "COPY . ."
    yield f"RUN {install} && {found.manager} run {found.script}"
    yield ""


def _libraries(findings: Findings) -> Iterator[str]:
    """What GeoDjango loads when it is imported."""
    if GEOGRAPHY in findings.settings.strings("APPS"):
        yield "RUN apt-get update \\"
        yield "    && apt-get install --yes --no-install-recommends gdal-bin \\"
        yield "    && rm -rf /var/lib/apt/lists/*"


def _built(findings: Findings) -> Iterator[str]:
    found = findings.frontend
    if found is not None and found.folder:
        yield f"COPY --from=frontend /app/{found.folder} ./{found.folder}"


def _packages(findings: Findings) -> Iterator[str]:
    """By uv, which reads requirements files, pyproject.toml and its own lock."""
    found = findings.dependencies
    added = " ".join(f'"{each}"' for each in additions(findings))
    first = found.files[0] if found.files else ""
    if first == "uv.lock":
        yield "COPY pyproject.toml uv.lock ./"
        yield "RUN uv sync --frozen --no-dev --no-install-project"
    elif found.problem.startswith("Poetry"):
        yield "COPY pyproject.toml poetry.lock* ./"
        yield f"RUN {poetry_export(_EXPORTED)}"
        yield f"RUN uv pip install --requirements {_EXPORTED}"
    elif found.problem.startswith("A Pipfile"):
        yield "COPY Pipfile Pipfile.lock* ./"
        yield f"RUN {pipenv_export(_EXPORTED, locked='pipenv lock' not in found.problem)}"
        yield f"RUN uv pip install --requirements {_EXPORTED}"
    elif first:
        # The file may include others beside it.
        folder = str(PurePosixPath(first).parent)
        yield f"COPY {folder} ./{folder}" if folder != "." else f"COPY {_beside(first)} ./"
        yield f"RUN uv pip install --requirements {first}"
    if added:
        yield f"RUN uv pip install {added}"


def _beside(name: str) -> str:
    return "requirements*.txt" if re.fullmatch(r"requirements.*\.txt", name) else name


def _collected(findings: Findings, made: Decisions) -> Iterator[str]:
    """Static files, with harmless values in place of what the settings want to read."""
    inside = findings.location.manage.removeprefix(findings.location.path).strip("/")
    if inside:
        yield f"WORKDIR /app/{inside}"
    if not made.collects:
        return
    needed = [each for each in made.fills if each.way in {"value", "secret", "missing"} and each.name != "PORT"]
    values = [
        f"{each.name}={harmless_secret(each.name) if each.way == 'secret' else _harmless(each.name, each.value)}"
        for each in needed
    ]
    yield " \\\n    ".join(["RUN", *values, "python manage.py collectstatic --no-input"]).replace(
        "RUN \\\n   ", "RUN", 1
    )


def _harmless(name: str, value: str) -> str:
    if "${" not in value:
        return _quoted(value.replace("$$", "$")) if value else "x" * 64 if "KEY" in name else '""'
    if "database.url" in value:
        return "postgres://build@localhost/build"
    if "database.port" in value:
        return "5432"
    if "/json" in value:
        return "'[\"https://localhost\"]'"
    return "https://localhost" if re.search(r"origins|web\.url", value) else "build"


def _quoted(value: str) -> str:
    return value if re.fullmatch(r"[\w./:@%+,-]+", value) else "'" + value.replace("'", "'\\''") + "'"


def _command(findings: Findings) -> list[str]:
    if findings.told.web is not None:
        return list(findings.told.web.command)
    settings = findings.settings
    package = settings.module.partition(".")[0] or "config"
    if findings.asgi is not None:
        module = settings.asgi or f"{package}.asgi"
        return ["gunicorn", f"{module}:application", "-k", "uvicorn_worker.UvicornWorker", "--bind", f"0.0.0.0:{PORT}"]
    return ["gunicorn", f"{settings.wsgi or f'{package}.wsgi'}:application", "--bind", f"0.0.0.0:{PORT}"]
