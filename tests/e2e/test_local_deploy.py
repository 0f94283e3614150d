"""The whole thing on one machine: stacks, roles, migrations, data, service; what must not change it; what heals it."""

from __future__ import annotations

import json
import os
import re
import signal
from pathlib import Path

import psutil
import pytest

from opsctl.deploy.planning.statuses import GOOD

from .conftest import STACKS, Project

pytestmark = [pytest.mark.emulator, pytest.mark.postgres]


def test_every_stack_is_complete_and_the_service_is_ready(project: Project) -> None:
    status = project.opsctl("status", "--env", "local", "--json").json
    assert {item["stack"]: item["status"] for item in status["stacks"]} == dict.fromkeys(STACKS, "CREATE_COMPLETE")
    assert status["lock"] is None
    assert status["release"]["number"] == 1
    assert project.get("/readyz")[0] == 200


def test_another_client_sees_the_same_stacks_outputs_and_service(project: Project) -> None:
    stacks = {item["StackName"]: item for item in project.aws("cloudformation", "describe-stacks")["Stacks"]}
    ours = project.opsctl("outputs", "--env", "local", "--json").json
    for name in STACKS:
        physical = "opsctl-bootstrap" if name == "bootstrap" else f"local-salaries-{name}-acme"
        assert stacks[physical]["StackStatus"] in GOOD
        told = {item["OutputKey"]: item["OutputValue"] for item in stacks[physical].get("Outputs", [])}
        if url := told.pop("ServiceUrl", ""):
            # The one that answers on this machine.
            assert url.startswith("http://local-")
            assert ours[name].pop("ServiceUrl") == project.url
        assert told == ours.get(name, {})
    service = project.aws(
        "ecs",
        "describe-services",
        "--cluster",
        ours["platform"]["ClusterName"],
        "--services",
        ours["app"]["ServiceName"],
    )
    assert service["services"][0]["runningCount"] == service["services"][0]["desiredCount"] == 1


def test_what_it_wrote_and_what_happened_can_be_looked_into(project: Project) -> None:
    """Also which role a command has: what the server itself says of the one that it lets in."""
    code = (
        "from django.db import connection as c; k = c.cursor(); k.execute('select current_user'); print(k.fetchone())"
    )
    for role, name in (("user", "app_user"), ("loader", "app_loader")):
        ran = project.opsctl("run", "--env", "local", "--role", role, "--", "manage.py", "shell", "-c", code)
        assert (ran.code, ran.out.splitlines()[-1:]) == (0, [f"('{name}',)"]), ran.err
    assert project.opsctl("run", "--env", "local", "--", "python", "-c", "import sys; sys.exit(7)").code == 7

    lines = [json.loads(line) for line in project.opsctl("logs", "--env", "local", "--json").out.splitlines()]
    assert any("Listening at" in line.get("fields", {}).get("message", "") for line in lines)
    assert "('app_user',)" in [line["message"] for line in lines]
    assert "Applying" in project.opsctl("logs", "release", "--env", "local", "--previous").out
    released = project.opsctl("logs", "--env", "local", "--release", "1", "--grep", "Listening at").out
    assert released.count("Listening at") == released.count("\n") >= 1
    assert "END RequestId" in project.opsctl("logs", "db-init", "--env", "local").out

    told = [json.loads(line) for line in project.opsctl("events", "--env", "local", "--json").out.splitlines()]
    assert [each["time"] for each in told] == sorted(each["time"] for each in told)
    assert {each["subject"] for each in told if each["what"] == "CREATE_COMPLETE the stack"} == {*STACKS} - {
        "bootstrap"
    }
    assert ("ecs", "web", "has reached a steady state.") in {
        (each["source"], each["subject"], each["what"]) for each in told
    }
    assert project.opsctl("open", "--env", "local").out.strip() == project.url


def test_a_refresh_loads_the_sample_data_and_the_dashboard_shows_it(project: Project) -> None:
    before = project.get("/api/filters/")
    assert before[0] == 200
    ran = project.opsctl("dataset", "refresh", "--env", "local", "--json")
    assert ran.code == 0, ran.err
    status, body = project.get("/api/filters/")
    assert status == 200
    roles = re.findall(r'"([a-z_]+)"', body.split('"roles"')[1].split("]")[0])
    assert len(roles) >= 3
    status, body = project.get(f"/api/salaries/?role={roles[0]}")
    assert status == 200
    assert int(re.findall(r'"total_observations": ?(\d+)', body)[0]) > 0
    status, page = project.get("/dashboard/")
    assert status == 200
    assert "Tech Salary Insights" in page


def test_a_deploy_without_changes_writes_nothing_and_asks_little(project: Project) -> None:
    project.deploy()
    for caches in ("kept", "deleted"):
        if caches == "deleted":
            for path in (project.root / ".opsctl" / "cache").rglob("*.zip"):
                path.unlink()
        project.target.reset_calls()
        result = project.deploy().json
        calls = project.target.calls()["client"]
        assert result["changed"] is False
        assert calls["writes"] == 0, calls
        # Among them whether its tasks run and answer: what does not is not up to date.
        assert calls["total"] == 5 + len(STACKS), calls


def test_a_dry_run_and_a_diff_create_nothing(project: Project) -> None:
    changed = project.root / "environments.yaml"
    text = changed.read_text()
    changed.write_text(
        text.replace("repository_name: salaries-local", "repository_name: salaries-local\n      max_count: 3")
    )
    try:
        project.target.reset_calls()
        dry = project.opsctl("deploy", "--env", "local", "--dry-run", "--json")
        plan = project.root / "plan.json"
        diff = project.opsctl("diff", "--env", "local", "--json", "--out", str(plan))
        assert (dry.code, diff.code) == (0, 3)
        planned = {item["stack"]: item["action"] for item in diff.json["stacks"]}
        assert planned == {**dict.fromkeys(STACKS, "unchanged"), "jobs": "update", "app": "update"}
    finally:
        changed.write_text(text)
    # What was planned is not what is configured any more.
    moved = project.opsctl("deploy", "--env", "local", "--plan", str(plan))
    assert (moved.code, "app: its template was" in moved.err) == (3, True)
    assert project.target.calls()["client"]["writes"] == 0


@pytest.mark.parametrize(
    "victim", ["emulator", *(pytest.param(each, marks=pytest.mark.soak) for each in ("postgres", "service"))]
)
def test_a_killed_process_is_healed_by_the_next_deploy(project: Project, victim: str) -> None:
    status = project.target.status()
    pid = {"emulator": status.emulator_pid, "postgres": status.postgres_pid, "service": _service_pid(project)}[victim]
    assert pid is not None
    observations = project.get("/api/filters/")[1]
    os.kill(pid, signal.SIGKILL)
    project.deploy()
    assert project.get("/readyz")[0] == 200
    assert project.get("/api/filters/")[1] == observations


def _service_pid(project: Project) -> int:
    """The service's first process: its environment names this project's state."""
    marker = str(project.root)
    for process in psutil.process_iter(["cmdline", "pid"]):
        words = " ".join(process.info["cmdline"] or [])
        if "gunicorn" not in words and "manage.py serve" not in words:
            continue
        try:
            if marker in str(process.environ()):
                return int(process.info["pid"])
        except psutil.Error:
            continue
    raise AssertionError("the service runs in no process")


def test_everything_listens_on_loopback_only(project: Project) -> None:
    parents = [psutil.Process(project.target.status().emulator_pid)]
    processes = parents + parents[0].children(recursive=True)
    listening = [
        connection.laddr.ip
        for process in processes
        for connection in process.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert listening
    assert all(address.startswith("127.") for address in listening), listening


@pytest.mark.soak
def test_a_failing_db_init_is_explained_and_the_next_deploy_finishes(project: Project) -> None:
    """The master's secret is spoiled, as a rotation that went wrong would leave it."""
    arn = project.opsctl("outputs", "--env", "local", "--json", "data.MasterSecretArn").json
    good = project.aws("secretsmanager", "get-secret-value", "--secret-id", arn)["SecretString"]
    bad = re.sub(r'("password": ?")[^"]*', r"\1wrong", good)
    project.aws("secretsmanager", "put-secret-value", "--secret-id", arn, "--secret-string", bad)
    config = project.root / "environments.yaml"
    text = config.read_text()
    limited = "    target: local\n    rds: {app_user_connection_limit: 50}\n"
    config.write_text(text.replace("    target: local\n", limited))
    try:
        failed = project.opsctl("deploy", "--env", "local")
        assert failed.code == 1
        last = failed.err.strip().splitlines()[-2:]
        assert "DbInit" in last[0]
        assert "password" in last[0]
        assert "opsctl deploy" in last[1]
        assert "wrong" not in failed.err
        project.aws("secretsmanager", "put-secret-value", "--secret-id", arn, "--secret-string", good)
        assert project.deploy().json["changed"] is True
        assert project.get("/readyz")[0] == 200
    finally:
        config.write_text(text)
        project.aws("secretsmanager", "put-secret-value", "--secret-id", arn, "--secret-string", good)


def test_stop_and_start_keep_the_data(project: Project) -> None:
    observations = project.get("/api/filters/")[1]
    assert project.opsctl("local", "stop", "--json").json == {"stopped": True}
    assert not project.target.status().running
    project.deploy()
    assert project.get("/api/filters/")[1] == observations


def test_a_stack_that_is_not_configured_any_more_is_shown_and_can_be_removed(project: Project) -> None:
    config = project.root / "environments.yaml"
    text = config.read_text()
    config.write_text(text.replace("    target: local\n", "    target: local\n    dashboard: {enabled: true}\n"))
    assert project.deploy().json["changed"] is True
    config.write_text(text)
    shown = {
        item["stack"]: item["next_deploy"]
        for item in project.opsctl("status", "--env", "local", "--json").json["stacks"]
    }
    assert shown["dashboard"] == "nothing: it is not configured any more"
    gone = project.opsctl("destroy", "--env", "local", "--only-unwanted", "--yes", "--json")
    assert gone.json["removed"] == ["dashboard"]
    assert "dashboard" not in project.opsctl("outputs", "--env", "local", "--json").json


def test_destroy_keeps_the_database_until_it_is_named(project: Project) -> None:
    refused = project.opsctl("destroy", "--env", "local", "--delete-data", "--yes")
    assert refused.code == 2
    assert "--database salaries" in refused.err
    gone = project.opsctl("destroy", "--env", "local", "--yes", "--json").json
    assert gone["removed"] == ["app", "front", "jobs", "functions"]
    assert set(gone["stay"]) == {"bootstrap", "platform", "network", "egress", "data", "upkeep"}
    # The rest goes although the file does not name it any more.
    config = project.root / "environments.yaml"
    text = config.read_text()
    config.write_text(text.replace("  local:\n", "  other:\n").replace("default_environment: local", ""))
    assert "--from-account" in project.opsctl("destroy", "--env", "local").err
    (place,) = project.opsctl("status", "--from-account", "--json").json
    (found,) = place["environments"]
    assert (found["name"], found["in_file"], len(found["stacks"])) == ("local", False, 5)
    all_gone = project.opsctl(
        "destroy", "--env", "local", "--from-account", "--delete-data", "--yes", "--database", "salaries", "--json"
    )
    config.write_text(text)
    assert all_gone.json["removed"] == ["upkeep", "egress", "data", "network", "platform"]
    left = {each["kind"]: each["command"] for each in all_gone.json["left"]}
    assert set(left) == {"final snapshot", "secret", "image repository", "key", "bucket", "stack"}
    assert set(left.values()) == {"opsctl local reset"}
    project.deploy()
    assert project.get("/readyz")[0] == 200


def test_the_journal_tells_what_happened(project: Project) -> None:
    journals = sorted(Path(project.root, ".opsctl", "journal", "local").glob("*.ndjson"))
    assert journals
    assert '"type": "step-started"' in journals[0].read_text()
