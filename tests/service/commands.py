"""Management commands as processes of their own, on the database of the running test."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from django.db import connections

SERVICE = Path(__file__).resolve().parents[2] / "service"


def command_environment(data_dir: Path) -> dict[str, str]:
    """Return the environment in which a command uses the test's PostgreSQL database."""
    config = connections["default"].settings_dict
    return {
        "PATH": os.environ["PATH"],
        "DEPLOY_ENV": "local",
        "DATA_DIR": str(data_dir),
        "DB_HOST": config["HOST"],
        "DB_PORT": config["PORT"],
        "DB_NAME": config["NAME"],
        "DB_USER": config["USER"],
        "DB_AUTH": "trust",
    }


def start_command(environment: dict[str, str], *arguments: str) -> subprocess.Popen[str]:
    """Start a management command; its output is collected."""
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.Popen(
        command, cwd=SERVICE, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
