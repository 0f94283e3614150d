"""Settings from the environment: what is missing or unsafe stops the process with one sentence."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from config.databases import databases

SERVICE = Path(__file__).resolve().parents[2] / "service"


def production(tmp_path: Path) -> dict[str, str]:
    """Return a complete production environment."""
    bundle = tmp_path / "rds.pem"
    bundle.write_text("certificates")
    return {
        "DEPLOY_ENV": "prd",
        "DJANGO_SECRET_KEY": "A1b2C3d4E5" * 6,
        "ALLOWED_HOSTS": "salaries.example.com",
        "DATA_DIR": str(tmp_path),
        "DB_HOST": "db.example.com",
        "DB_NAME": "app",
        "DB_USER": "app_user",
        "DB_SSL_ROOT_CERT": str(bundle),
        "AWS_REGION": "us-east-1",
    }


def manage(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a management command in its own process."""
    command = [sys.executable, "manage.py", *arguments]
    environment = {"PATH": os.environ["PATH"], **environment}
    return subprocess.run(command, cwd=SERVICE, env=environment, text=True, capture_output=True, check=False)


def test_a_complete_production_environment_passes_the_deploy_check(tmp_path: Path) -> None:
    done = manage(production(tmp_path), "check", "--deploy", "--fail-level", "WARNING")
    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"DEPLOY_ENV": ""}, "DEPLOY_ENV is required"),
        ({"DJANGO_SECRET_KEY": ""}, "DJANGO_SECRET_KEY is required"),
        ({"DJANGO_SECRET_KEY": "short"}, "DJANGO_SECRET_KEY is too short"),
        ({"ALLOWED_HOSTS": ""}, "ALLOWED_HOSTS is required"),
        ({"ALLOWED_HOSTS": "*"}, "ALLOWED_HOSTS holds '*'"),
        ({"TLS": "yes"}, "TLS is 'yes'; it must be one of: on, off"),
        ({"DATA_DIR": ""}, "DATA_DIR is required"),
        ({"DB_HOST": ""}, "only DEPLOY_ENV=local may use SQLite"),
        ({"DB_PORT": "x"}, "DB_PORT is 'x'"),
        ({"DB_AUTH": "peer"}, "DB_AUTH is 'peer'; it must be one of: iam, trust, password"),
        ({"DB_AUTH": "password", "DB_PASSWORD": "x"}, "DB_AUTH=password is refused"),
        ({"DB_AUTH": "password", "DB_HOST": "127.0.0.1", "DEPLOY_ENV": "local"}, "DB_PASSWORD is required"),
        ({"DB_AUTH": "trust"}, "DB_AUTH=trust is refused"),
        ({"DB_AUTH": "trust", "DB_HOST": "127.0.0.1"}, "DB_AUTH=trust is refused"),
        ({"DB_AUTH": "trust", "DEPLOY_ENV": "local"}, "DB_AUTH=trust is refused"),
        ({"DB_AUTH": "trust", "DB_HOST": "127.example.org", "DEPLOY_ENV": "local"}, "DB_AUTH=trust is refused"),
        ({"DB_AUTH": "trust", "DB_HOST": "64:ff9b::7f00:1", "DEPLOY_ENV": "local"}, "DB_AUTH=trust is refused"),
        ({"DB_SSL_ROOT_CERT": "/nowhere.pem"}, "DB_SSL_ROOT_CERT is '/nowhere.pem'"),
        ({"AWS_REGION": ""}, "AWS_REGION is required"),
        ({"LOG_LEVEL": "loud"}, "LOG_LEVEL is 'loud'"),
    ],
)
def test_a_bad_environment_stops_with_one_sentence(tmp_path: Path, changes: dict[str, str], sentence: str) -> None:
    done = manage(production(tmp_path) | changes, "check")
    assert done.returncode == 4
    assert sentence in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_laptop_needs_nothing_but_its_name(tmp_path: Path) -> None:
    done = manage({"DEPLOY_ENV": "local", "DATA_DIR": str(tmp_path)}, "check")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("host", ["127.0.0.1", "/var/run/postgresql"])
@pytest.mark.parametrize(("auth", "password"), [("trust", ""), ("password", "local-secret")])
def test_a_laptop_may_ask_for_a_password_or_none(
    host: str, auth: str, password: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in {"HOST": host, "NAME": "x", "USER": "x", "AUTH": auth, "PASSWORD": "local-secret"}.items():
        monkeypatch.setenv(f"DB_{name}", value)
    settings = databases(local=True, data_dir=tmp_path)["default"]
    assert settings["ENGINE"] == "django.db.backends.postgresql"
    assert (settings["HOST"], settings["PASSWORD"]) == (host, password)


@pytest.mark.parametrize(
    ("given", "options"), [("", "-c jit=off"), ("-c statement_timeout=30000", "-c statement_timeout=30000 -c jit=off")]
)
def test_options_of_the_environment_hold_beside_our_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, given: str, options: str
) -> None:
    for name, value in (production(tmp_path) | {"PGOPTIONS": given}).items():
        monkeypatch.setenv(name, value)
    assert databases(local=False, data_dir=tmp_path)["default"]["OPTIONS"]["options"] == options


def test_serve_refuses_to_start_without_its_tables_in_one_line(tmp_path: Path) -> None:
    done = manage({"DEPLOY_ENV": "local", "DATA_DIR": str(tmp_path)}, "serve")
    assert done.returncode == 1
    assert (
        done.stderr.strip()
        == "CommandError: not starting: migrations not applied: salaries.0001_initial, salaries.0002_activations, "
        "salaries.0003_overview, salaries.0004_filters_in_the_index"
    )


def test_serve_refuses_to_start_without_its_database_in_one_line(tmp_path: Path) -> None:
    environment = {"DEPLOY_ENV": "local", "DATA_DIR": str(tmp_path), "DB_HOST": "127.0.0.1", "DB_PORT": "1"}
    done = manage(environment | {"DB_NAME": "x", "DB_USER": "x", "DB_AUTH": "trust"}, "serve")
    assert done.returncode == 1
    assert done.stderr.startswith("CommandError: not starting: database unreachable: ")
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("name", ["WEB_CONCURRENCY", "PORT"])
def test_serve_refuses_a_number_that_it_can_not_work_with_in_one_line(tmp_path: Path, name: str) -> None:
    environment = {"DEPLOY_ENV": "local", "DATA_DIR": str(tmp_path)}
    assert manage(environment, "migrate").returncode == 0
    done = manage(environment | {name: "0"}, "serve")
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr.startswith(f"CommandError: {name} is '0'; it must be a whole number from 1 to ")
    assert len(done.stderr.strip().splitlines()) == 1
