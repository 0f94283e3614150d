"""Projects that opsctl has never seen, as their authors would have them."""

from __future__ import annotations

import http.cookiejar
import re
import shlex
import subprocess
import sys
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from tests.functional.cli import ROOT, Ran, opsctl

from .conftest import Project

MODEL = """
from django.db import models


class Product(models.Model):
    name = models.CharField(max_length=100)

    def __str__(self):
        return self.name
"""
ADMIN = """
from django.contrib import admin

from catalog.models import Product

admin.site.register(Product)
"""
# Lines that `opsctl init` asks for, below what startproject wrote.
FROM_THE_ENVIRONMENT = """
import os

import dj_database_url

SECRET_KEY = os.environ["SECRET_KEY"]
DEBUG = os.environ.get("DEBUG", "") == "True"
ALLOWED_HOSTS = os.environ["ALLOWED_HOSTS"].split(",")
DATABASES = {"default": dj_database_url.config()}
"""


@dataclass(frozen=True)
class Stranger(Project):
    """A project in a folder of its own."""

    def opsctl(self, *arguments: str, timeout: float = 300, stdin: str = "", env: dict[str, str] | None = None) -> Ran:
        """Run the command line here."""
        # Nobody has locked what it requires yet, which CI would refuse.
        return opsctl(*arguments, cwd=self.root, timeout=timeout, stdin=stdin, env={"CI": "", **(env or {})})

    @property
    def browser(self) -> Browser:
        """Someone who visits."""
        return Browser(self.url.rstrip("/"))


class Browser:
    """Keeps cookies, fills in Django's forms."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))

    def get(self, path: str) -> tuple[int, str]:
        """Status and body."""
        try:
            with self._opener.open(self.url + path, timeout=20) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def log_in(self, path: str, user: str, password: str) -> str:
        """The page after the login form."""
        token = self._token(path)
        form = {"csrfmiddlewaretoken": token, "username": user, "password": password}
        return self._post(path, urllib.parse.urlencode(form).encode(), "application/x-www-form-urlencoded")

    def upload(self, path: str, fields: dict[str, str], file: tuple[str, bytes]) -> str:
        """The page after a form with one file, whose field is `file`."""
        token = self._token(path)
        name, content = file
        parts = [
            f'Content-Disposition: form-data; name="{each}"\r\n\r\n{value}'.encode()
            for each, value in {"csrfmiddlewaretoken": token, **fields}.items()
        ]
        head = f'Content-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: image/png\r\n\r\n'
        body = b"".join(b"--limit\r\n" + each + b"\r\n" for each in [*parts, head.encode() + content])
        return self._post(path, body + b"--limit--\r\n", "multipart/form-data; boundary=limit")

    def _token(self, path: str) -> str:
        found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', self.get(path)[1])
        assert found, f"{path} shows no form"
        return found[1]

    def _post(self, path: str, body: bytes, kind: str) -> str:
        request = urllib.request.Request(  # noqa: S310
            self.url + path, body, {"Referer": self.url + path, "Content-Type": kind}
        )
        with self._opener.open(request, timeout=60) as answer:
            text: str = answer.read().decode()
        return text


def quick_start() -> list[list[str]]:
    """The command lines of the quick start, as its page has them."""
    page = (ROOT / "docs" / "quickstart.md").read_text(encoding="utf-8")
    block = page.split("<!-- quick start -->\n```sh\n")[1].split("```")[0]
    return [shlex.split(line, comments=True) for line in block.splitlines()]


def create_superuser(project: Stranger, user: str, password: str) -> None:
    """`createsuperuser` as a one-off task; the password is on no command line."""
    made = project.opsctl(
        "run", "--pass", "DJANGO_SUPERUSER_PASSWORD", "--json", "--", "manage.py", "createsuperuser", "--no-input",
        "--username", user, "--email", f"{user}@example.com",
        env={"DJANGO_SUPERUSER_PASSWORD": password},
    )  # fmt: skip
    assert (made.code, made.json["exit_code"]) == (0, 0), made.err


def startproject(folder: Path) -> Stranger:
    """`django-admin startproject shop` with one app, a model and the admin, in a repository of its own."""
    folder.mkdir()
    subprocess.run([sys.executable, "-m", "django", "startproject", "shop", "."], cwd=folder, check=True)
    subprocess.run([sys.executable, "-m", "django", "startapp", "catalog"], cwd=folder, check=True)
    (folder / "catalog" / "models.py").write_text(MODEL)
    (folder / "catalog" / "admin.py").write_text(ADMIN)
    (folder / "catalog" / "migrations" / "0001_initial.py").write_text(MIGRATION)
    settings = folder / "shop" / "settings.py"
    text = settings.read_text()
    settings.write_text(text.replace("INSTALLED_APPS = [", 'INSTALLED_APPS = [\n    "catalog",'))
    (folder / "requirements.txt").write_text("django>=5.2,<6\n")
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
    return Stranger(folder)


MIGRATION = """
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    operations = [
        migrations.CreateModel(
            name="Product",
            fields=[("id", models.BigAutoField(primary_key=True)), ("name", models.CharField(max_length=100))],
        )
    ]
"""


def reads_the_environment(project: Stranger, *more: str) -> Stranger:
    """The same, with the settings that a deployment can set, of which the database is one URL."""
    settings = project.root / "shop" / "settings.py"
    settings.write_text(settings.read_text() + FROM_THE_ENVIRONMENT)
    requirements = project.root / "requirements.txt"
    requirements.write_text(requirements.read_text() + "\n".join(["dj-database-url", "psycopg[binary]", *more]) + "\n")
    return project
