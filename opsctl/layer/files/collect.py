"""Collect static files when the project has any: run while an image is built, in the folder of manage.py.

A project that names no STATIC_ROOT gets one, which the hook serves it from.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from pathlib import Path


def main() -> int:
    """Returns the exit code."""
    sys.path.insert(0, str(Path.cwd()))
    if not os.environ.get("DJANGO_SETTINGS_MODULE"):
        sys.stderr.write("There is no DJANGO_SETTINGS_MODULE, so no static files are collected.\n")
        return 0
    if os.environ.get("DJANGO_CONFIGURATION"):
        # Settings as a class (django-configurations) are a module once its importer knows of them.
        import_module("configurations.importer").install()
    from django import conf

    # By its module each time: what reads the settings first may put others in their place, as Dynaconf does.
    if "django.contrib.staticfiles" not in conf.settings.INSTALLED_APPS:
        return 0
    if not conf.settings.STATIC_ROOT:
        conf.settings.STATIC_ROOT = os.environ["OPSCTL_STATIC_ROOT"]
    from django.core.management import execute_from_command_line

    execute_from_command_line(["manage.py", "collectstatic", "--no-input", "--verbosity", "0"])
    return 0


if __name__ == "__main__":
    sys.exit(main())
