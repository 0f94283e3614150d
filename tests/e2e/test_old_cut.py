"""An environment whose stacks were cut as they first were becomes one of today: rows stay, and nobody is refused."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.functional.cli import ROOT

from .conftest import Project, make_project
from .test_interrupted import interrupt

pytestmark = [pytest.mark.emulator, pytest.mark.postgres]


def old_cut(project: Project, *arguments: str) -> None:
    """The command line of the old cut."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.e2e.old_cut", *arguments],
        cwd=project.root, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


class Followers:
    """Visitors who find the service by its load balancers' names, as by an address record: one that answers will do."""

    def __init__(self, project: Project) -> None:
        self._api = project.client("elbv2")
        self._url = project.target.service_url
        self.asked = 0
        self.refused: list[str] = []
        self.names: list[str] = []

    @contextmanager
    def visiting(self) -> Iterator[None]:
        """Visit until the block ends."""
        end = threading.Event()

        def visit() -> None:
            while not end.wait(0.02):
                self.visit()

        thread = threading.Thread(target=visit, daemon=True)
        thread.start()
        yield
        end.set()
        thread.join()

    def visit(self) -> None:
        """One visit: it is refused when none of the load balancers answers."""
        problems = []
        for balancer in self._api.describe_load_balancers()["LoadBalancers"]:
            name = balancer["DNSName"]
            if name not in self.names:
                self.names.append(name)
            try:
                with urllib.request.urlopen(self._url(name) + "readyz", timeout=10) as answer:  # noqa: S310
                    if answer.status == 200:
                        break
                    problems.append(f"{name}: {answer.status}")
            except OSError as error:
                problems.append(f"{name}: {error}")
        else:
            self.refused.append("; ".join(problems) or "no load balancer")
        self.asked += 1


def resources(project: Project, stack: str) -> dict[str, str]:
    """Logical id -> physical id of a stack's resources."""
    found: dict[str, Any] = project.aws(
        "cloudformation", "list-stack-resources", "--stack-name", f"local-salaries-{stack}-acme"
    )
    return {item["LogicalResourceId"]: item["PhysicalResourceId"] for item in found["StackResourceSummaries"]}


@pytest.mark.soak
def test_an_environment_of_the_old_cut_is_updated_with_its_rows_and_no_visitor_is_refused(new_project: Project) -> None:
    project = new_project
    old_cut(project, "deploy", "--env", "local", "--json")
    assert project.opsctl("dataset", "refresh", "--env", "local", "--json").code == 0
    before = {name: resources(project, name) for name in ("network", "data", "app")}
    assert "LoadBalancer" in before["app"]
    followers = Followers(project)
    followers.visit()
    assert followers.refused == []
    (old,) = followers.names
    rows = project.get("/api/filters/", url=project.target.service_url(old))
    with followers.visiting():
        project.deploy()
        time.sleep(0.5)
    assert followers.asked > 20
    assert followers.refused == []
    after = {name: resources(project, name) for name in ("network", "data", "app", "front", "upkeep")}
    for stack, kept in (("data", ("Database", "MasterSecret")), ("network", ("Vpc",)), ("app", ("Service",))):
        for name in kept:
            assert after[stack][name] == before[stack][name], name
    assert "LoadBalancer" not in after["app"]
    assert len(followers.names) == 2
    assert project.get("/api/filters/") == rows
    assert project.deploy().json["changed"] is False


POINTS = ["network: UPDATE_IN_PROGRESS", "egress: create", "data: UPDATE_IN_PROGRESS", "front: CREATE_IN_PROGRESS",
          "upkeep: create", "functions: create", "app: UPDATE_IN_PROGRESS"]  # fmt: skip


@pytest.mark.soak
@pytest.mark.parametrize("at", POINTS)
def test_an_update_of_the_old_cut_that_is_killed_is_finished_by_the_next(tmp_path: Path, at: str) -> None:
    project = make_project(tmp_path)
    try:
        old_cut(project, "deploy", "--env", "local", "--json")
        database = resources(project, "data")["Database"]
        followers = Followers(project)
        with followers.visiting():
            code, screen = interrupt(project, at, signal.SIGKILL)
            assert code == -signal.SIGKILL, screen
            if project.opsctl("deploy", "--env", "local").code == 75:  # the dead one's lease
                assert project.opsctl("unlock", "--env", "local", "--yes").code == 0
            project.deploy()
        assert followers.refused == []
        assert resources(project, "data")["Database"] == database
        assert project.deploy().json["changed"] is False
    finally:
        project.target.reset()
