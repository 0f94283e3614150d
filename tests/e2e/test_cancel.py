"""Ending a deploy from another terminal, and a rollout that can't succeed: what ran goes back, and says why."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.functional.cli import Ran

from .conftest import Project
from .visitors import Visitors

pytestmark = [pytest.mark.emulator, pytest.mark.postgres]
SLOW = "\nimport time\n\ntime.sleep(90)\n"


@pytest.fixture(scope="module")
def project(new_project: Project) -> Project:
    """Never deployed when the first test begins."""
    return new_project


@contextmanager
def deploying(project: Project, status: str) -> Iterator[list[Ran]]:
    """A deploy in another terminal whose app stack is in this status; its end is in the list after the block."""
    ended: list[Ran] = []
    thread = threading.Thread(target=lambda: ended.append(project.opsctl("deploy", "--env", "local")))
    thread.start()
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and app_status(project) != status:
        time.sleep(0.5)
    assert app_status(project) == status
    yield ended
    thread.join()


def app_status(project: Project) -> str:
    return str(project.stack("app").get("StackStatus", "absent"))


@contextmanager
def changed(project: Project, path: str, old: str, new: str) -> Iterator[None]:
    """A file of the project with other text in it, for the block; `old` "" is its end."""
    file = project.root / path
    before = file.read_text()
    assert old in before
    file.write_text(before.replace(old, new, 1) if old else before + new)
    yield
    file.write_text(before)


SHORT = "      health: {path: /healthz, grace: 10}\n"
PATHS = '{"/healthz", "/healthz/", "/health/"}'
SERVE = "service/salaries/management/commands/serve.py"


@pytest.mark.soak
def test_a_first_release_that_is_cancelled_leaves_no_stack(project: Project) -> None:
    with changed(project, SERVE, "", SLOW), deploying(project, "CREATE_IN_PROGRESS") as ended:
        done = project.opsctl("cancel", "--env", "local", "--yes", "--json").json
    assert done["stacks"] == [{"stack": "app", "status": "CREATE_IN_PROGRESS", "after": "gone"}]
    assert ended[0].code == 1
    assert app_status(project) == "absent"


def test_an_update_that_is_cancelled_goes_back_and_its_deploy_names_who_did_it(project: Project) -> None:
    project.deploy()
    with (
        changed(project, SERVE, "", SLOW),
        Visitors(project.url + "healthz") as visitors,
        deploying(project, "UPDATE_IN_PROGRESS") as ended,
    ):
        asked = project.opsctl("cancel", "--env", "local")
        assert (asked.code, app_status(project)) == (2, "UPDATE_IN_PROGRESS")  # nobody can be asked in a pipe
        done = project.opsctl("cancel", "--env", "local", "--yes")
        visitors.wait_until_asked(visitors.asked + 50)
    assert visitors.failed == []
    assert done.code == 0
    assert done.out.endswith("app is UPDATE_ROLLBACK_COMPLETE.\n")
    assert "app is UPDATE_IN_PROGRESS: it goes back to its old template." in done.err
    assert ended[0].code == 1
    assert " cancelled `opsctl deploy --env local` of local." in ended[0].err.splitlines()[-2]
    assert project.get("/readyz")[0] == 200
    again = project.opsctl("cancel", "--env", "local")
    assert (again.code, again.out) == (0, "No command works on local: nothing to cancel.\n")
    assert project.opsctl("status", "--env", "local", "--json").json["lock"] is None


@pytest.mark.soak
def test_a_health_check_that_is_answered_with_404_is_ended_before_ecs_gives_up(project: Project) -> None:
    """ECS would wait for three tasks, half a minute each."""
    with changed(project, "environments.yaml", "      health: /healthz\n", SHORT):
        project.deploy()
        begun = time.monotonic()
        with changed(
            project, "service/config/middleware.py", '{"/healthz", "/healthz/", "/health/"}', '{"/elsewhere"}'
        ):
            failed = project.opsctl("deploy", "--env", "local")
    assert time.monotonic() - begun < 75
    assert failed.code == 1
    assert "failed: the load balancer's health check is answered with 40" in failed.err.splitlines()[-2]
    assert "it is UPDATE_ROLLBACK_COMPLETE." in failed.err
    assert "sooner than ECS's circuit breaker (estimated: " in failed.err
    assert project.get("/readyz")[0] == 200


@pytest.mark.soak
def test_a_release_that_only_starts_slowly_is_left_alone(project: Project) -> None:
    with changed(project, SERVE, "", SLOW.replace("90", "25")):
        project.deploy()
        assert project.get("/readyz")[0] == 200
