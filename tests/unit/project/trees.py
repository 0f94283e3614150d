"""Small made-up projects, as files by name."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from pathlib import Path

from opsctl.aws.regions import commercial_regions
from opsctl.config.checked import Known
from opsctl.config.loader import Configuration, load
from opsctl.config.models import Environment
from opsctl.project.initialise import FILE, Initialised, initialise

ENVIRONMENT_SETTINGS = """\
import os
import dj_database_url
SECRET_KEY = os.environ["SECRET_KEY"]
DEBUG = os.environ.get("DEBUG") == "True"
ALLOWED_HOSTS = os.environ["ALLOWED_HOSTS"].split(",")
INSTALLED_APPS = ["django.contrib.admin", "django.contrib.staticfiles"]
WSGI_APPLICATION = "{package}.wsgi.application"
DATABASES = {{"default": dj_database_url.config()}}
STATIC_ROOT = "/srv/static"
"""
COMPLETE = "django\ngunicorn\npsycopg[binary]\ndj-database-url\n"


@dataclass(frozen=True)
class Outcome:
    """What `opsctl init` said and wrote, and the file as opsctl reads it."""

    said: Initialised
    text: str
    loaded: Configuration

    @property
    def env(self) -> Environment:
        """The environment `dev`."""
        return self.loaded.environment("dev")

    def block(self, start: str) -> str:
        """The lines of the file from the one that starts so, as long as they are indented deeper."""
        lines = self.text.splitlines()
        first = next(number for number, line in enumerate(lines) if line.strip().startswith(start))
        depth = len(lines[first]) - len(lines[first].lstrip())
        found = [lines[first]]
        for line in lines[first + 1 :]:
            if line.strip() and len(line) - len(line.lstrip()) <= depth:
                break
            found.append(line)
        return "\n".join(found)


def write(root: Path, files: dict[str, str]) -> Path:
    """Write the files below `root`."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
    return root


def django(package: str, settings: str | None = None, *, folder: str = "", module: str = "") -> dict[str, str]:
    """manage.py, wsgi.py and settings of a project; `module` is what both name."""
    base = f"{folder}/" if folder else ""
    named = f'import os\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "{module or f"{package}.settings"}")\n'
    files = {
        f"{base}manage.py": named + "from django.core.management import execute_from_command_line\n",
        f"{base}{package}/__init__.py": "",
        f"{base}{package}/wsgi.py": named,
    }
    if settings is not None:
        files[f"{base}{package}/settings.py"] = settings
    return files


def shop(settings: str | None = None) -> dict[str, str]:
    """A project that reads everything from the environment, and installs what it needs."""
    return {
        **django("shop", ENVIRONMENT_SETTINGS.format(package="shop") if settings is None else settings),
        "requirements.txt": COMPLETE,
    }


def init(root: Path, files: dict[str, str], *, dockerfile: bool = False, project: str | None = None) -> Outcome:
    """Write the files, initialise, and load what was written as `opsctl env validate` does."""
    write(root, files)
    said = initialise(root, dockerfile=dockerfile, project=project)
    loaded = load(root / FILE, known=Known(commercial_regions()))
    return Outcome(said, (root / FILE).read_text(encoding="utf-8"), loaded)


def environment(outcome: Outcome) -> dict[str, str]:
    """`application.environment` as loaded."""
    return dict(outcome.env.application.environment)
