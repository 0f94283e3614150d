"""`deploy --env local --runtime containers`: the same stacks, with containers of podman behind them."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from opsctl.local.procs import ProcessId
from opsctl.local.state import read_json
from tests.soak import rounds

from .conftest import Project, ports_taken
from .containers import ContainerProject, container_project
from .visitors import Visitors, broken

pytestmark = [pytest.mark.emulator, pytest.mark.postgres]
CLUSTER = "local-salaries-acme"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ContainerProject]:
    """Deployed once for all tests of this module; the last of them deletes it."""
    with container_project(tmp_path_factory.mktemp("containers")) as made:
        made.deploy("--runtime", "containers")
        yield made


def test_the_service_and_the_database_are_containers_and_the_load_balancer_answers(project: ContainerProject) -> None:
    assert project.get("/readyz")[0] == 200
    assert project.target.status().runtime == "containers"
    (database,) = project.running("postgres")
    assert database.image == "docker.io/library/postgres:18-alpine"
    (service,) = project.running("service")
    (image,) = project.client("ecr").describe_images(repositoryName="salaries-local")["imageDetails"]
    assert service.image.endswith(f"/salaries-local@{image['imageDigest']}")
    release = project.opsctl("status", "--env", "local", "--json").json["release"]
    assert release["digest"] == image["imageDigest"]


INSIDE = (
    "import os, pathlib\n"
    "def refused(path):\n"
    "    try: pathlib.Path(path).write_text('x')\n"
    "    except OSError: return True\n"
    "    return False\n"
    "held = [l.split()[1] for l in open('/proc/self/status') if l.startswith(('CapEff', 'CapPrm', 'CapBnd'))]\n"
    "print(os.getuid(), os.getgid(), set(held), refused('/app/x'), refused('/x'), refused('/tmp/x'))\n"
)


def test_a_task_is_locked_down_as_its_definition_says(project: ContainerProject) -> None:
    """User 10001, no capabilities, root read-only, /tmp in memory; its secrets on no command line."""
    (service,) = project.running("service")
    assert project.podman("exec", service.id, "python", "-c", INSIDE) == (
        "10001 10001 {'0000000000000000'} True True False"
    )
    assert project.podman("inspect", "--format", "{{.HostConfig.Memory}}", service.id) == str(512 * 2**20)
    secret = project.podman("exec", service.id, "printenv", "DJANGO_SECRET_KEY")
    (client,) = clients(project, "service")
    assert len(secret) > 20
    assert secret not in Path(f"/proc/{client}/cmdline").read_text()


def clients(project: ContainerProject, name: str) -> list[int]:
    """Processes of ours that hold containers with this name in their task definition."""
    found = [read_json(path) for path in project.target.state.tasks.glob("*/task.json")]
    return [each["pid"] for each in found if each["name"] == name and ProcessId.of(each["pid"])]


def run_task(project: ContainerProject, code: str) -> tuple[int, list[str]]:
    """A one-off task with another command: its exit code and its lines in CloudWatch Logs."""
    ecs, logs = project.client("ecs"), project.client("logs")
    started: dict[str, Any] = ecs.run_task(
        cluster=CLUSTER, taskDefinition=f"{CLUSTER}-migrate", launchType="FARGATE",
        overrides={"containerOverrides": [{"name": "migrate", "command": ["python", "-c", code]}]},
    )["tasks"][0]  # fmt: skip
    arn = started["taskArn"]
    deadline = time.monotonic() + 60
    while (task := ecs.describe_tasks(cluster=CLUSTER, tasks=[arn])["tasks"][0])["lastStatus"] != "STOPPED":
        assert time.monotonic() < deadline, task
        time.sleep(0.1)
    events = logs.get_log_events(
        logGroupName="/opsctl/local/salaries/jobs", logStreamName=f"migrate/migrate/{arn.rsplit('/', 1)[-1]}"
    )["events"]
    return task["containers"][0]["exitCode"], [each["message"] for each in events]


def test_a_one_off_task_has_an_exit_code_and_lines_in_the_log(project: ContainerProject) -> None:
    code, lines = run_task(project, "import os; print('user', os.getuid(), flush=True); os._exit(7)")
    assert (code, lines) == (7, ["user 10001"])


def test_a_task_that_takes_too_much_memory_is_killed(project: ContainerProject) -> None:
    assert run_task(project, "x = b'x' * 4 * 2**30")[0] == 137


def test_a_refresh_in_a_container_loads_the_sample_data(project: ContainerProject) -> None:
    ran = project.opsctl("dataset", "refresh", "--env", "local", "--json")
    assert ran.code == 0, ran.err
    status, body = project.get("/api/filters/")
    assert status == 200
    assert len(json.loads(body)["roles"]) >= 3


def test_a_broken_image_never_takes_the_service_down_and_opsctl_says_why(
    project: ContainerProject, capsys: pytest.CaptureFixture[str]
) -> None:
    """Hundreds of requests, thousands in a long proof, from before the deploy until after it has failed: none fails."""
    before = project.running("service")
    serve = project.root / "service" / "salaries" / "management" / "commands" / "serve.py"
    text = broken(serve, "print('the cache server is unknown', flush=True)\nraise SystemExit(3)\n")
    with Visitors(project.url + "healthz", people=6) as visitors:
        failed = project.opsctl("deploy", "--env", "local")
        during = visitors.asked
        visitors.wait_until_asked(rounds(sample=200, whole=2000))
    serve.write_text(text)
    with capsys.disabled():
        sys.stdout.write(
            f"\nrequests: {visitors.asked:,}, {during:,} of them during the deploy; failed: {len(visitors.failed)}\n"
        )
    assert visitors.failed == []
    assert failed.code == 1
    screen = failed.err.strip().splitlines()
    assert screen[-2].startswith("Error: app: Service failed: the cache server is unknown"), failed.err[-3000:]
    assert any("the cache server is unknown" in line for line in screen[-8:])
    assert any("exit code 3" in line for line in screen[-8:])
    kept = {each.id for each in before}
    deadline = time.monotonic() + 60
    # One that was being started when the rollout was given up ends by itself.
    while (running := {each.id for each in project.running("service")}) != kept:
        assert running > kept
        assert time.monotonic() < deadline
        time.sleep(0.2)


def kill(pid: int) -> None:
    process = ProcessId.of(pid)
    if process:
        os.kill(pid, signal.SIGKILL)
        while process.alive:
            time.sleep(0.01)


def test_the_next_deploy_heals_what_was_killed(project: ContainerProject) -> None:
    """The engine's clients die before they can pass a signal on, and the emulator before it can clean up after them:
    that leaves containers which nobody holds.
    """
    before = project.get("/api/filters/")
    told = project.target.status()
    assert told.emulator_pid
    (left,) = project.running("service")
    os.kill(told.emulator_pid, signal.SIGSTOP)
    for pid in (*clients(project, "service"), told.postgres_pid, told.emulator_pid):
        kill(pid or 0)
    assert len(project.running("")) == 2

    project.deploy()  # without --runtime: the state knows

    assert project.get("/api/filters/") == before
    (service,) = project.running("service")
    assert service.id != left.id
    assert len(project.target.status().containers) == 2


def test_a_container_that_dies_is_replaced(project: ContainerProject) -> None:
    (before,) = project.running("service")
    project.podman("kill", before.id)
    deadline = time.monotonic() + 60
    while before.id in [each.id for each in project.running("service")] or project.get("/readyz")[0] != 200:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert len(project.running("service")) == 1


def test_another_runtime_is_refused_and_nothing_is_touched(project: ContainerProject) -> None:
    ran = project.opsctl("deploy", "--env", "local", "--runtime", "processes")
    assert ran.code == 1
    assert said(ran.err)[0].startswith("Error: The local target here runs containers")
    assert "opsctl local reset" in ran.err
    assert len(project.running("service")) == 1


def test_a_stop_ends_all_containers_and_keeps_the_data(project: ContainerProject) -> None:
    before = project.get("/api/filters/")
    assert before[0] == 200
    assert project.opsctl("local", "stop").code == 0
    assert project.podman("ps", "--all", "--quiet") == ""
    project.target.ensure_started()
    assert project.get("/api/filters/") == before


@pytest.mark.soak
def test_once_stopped_reading_starts_nothing_and_the_next_deploy_finds_ports_that_were_taken(
    project: ContainerProject,
) -> None:
    before = project.get("/api/filters/")
    with ports_taken(project) as taken:
        status = project.opsctl("status", "--env", "local")
        assert status.out.startswith("The local target does not run. `opsctl deploy --env local` starts it.")
        kept = {name: project.opsctl(*name.split(), "--env", "local") for name in ("logs", "releases", "explain")}
        assert {name: ran.code for name, ran in kept.items()} == dict.fromkeys(kept, 0)
        assert "Listening at" in kept["logs"].out
        for name in ("diff", "events", "open", "drift", "outputs"):
            ran = project.opsctl(name, "--env", "local")
            assert (ran.code, "does not run" in ran.err) == (1, True), (name, ran.err)
        assert project.podman("ps", "--all", "--quiet") == ""
        deployed = project.deploy()
        assert f"Another program has port {taken[0]} of the emulator now" in deployed.err
        assert deployed.json["changed"]
        assert project.get("/api/filters/") == before
        assert not project.deploy().json["changed"]
        assert not {int(project.url.rstrip("/").rpartition(":")[2])} & set(taken)
        deadline = time.monotonic() + 30
        while len(project.target.status().containers) != 2 and time.monotonic() < deadline:  # one is being stopped
            time.sleep(0.5)
        assert len(project.target.status().containers) == 2


def test_a_reset_leaves_nothing_in_the_engine(project: ContainerProject) -> None:
    """But PostgreSQL's image, which may have been there before."""
    assert project.opsctl("local", "reset", "--yes").code == 0
    assert project.podman("ps", "--all", "--quiet") == ""
    assert project.podman("volume", "ls", "--quiet") == ""
    assert project.podman("images", "--format", "{{.Repository}}") == "docker.io/library/postgres"
    assert not project.target.state.path.exists()


def test_an_environment_on_aws_has_no_runtime(new_project: Project) -> None:
    ran = new_project.opsctl("deploy", "--env", "dev", "--runtime", "containers")
    assert ran.code == 2
    assert ran.err.splitlines()[0] == "Error: --runtime is for environments on this machine, and dev runs on AWS."


def said(text: str) -> list[str]:
    """The failure, without the notes before it."""
    lines = text.splitlines()
    return lines[next(number for number, line in enumerate(lines) if line.startswith("Error: ")) :]


def test_a_machine_without_an_engine_is_told_and_nothing_is_started(
    new_project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    ran = new_project.opsctl("deploy", "--env", "local", "--runtime", "containers")
    assert ran.code == 1
    assert said(ran.err) == [
        "Error: No container engine answers on this machine (docker is not installed; podman is not installed).",
        "Next: Start docker or install podman, or leave --runtime away: processes need no engine, "
        "and a command of application.web in place of the image's own.",
    ]
    assert not new_project.target.status().running
