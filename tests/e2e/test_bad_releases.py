"""Releases that don't work: the old one keeps serving, the screen says why, and the next deploy goes on from there."""

from __future__ import annotations

import json
import shutil

import pytest

from .conftest import Project
from .visitors import Visitors, broken

pytestmark = [pytest.mark.emulator, pytest.mark.postgres]


@pytest.fixture(scope="module")
def project(new_project: Project) -> Project:
    """Never deployed when the first test begins."""
    return new_project


def test_a_db_init_that_fails_on_the_first_deploy_is_explained_and_the_next_finishes(project: Project) -> None:
    """A role of ours is called like a superuser that exists, which DbInit must not take over."""
    config = project.root / "environments.yaml"
    text = config.read_text()
    config.write_text(text.replace("    target: local\n", "    target: local\n    rds: {app_user: opsctl_superuser}\n"))
    failed = project.opsctl("deploy", "--env", "local")
    config.write_text(text)
    assert failed.code == 1
    screen = failed.err.strip().splitlines()
    assert screen[-2].startswith("Error: jobs: DatabaseRoles (Custom::DbInit) failed: The role opsctl_superuser exists")
    assert screen[-1].startswith("Next: ")
    status = project.opsctl("status", "--env", "local", "--json").json
    assert {item["stack"]: item["status"] for item in status["stacks"]} == {
        **dict.fromkeys(
            ("bootstrap", "platform", "network", "egress", "data", "functions", "front", "upkeep"), "CREATE_COMPLETE"
        ),
        "jobs": "ROLLBACK_COMPLETE",
        "app": "absent",
    }


@pytest.mark.soak
def test_a_first_release_that_crashes_is_explained_and_the_next_deploy_succeeds(project: Project) -> None:
    serve = project.root / "service" / "salaries" / "management" / "commands" / "serve.py"
    before = broken(serve, "print('the cache server is unknown', flush=True)\nraise SystemExit(3)\n")
    failed = project.opsctl("deploy", "--env", "local")
    assert failed.code == 1
    screen = failed.err.strip().splitlines()
    assert screen[-2].startswith("Error: app: Service failed: the cache server is unknown (task ")
    assert any("the cache server is unknown" in line for line in screen[-12:]), failed.err[-3000:]
    assert any("exit code 3" in line for line in screen[-12:])
    serve.write_text(before)
    project.deploy()
    assert project.get("/readyz")[0] == 200


def test_a_release_that_crashes_never_takes_the_service_down_and_is_explained_also_later(project: Project) -> None:
    project.deploy()
    serve = project.root / "service" / "salaries" / "management" / "commands" / "serve.py"
    crash = "print('PASSWORD=hunter2x', flush=True)\nraise ImproperlyConfigured('no such setting')\n"
    before = broken(serve, f"from django.core.exceptions import ImproperlyConfigured\n{crash}")
    with Visitors(project.url + "healthz") as visitors:
        failed = project.opsctl("deploy", "--env", "local")
    serve.write_text(before)
    assert failed.code == 1
    screen = failed.err.strip().splitlines()
    assert screen[-2].startswith("Error: app: Service failed: ImproperlyConfigured: no such setting (task ")
    assert screen[-2].endswith("exit code 1)")
    assert screen[-1].startswith("Next: ")
    assert visitors.asked > 20
    assert visitors.failed == []
    cause = screen[-2].removeprefix("Error: ") + "."
    assert project.opsctl("explain", "--env", "local").out.splitlines()[0] == cause
    project.deploy()
    runs = sorted((project.root / ".opsctl" / "journal" / "local").glob("*.ndjson"))
    shutil.rmtree(project.root / ".opsctl" / "journal")
    explained = project.opsctl("explain", runs[-2].stem, "--env", "local", "--json").json
    assert explained["cause"] == cause
    assert any("no such setting" in line for moment in explained["moments"] for line in moment["lines"])
    assert "hunter2x" not in json.dumps(explained)
    # The newest run went well; without a name the newest that failed is meant.
    assert project.opsctl("explain", "--env", "local", "--json").json["run"] == runs[-2].stem
    unknown = project.opsctl("explain", "20200101-000000-abcdef", "--env", "local")
    assert unknown.code == 2
    assert runs[-1].stem in unknown.err


def test_a_migration_that_fails_stops_the_deploy_before_the_service_changes(project: Project) -> None:
    migrations = project.root / "service" / "salaries" / "migrations"
    last = sorted(path.stem for path in migrations.glob("0*.py"))[-1]
    bad = migrations / "9999_bad.py"
    bad.write_text(
        "from django.db import migrations\n\n\nclass Migration(migrations.Migration):\n"
        f"    dependencies = [('salaries', '{last}')]\n"
        "    operations = [migrations.RunSQL('select no_such_function()', migrations.RunSQL.noop)]\n"
    )
    with Visitors(project.url + "healthz") as visitors:
        failed = project.opsctl("deploy", "--env", "local")
    assert failed.code == 1
    screen = failed.err.strip().splitlines()
    assert screen[-2].startswith("Error: migrate failed: function no_such_function() does not exist (exit code 1).")
    assert screen[-1].startswith("Next: Correct the cause, then run `opsctl deploy --env local` again; ")
    assert any("no_such_function" in line for line in screen[-25:])
    assert not [line for line in screen if "--traceback" in line]
    assert len([line for line in screen if line.endswith("Running migrations:")]) == 1, "the log stands once"
    assert visitors.failed == []
    assert "app: update" not in failed.err
    bad.unlink()
    project.deploy()
    assert project.get("/readyz")[0] == 200
