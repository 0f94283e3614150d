"""`deploy --env local --runtime containers`: the same stacks, with containers of podman behind them."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest

from opsctl.local.procs import ProcessId

from .conftest import Project
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


def status(project: ContainerProject) -> Any:
    return project.opsctl("local", "status", "--json").json


def containers(project: ContainerProject, kind: str) -> list[dict[str, str]]:
    """Those that run now, by their name in the task definition."""
    found = status(project)["containers"]
    return [each for each in found if f"-{kind}" in each["name"] and each["status"].startswith("Up")]


def test_the_service_and_the_database_are_containers_and_the_load_balancer_answers(project: ContainerProject) -> None:
    told = project.opsctl("status", "--env", "local", "--json").json
    assert project.get("/readyz")[0] == 200
    assert status(project)["runtime"] == "containers"
    (service,) = containers(project, "service")
    images = project.aws("ecr", "describe-images", "--repository-name", "salaries-local")["imageDetails"]
    digest = told["release"]["digest"]
    assert [each["imageDigest"] for each in images] == [digest]
    assert service["image"].endswith(f"/salaries-local@{digest}")
    (database,) = containers(project, "postgres")
    assert database["image"] == "docker.io/library/postgres:18-alpine"


def test_a_task_is_locked_down_as_its_definition_says(project: ContainerProject) -> None:
    (service,) = containers(project, "service")
    (told,) = json.loads(" ".join(project.podman("inspect", service["id"])))
    code = (
        "import os,pathlib\n"
        "def refused(path):\n"
        "    try: pathlib.Path(path).write_text('x')\n"
        "    except OSError: return True\n"
        "held = [l.split()[1] for l in open('/proc/self/status') if l.startswith(('CapEff', 'CapPrm', 'CapBnd'))]\n"
        "print(os.getuid(), *set(held), refused('/app/x'), refused('/x'), refused('/tmp/x'), sep='|')\n"
    )
    inside = project.podman("exec", service["id"], "python", "-c", code)
    assert inside == ["10001|0000000000000000|True|True|None"]
    assert told["HostConfig"]["ReadonlyRootfs"]
    assert told["HostConfig"]["Memory"] == 512 * 2**20
    assert "DJANGO_SECRET_KEY" not in " ".join(project.podman("ps", "--all", "--format", "{{.Command}}"))


def run_task(project: ContainerProject, code: str) -> tuple[int, list[str]]:
    """A one-off task with another command: its exit code and its lines in CloudWatch Logs."""
    overrides = {"containerOverrides": [{"name": "migrate", "command": ["python", "-c", code]}]}
    task = project.aws(
        "ecs", "run-task", "--cluster", CLUSTER, "--task-definition", f"{CLUSTER}-migrate", "--launch-type", "FARGATE",
        "--overrides", json.dumps(overrides),
    )["tasks"][0]  # fmt: skip
    while task["lastStatus"] != "STOPPED":
        time.sleep(0.2)
        task = project.aws("ecs", "describe-tasks", "--cluster", CLUSTER, "--tasks", task["taskArn"])["tasks"][0]
    (group,) = (
        each["logGroupName"]
        for each in project.aws("logs", "describe-log-groups")["logGroups"]
        if "jobs" in each["logGroupName"]
    )
    stream = f"migrate/migrate/{task['taskArn'].rsplit('/', 1)[-1]}"
    events = project.aws("logs", "get-log-events", "--log-group-name", group, "--log-stream-name", stream)["events"]
    return task["containers"][0]["exitCode"], [each["message"] for each in events]


def test_a_one_off_task_has_an_exit_code_and_lines_in_the_log(project: ContainerProject) -> None:
    code, lines = run_task(project, "import os; print('user', os.getuid(), flush=True); os._exit(7)")
    assert (code, lines) == (7, ["user 10001"])


def test_a_task_that_takes_too_much_memory_is_killed(project: ContainerProject) -> None:
    assert run_task(project, "x = b'x' * 4 * 2**30")[0] == 137


def test_a_refresh_in_a_container_loads_the_sample_data(project: ContainerProject) -> None:
    ran = project.opsctl("dataset", "refresh", "--env", "local", "--json")
    assert ran.code == 0, ran.err
    code, body = project.get("/api/filters/")
    assert code == 200
    assert len(json.loads(body)["roles"]) >= 3
    project.deploy()  # without --runtime: the state knows


def test_a_broken_image_never_takes_the_service_down_and_opsctl_says_why(
    project: ContainerProject, capsys: pytest.CaptureFixture[str]
) -> None:
    """At least 2,000 requests from before the deploy until it has failed, and none of them fails."""
    before = containers(project, "service")
    serve = project.root / "service" / "salaries" / "management" / "commands" / "serve.py"
    text = broken(serve, "print('the cache server is unknown', flush=True)\nraise SystemExit(3)\n")
    with Visitors(project.url + "healthz", people=4) as visitors:
        failed = project.opsctl("deploy", "--env", "local")
        during = visitors.asked
        visitors.wait_until_asked(2000)
    serve.write_text(text)
    with capsys.disabled():
        print(f"\nrequests: {visitors.asked}, {during} of them during the deploy; failed: {len(visitors.failed)}")  # noqa: T201
    assert visitors.failed == []
    assert failed.code == 1
    screen = failed.err.strip().splitlines()
    assert "app: Service (AWS::ECS::Service) failed" in screen[-2]
    assert "Circuit Breaker" in screen[-2]
    assert any("the cache server is unknown" in line for line in screen[-12:]), failed.err[-3000:]
    assert any("exit code 3" in line for line in screen[-12:])
    assert containers(project, "service") == before
    told = project.opsctl("status", "--env", "local", "--json").json
    assert {each["stack"]: each["status"] for each in told["stacks"]}["app"] == "UPDATE_ROLLBACK_COMPLETE"


def test_an_image_that_is_not_there_is_told(project: ContainerProject) -> None:
    ran = project.opsctl("deploy", "--env", "local", "--image-tag", "nobody-pushed-it")
    assert ran.code == 1
    assert "There is no image salaries-local:nobody-pushed-it" in ran.err


def kill(pid: int) -> None:
    process = ProcessId.of(pid)
    assert process
    os.kill(pid, signal.SIGKILL)
    while process.alive:
        time.sleep(0.01)


def test_the_next_deploy_heals_what_was_killed(project: ContainerProject) -> None:
    """The emulator, and the engine's clients with it, which leaves containers that nobody holds."""
    before = project.get("/api/filters/")[1]
    told = status(project)
    (left,) = containers(project, "service")
    clients = [int(each["pid"]) for each in read_tasks(project) if ProcessId.of(int(each["pid"]))]
    for pid in (told["emulator_pid"], told["postgres_pid"], *clients):
        if ProcessId.of(pid):
            kill(pid)

    project.deploy()

    assert project.get("/api/filters/") == (200, before)
    (service,) = containers(project, "service")
    assert service["id"] != left["id"]
    assert len(containers(project, "postgres")) == 1
    assert len(status(project)["containers"]) == 2


def read_tasks(project: ContainerProject) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in project.target.state.tasks.glob("*/task.json")]


def test_a_container_that_dies_is_replaced(project: ContainerProject) -> None:
    (before,) = containers(project, "service")
    project.podman("kill", before["id"])
    deadline = time.monotonic() + 30
    while before in containers(project, "service") or not containers(project, "service"):
        assert time.monotonic() < deadline
        time.sleep(0.3)
    project.opsctl("local", "status")
    assert len(containers(project, "service")) == 1


def test_another_runtime_is_refused_and_nothing_is_touched(project: ContainerProject) -> None:
    ran = project.opsctl("deploy", "--env", "local", "--runtime", "processes")
    assert ran.code == 1
    assert "The local target here runs containers" in ran.err
    assert "opsctl local reset" in ran.err
    assert len(containers(project, "service")) == 1


def test_stop_ends_all_containers_and_keeps_the_data(project: ContainerProject) -> None:
    before = project.get("/api/filters/")[1]
    assert project.opsctl("local", "stop").code == 0
    assert project.podman("ps", "--all", "--quiet") == []
    project.deploy()
    assert project.get("/api/filters/") == (200, before)


def test_reset_leaves_nothing_in_the_engine(project: ContainerProject) -> None:
    """But the image of PostgreSQL, which belongs to whoever uses it."""
    assert project.opsctl("local", "reset", "--yes").code == 0
    assert project.podman("ps", "--all", "--quiet") == []
    assert project.podman("volume", "ls", "--quiet") == []
    assert project.podman("images", "--format", "{{.Repository}}") == ["docker.io/library/postgres"]
    assert not project.target.state.path.exists()


def test_an_environment_on_aws_has_no_runtime(new_project: Project) -> None:
    ran = new_project.opsctl("deploy", "--env", "dev", "--runtime", "containers")
    assert ran.code == 2
    assert ran.err.splitlines()[0] == "Error: --runtime is for environments on this machine, and dev runs on AWS."
