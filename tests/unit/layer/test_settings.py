"""Settings that a package makes, as django-configurations and Dynaconf do, are read by what opsctl itself starts."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.functional.cli import ROOT

FILES = ROOT / "opsctl" / "layer" / "files"
# What the package does, as far as it counts here: settings are refused until its importer knows of them.
IMPORTER = "installed = False\ndef install():\n    global installed\n    installed = True\n"
SETTINGS = """\
from configurations import importer
if not importer.installed:
    raise RuntimeError("the importer is not installed")
INSTALLED_APPS = ["django.contrib.staticfiles"]
SECRET_KEY = "x"
STATIC_URL = "/static/"
"""


@pytest.mark.parametrize(
    "command",
    [
        [str(FILES / "collect.py")],
        ["-c", f"import sys; sys.path[:0] = ['.', {str(FILES)!r}]; import start; start.read_settings('shop_settings')"],
    ],
)
def test_settings_as_a_class_are_read(tmp_path: Path, command: list[str]) -> None:
    (tmp_path / "configurations").mkdir()
    (tmp_path / "configurations" / "__init__.py").touch()
    (tmp_path / "configurations" / "importer.py").write_text(IMPORTER)
    (tmp_path / "shop_settings.py").write_text(SETTINGS)
    variables = {
        "DJANGO_SETTINGS_MODULE": "shop_settings", "DJANGO_CONFIGURATION": "Production",
        "OPSCTL_STATIC_ROOT": str(tmp_path / "static"),
    }  # fmt: skip
    _run(command, tmp_path, variables)


def test_settings_that_take_the_place_of_djangos_get_a_place_for_static_files(tmp_path: Path) -> None:
    """Dynaconf puts an object of its own into django.conf when the settings are read."""
    text = """\
        from django import conf
        INSTALLED_APPS = ["django.contrib.staticfiles"]
        SECRET_KEY = "x"
        other = conf.LazySettings()
        other.configure(INSTALLED_APPS=INSTALLED_APPS, STATIC_URL="/static/", STATICFILES_DIRS=["assets"])
        conf.settings = other
        """
    (tmp_path / "shop_settings.py").write_text(textwrap.dedent(text))
    variables = {"DJANGO_SETTINGS_MODULE": "shop_settings", "OPSCTL_STATIC_ROOT": str(tmp_path / "static")}
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "shop.css").touch()
    _run([str(FILES / "collect.py")], tmp_path, variables)
    assert [each.name for each in (tmp_path / "static").iterdir()] == ["shop.css"]


def _run(command: list[str], folder: Path, variables: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, env=variables, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
