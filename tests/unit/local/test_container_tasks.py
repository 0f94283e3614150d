"""What an engine is asked for, and under which name it gets an image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from opsctl.local.state import StateDir
from opsctl.local.tasks.container_engine import ContainerEngine
from opsctl.local.tasks.container_tasks import ContainerImages, ContainerRunner, options_of
from tests.unit.local.launches import launch

DIGEST = "sha256:" + "a" * 64
ECR = f"000000000000.dkr.ecr.us-east-1.amazonaws.com/salaries@{DIGEST}"
ENGINE = ContainerEngine("podman", StateDir(Path("/state")), {"PATH": "/bin", "HOME": "/home/me"})
IMAGES = ContainerImages(ENGINE, "127.0.0.1:24000", "password", digest_of_tag=lambda _: DIGEST, not_found=LookupError)


def test_it_passes_on_how_a_task_is_locked_down() -> None:
    """As the templates render it, with numbers that came through parameters as text."""
    container = {
        "user": "10001:10001", "readonlyRootFilesystem": True, "mountPoints": [{"containerPath": "/data"}],
        "linuxParameters": {
            "capabilities": {"drop": ["ALL"]},
            "tmpfs": [{"containerPath": "/tmp", "size": "64", "mountOptions": ["noexec", "nosuid"]}],
        },
    }  # fmt: skip
    assert options_of({"memory": "512"}, container) == (
        "--user", "10001:10001", "--read-only", "--cap-drop", "ALL", "--tmpfs", "/tmp:size=64m,noexec,nosuid",
        "--volume", "/data", "--memory", "512m",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("definition", "container", "memory"),
    [({"memory": "512"}, {"memory": 256}, ("--memory", "256m")), ({}, {"readonlyRootFilesystem": "false"}, ())],
)
def test_it_asks_for_nothing_that_is_not_said(
    definition: dict[str, Any], container: dict[str, Any], memory: tuple[str, ...]
) -> None:
    assert options_of(definition, container) == memory


@pytest.mark.parametrize(
    ("name", "local"),
    [
        (ECR, f"127.0.0.1:24000/salaries@{DIGEST}"),
        ("000000000000.dkr.ecr.cn-north-1.amazonaws.com.cn/a/b:1", "127.0.0.1:24000/a/b:1"),
        ("public.ecr.aws/nginx/nginx:1", "public.ecr.aws/nginx/nginx:1"),
        ("evil.example/1.dkr.ecr.us-east-1.amazonaws.com/a:1", "evil.example/1.dkr.ecr.us-east-1.amazonaws.com/a:1"),
    ],
)
def test_an_address_of_ecr_leads_to_the_emulator(name: str, local: str) -> None:
    assert IMAGES.local_name(name) == local


def test_an_image_is_known_by_its_manifests_digest() -> None:
    assert IMAGES.get_registry_data(ECR).id == DIGEST
    assert IMAGES.get_registry_data("salaries:1").id == DIGEST


def test_a_container_gets_its_values_out_of_sight_and_the_engine_keeps_its_own() -> None:
    """A command line can be read by everybody; a task's HOME must not move the engine's."""
    given = {"DJANGO_SECRET_KEY": "hidden", "HOME": "/tmp"}
    invocation = ContainerRunner(ENGINE, IMAGES).invocation(launch(given, image=ECR, options=("--read-only",)))
    command = list(invocation.command)
    assert command[:3] == ["podman", "run", "--rm"]
    assert "hidden" not in " ".join(command)
    assert {"DJANGO_SECRET_KEY", "HOME=/tmp", "BIND_HOST", "PORT"} <= set(command)
    assert (invocation.environment["DJANGO_SECRET_KEY"], invocation.environment["HOME"]) == ("hidden", "/home/me")
    assert invocation.environment["BIND_HOST"] == "127.64.0.9"

    assert command[-5:] == ["--read-only", f"127.0.0.1:24000/salaries@{DIGEST}", "python", "manage.py", "serve"]


def test_a_container_asks_no_proxy_for_the_emulator() -> None:
    """docker gives its containers the proxies of its own configuration; what the task definition says counts more."""
    invocation = ContainerRunner(ENGINE, IMAGES).invocation(launch({"NO_PROXY": "mine"}, image=ECR))
    found = invocation.environment
    assert {"NO_PROXY", "no_proxy"} <= set(invocation.command)
    assert (found["NO_PROXY"], found["no_proxy"]) == ("mine", "127.0.0.1,localhost")
