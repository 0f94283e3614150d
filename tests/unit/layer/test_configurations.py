"""Settings as a class, as django-configurations has them, are read by what opsctl itself starts."""

from __future__ import annotations

import subprocess
import sys
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
    done = subprocess.run(
        [sys.executable, *command], cwd=tmp_path, env=variables, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
