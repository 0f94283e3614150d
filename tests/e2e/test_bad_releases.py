"""Releases that don't work: the old one keeps serving, the screen says why, and the next deploy goes on from there."""

from __future__ import annotations

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
    assert "app: Service (AWS::ECS::Service) failed" in screen[-2]
    assert any("the cache server is unknown" in line for line in screen[-12:]), failed.err[-3000:]
    assert any("exit code 3" in line for line in screen[-12:])
    serve.write_text(before)
    project.deploy()
    assert project.get("/readyz")[0] == 200


def test_a_release_that_crashes_never_takes_the_service_down(project: Project) -> None:
    project.deploy()
    serve = project.root / "service" / "salaries" / "management" / "commands" / "serve.py"
    before = broken(serve, "raise SystemExit('no such setting')\n")
    with Visitors(project.url + "healthz") as visitors:
        failed = project.opsctl("deploy", "--env", "local")
    serve.write_text(before)
    assert failed.code == 1
    assert "no such setting" in failed.err
    assert visitors.asked > 20
    assert visitors.failed == []
    project.deploy()


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
    assert screen[-2].startswith("Error: migrate failed: exit code")
    assert any("no_such_function" in line for line in screen[-25:])
    assert visitors.failed == []
    assert "app: update" not in failed.err
    bad.unlink()
    project.deploy()
    assert project.get("/readyz")[0] == 200
