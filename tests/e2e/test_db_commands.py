"""`opsctl db` on the local target: what people ask it, and what it answers."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest

from .conftest import Project
from .db_faults import run

pytestmark = [pytest.mark.emulator, pytest.mark.postgres]
needs_psql = pytest.mark.skipif(shutil.which("psql") is None, reason="psql is not installed")


def test_the_status_names_every_role_and_finds_nothing_to_do(project: Project) -> None:
    ran = project.opsctl("db", "status", "--env", "local", "--json")
    assert ran.code == 0, ran.err
    status = ran.json
    roles = {role["name"]: role for role in status["roles"]}
    assert [name for name, role in roles.items() if role["login"]] == [
        "app_migrator", "app_loader", "app_user", "app_readonly"
    ]  # fmt: skip
    assert roles["app_migrator"]["member_of"] == ["app_owner"]
    assert roles["app_user"]["member_of"] == ["app_reader"]
    assert status["schema_owners"] == {"app": "app_owner", "stage": "app_owner"}
    assert "app_reader: SELECT on future tables" in status["default_privileges"]
    assert (status["drifted"], status["pending"], status["findings"]) == (False, [], [])
    text = project.opsctl("db", "status", "--env", "local").out
    assert "Database salaries of opsctl_master" in text
    assert text.rstrip().endswith("The roles are as configured.")


def test_the_status_tells_drift_from_what_others_made(project: Project) -> None:
    run(project, "ALTER ROLE app_user CONNECTION LIMIT 3", "GRANT INSERT ON app.django_migrations TO app_readonly")
    status = project.opsctl("db", "status", "--env", "local")
    assert status.code == 0
    lines = status.out.splitlines()
    assert any(line.startswith("To do: ") and "app_user" in line and "42 connections" in line for line in lines)
    assert "Not made by opsctl: app_readonly has INSERT on table app.django_migrations; " in status.out
    assert lines[-1] == "The roles differ from the configuration. `opsctl db init` brings them in line."
    assert project.opsctl("db", "init", "--env", "local", "--check").code == 3
    assert project.opsctl("db", "init", "--env", "local").code == 0
    run(project, "REVOKE INSERT ON app.django_migrations FROM app_readonly")
    assert project.opsctl("db", "status", "--env", "local", "--json").json["drifted"] is False


def test_there_is_no_token_where_nobody_needs_one(project: Project) -> None:
    ran = project.opsctl("db", "token", "--env", "local", "--json")
    assert ran.code == 1
    assert ran.json["error"]["code"] == "no-token"
    assert "opsctl db shell --env local" in ran.err


@needs_psql
def test_the_shell_reads_as_a_person_and_writes_nothing(project: Project) -> None:
    ran = project.opsctl("db", "shell", "--env", "local", "--", "-XAt", "-c", "SELECT current_user, current_schema")
    assert (ran.code, ran.out, ran.err) == (0, "app_readonly|app\n", "")
    ran = project.opsctl("db", "shell", "--env", "local", "--", "-X", "-c", "DELETE FROM django_migrations")
    assert ran.code == 1
    assert "permission denied for table django_migrations" in ran.err


@needs_psql
def test_the_shell_of_the_migrator_acts_as_the_owner(project: Project) -> None:
    ran = project.opsctl(
        "db", "shell", "--env", "local", "--role", "migrator", "--", "-XAt", "-c", "SELECT current_user, session_user"
    )
    assert ran.out == "app_owner|app_migrator\n"


def test_migrate_runs_the_deploys_own_task_and_shows_its_log(project: Project) -> None:
    ran = project.opsctl("db", "migrate", "--env", "local", "--json")
    assert ran.code == 0, ran.err
    assert ran.json["exit_code"] == 0
    assert '"text": "  No migrations to apply."' in ran.err
    outputs = project.opsctl("outputs", "--env", "local", "--json").json
    task = project.aws(
        "ecs", "describe-tasks", "--cluster", outputs["platform"]["ClusterName"], "--tasks", ran.json["task"]
    )["tasks"][0]
    assert task["taskDefinitionArn"] == outputs["jobs"]["MigrateTaskDefinitionArn"]
    assert task["startedBy"] == "opsctl-migrate"


def test_several_migrates_at_once_all_succeed(project: Project) -> None:
    with ThreadPoolExecutor(4) as pool:
        ran = list(pool.map(lambda _: project.opsctl("db", "migrate", "--env", "local"), range(4)))
    assert [(each.code, each.err) for each in ran if each.code != 0] == []


def test_a_migrate_that_fails_ends_with_the_log_and_the_reason(project: Project) -> None:
    run(
        project,
        "ALTER TABLE app.django_migrations RENAME TO elsewhere",
        "CREATE VIEW app.django_migrations AS SELECT 1",
    )
    try:
        ran = project.opsctl("db", "migrate", "--env", "local")
    finally:
        run(project, "DROP VIEW app.django_migrations", "ALTER TABLE app.elsewhere RENAME TO django_migrations")
    assert ran.code == 1
    assert "django_migrations" in ran.err
    assert ran.err.strip().splitlines()[-2].startswith("Error: migrate failed: ")
    assert project.opsctl("db", "migrate", "--env", "local").code == 0


def test_an_environment_that_is_not_deployed_is_named(project: Project) -> None:
    project.opsctl("destroy", "--env", "local", "--yes")
    try:
        ran = project.opsctl("db", "migrate", "--env", "local")
        assert ran.code == 1
        assert "The jobs stack of local is not deployed" in ran.err
        assert "opsctl deploy --env local" in ran.err
    finally:
        project.deploy()
