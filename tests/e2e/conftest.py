"""A project of its own on the local target, shared by the tests of this folder."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from opsctl.local.shell import aws_variables
from opsctl.local.state import read_json
from opsctl.local.target import LocalTarget
from scripts.tools import tool
from tests.functional.cli import ROOT, Ran, opsctl

# Those of the local target, in their order.
STACKS = ("bootstrap", "platform", "network", "egress", "data", "functions", "front", "upkeep", "jobs", "app")


@dataclass(frozen=True)
class Project:
    """A checkout with state of its own: the sources are the repository's."""

    root: Path

    @property
    def target(self) -> LocalTarget:
        """The processes behind it."""
        return LocalTarget(self.root)

    def opsctl(self, *arguments: str, timeout: float = 300) -> Ran:
        """Run the command line here."""
        return opsctl(*arguments, cwd=self.root, timeout=timeout)

    def deploy(self, *arguments: str, timeout: float = 300) -> Ran:
        """Deploy, and fail the test with everything that was printed when it does not succeed."""
        ran = self.opsctl("deploy", "--env", "local", "--json", *arguments, timeout=timeout)
        assert ran.code == 0, ran.err
        return ran

    @property
    def url(self) -> str:
        """Where the service answers."""
        outputs = {each["OutputKey"]: each["OutputValue"] for each in self.stack("front")["Outputs"]}
        return self.target.service_url(outputs["LoadBalancerDnsName"])

    def stack(self, name: str) -> Any:
        """This stack as CloudFormation describes it; empty when there is none."""
        stacks = self.client("cloudformation").describe_stacks()["Stacks"]
        return next((each for each in stacks if each["StackName"].split("-")[-2] == name), {})

    def get(self, path: str, *, url: str = "") -> tuple[int, str]:
        """Status and body of a page of the service, which answers at `url` or where its outputs say."""
        try:
            with urllib.request.urlopen((url or self.url) + path.lstrip("/"), timeout=20) as answer:  # noqa: S310
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def aws(self, *arguments: str) -> Any:
        """The AWS CLI, a client that is not ours, against the emulator."""
        environment = {**os.environ, **aws_variables(self.target.ensure_started(), self.target.key)}
        command = [str(tool("awscli", "aws")), "--output", "json", *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    def client(self, name: str) -> Any:
        """A client of the emulator."""
        found = self.target.ensure_started()
        return boto3.client(
            name,  # type: ignore[call-overload]
            endpoint_url=found.endpoint_url, region_name=found.region,
            aws_access_key_id=self.target.key.id, aws_secret_access_key=self.target.key.secret,
        )  # fmt: skip


def make_project(folder: Path) -> Project:
    """A project in an empty folder; everything is a copy, so that editing the checkout does not disturb a run."""
    for name in ("service", "data", "opsctl"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "raw"))
    shutil.copyfile(ROOT / "environments.yaml", folder / "environments.yaml")
    return Project(folder)


@pytest.fixture(scope="module")
def new_project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A project that was never deployed."""
    made = make_project(tmp_path_factory.mktemp("project"))
    yield made
    made.target.reset()


@pytest.fixture(scope="module")
def project(new_project: Project) -> Project:
    """Deployed once for all tests of a module."""
    new_project.deploy()
    return new_project


@contextmanager
def ports_taken(project: Project) -> Iterator[list[int]]:
    """Stop the local target; then its ports, of which the emulator's is the first, are another program's.

    The registry's is the emulator's; PostgreSQL's and those of the listeners follow.
    """
    project.target.stop()
    state = project.target.state
    ports = [int(port) for port in (*read_json(state.ports).values(), *read_json(state.listeners).values())]
    with ExitStack() as held:
        for port in ports:
            held.enter_context(socket.create_server(("127.0.0.1", port)))
        yield ports
