"""A service behind the load balancer: first release, rolling update, bad releases, kill -9."""

from __future__ import annotations

import http.client
import json
import threading
import time
import urllib.error
import urllib.request
from typing import Any

import pytest

from opsctl.local.tasks.images import push_image
from tests.functional.local.sandbox import Sandbox
from tests.functional.local.snapshots import snapshot_image
from tests.functional.local.stacks import deploy, outputs, reasons, service_template, settle
from tests.functional.local.tiny_service import write_service

pytestmark = pytest.mark.emulator


def image(sandbox: Sandbox, release: str, *, crash: bool = False, health: int = 200) -> str:
    """Snapshot and push a release; answers the image reference by digest."""
    source = write_service(sandbox.root / "sources" / release, release=release, crash=crash, health=health)
    digest = snapshot_image(source, sandbox.root)
    ecr = sandbox.client("ecr")
    if "tiny" not in [each["repositoryName"] for each in ecr.describe_repositories()["repositories"]]:
        ecr.create_repository(repositoryName="tiny")
    push_image(ecr, root=sandbox.root, repository="tiny", tag=release, digest=digest)
    return f"{sandbox.endpoints.account_id}.dkr.ecr.us-east-1.amazonaws.com/tiny@{digest}"


def fetch(url: str, path: str = "") -> dict[str, Any]:
    with urllib.request.urlopen(url + path, timeout=10) as answer:  # noqa: S310
        seen: dict[str, Any] = json.load(answer)
    return seen


def wait_for(check: Any, seconds: float = 30.0) -> Any:
    """Ask until the answer is true; the last one is returned either way."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            answer = check()
        except (OSError, urllib.error.URLError, KeyError):
            answer = None
        if answer or time.monotonic() > deadline:
            return answer
        time.sleep(0.1)


@pytest.fixture(scope="module")
def url(sandbox: Sandbox) -> str:
    cloudformation = sandbox.client("cloudformation")
    parameters = {"Image": image(sandbox, "one"), "Count": "2"}
    assert deploy(cloudformation, "tiny", service_template(), parameters) == "CREATE_COMPLETE", reasons(
        cloudformation, "tiny"
    )
    return sandbox.target.service_url(outputs(cloudformation, "tiny")["Dns"])


def test_it_serves_the_release_through_the_load_balancer(sandbox: Sandbox, url: str) -> None:
    seen = fetch(url, "some/page?x=1")

    assert seen["release"] == "one"
    assert seen["path"] == "/some/page?x=1"
    assert seen["host"] == url.removeprefix("http://").rstrip("/")
    assert seen["forwarded"] == "http"
    assert seen["environment"]["GREETING"] == "hello"
    assert seen["environment"]["SECRET"] == "from-the-vault"
    assert seen["environment"]["PORT"] == "8000"
    assert seen["environment"]["BIND_HOST"].startswith("127.")
    assert seen["environment"]["DATA_DIR"] == str(sandbox.target.state.volumes / "tiny")
    assert seen["cwd"].startswith(str(sandbox.target.state.images))


def test_it_passes_bodies_cookies_and_head_requests_on(url: str) -> None:
    connection = http.client.HTTPConnection(url.removeprefix("http://").rstrip("/"), timeout=10)
    body = bytes(range(256)) * 1000

    connection.request("HEAD", "/")
    head = connection.getresponse()
    assert (head.status, head.read()) == (200, b"")
    # The same connection goes on: the load balancer keeps it alive.
    connection.request("POST", "/", body=body)
    answer = connection.getresponse()

    assert answer.status == 201
    assert [value.split(";")[0] for value in answer.headers.get_all("Set-Cookie", [])] == ["a=1", "b=2"]
    assert answer.read() == body


def test_it_uses_both_tasks_and_reports_their_health(sandbox: Sandbox, url: str) -> None:
    assert len({fetch(url)["pid"] for _ in range(40)}) == 2

    targets = outputs(sandbox.client("cloudformation"), "tiny")["Targets"]
    described = sandbox.client("elbv2").describe_target_health(TargetGroupArn=targets)["TargetHealthDescriptions"]
    assert [each["TargetHealth"]["State"] for each in described] == ["healthy", "healthy"]
    assert len({each["Target"]["Id"] for each in described}) == 2


def test_it_forwards_log_lines_to_the_log_group(sandbox: Sandbox, url: str) -> None:
    events = sandbox.client("logs").filter_log_events(logGroupName="/tiny/service")["events"]

    assert "release one starts" in [each["message"] for each in events]


def test_it_rolls_to_a_new_release_without_a_failed_request(sandbox: Sandbox, url: str) -> None:
    failures: list[str] = []
    releases: list[str] = []
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            try:
                releases.append(fetch(url)["release"])
            except OSError as error:
                failures.append(str(error))

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        parameters = {"Image": image(sandbox, "two"), "Count": "2"}
        status = deploy(sandbox.client("cloudformation"), "tiny", service_template(), parameters)
        time.sleep(1)
    finally:
        done.set()
        asking.join()

    assert status == "UPDATE_COMPLETE"
    assert failures == []
    assert (releases[0], releases[-1]) == ("one", "two")


def test_it_starts_the_tasks_of_an_unchanged_release_anew(sandbox: Sandbox, url: str) -> None:
    ecs, release = sandbox.client("ecs"), fetch(url)["release"]
    before = ecs.list_tasks(cluster="tiny")["taskArns"]
    template = service_template()
    forced = {"EnableForceNewDeployment": True, "ForceNewDeploymentNonce": "again"}
    template["Resources"]["Service"]["Properties"]["ForceNewDeployment"] = forced

    parameters = {"Image": image(sandbox, release), "Count": "2"}

    assert deploy(sandbox.client("cloudformation"), "tiny", template, parameters) == "UPDATE_COMPLETE"
    after = ecs.list_tasks(cluster="tiny")["taskArns"]
    assert len(after) == 2
    assert not set(after) & set(before)


@pytest.mark.parametrize(
    ("release", "options"),
    [("crashes", {"crash": True}), ("unhealthy", {"health": 500})],
)
def test_it_rolls_a_bad_release_back_while_the_old_one_serves(
    sandbox: Sandbox, url: str, release: str, options: dict[str, Any]
) -> None:
    cloudformation = sandbox.client("cloudformation")
    before = fetch(url)["release"]

    status = deploy(
        cloudformation,
        "tiny",
        service_template(),
        {"Image": image(sandbox, release, **options), "Count": "2"},
        wait=180,
    )

    assert status == "UPDATE_ROLLBACK_COMPLETE"
    assert "ECS Deployment Circuit Breaker was triggered" in reasons(cloudformation, "tiny")[0]
    assert fetch(url)["release"] == before
    events = sandbox.client("logs").filter_log_events(logGroupName="/tiny/service")["events"]
    assert f"release {release} starts" in [each["message"] for each in events]


def test_it_replaces_a_killed_service_process(sandbox: Sandbox, url: str) -> None:
    victim = fetch(url)["pid"]

    sandbox.kill(victim)

    def replaced() -> bool:
        # Until the death is noticed the killed process still counts as healthy, and what it is asked is a 502.
        answering = {fetch(url)["pid"] for _ in range(20)}
        return len(answering) == 2 and victim not in answering

    assert wait_for(replaced)
    assert sandbox.target.status().services[0].healthy == 2


def test_it_brings_the_service_back_under_the_same_url_after_the_emulator_was_killed(
    sandbox: Sandbox, url: str
) -> None:
    sandbox.target.flush()
    release = fetch(url)["release"]
    pid = sandbox.target.status().emulator_pid

    sandbox.kill(pid)
    lines: list[str] = []
    sandbox.target.ensure_started(lines.append)

    assert fetch(url)["release"] == release
    assert sandbox.target.status().services[0].healthy == 2
    assert sandbox.target.status().emulator_pid != pid
    assert any("Starting" in line for line in lines)


def test_it_fails_a_first_release_that_never_gets_healthy(sandbox: Sandbox) -> None:
    cloudformation = sandbox.client("cloudformation")
    template = service_template()
    template["Resources"]["Cluster"]["Properties"]["ClusterName"] = "other"
    template["Resources"]["Logs"]["Properties"]["LogGroupName"] = "/other/service"
    template["Resources"]["Service"]["Properties"]["HealthCheckGracePeriodSeconds"] = 45

    status = deploy(
        cloudformation, "other", template, {"Image": image(sandbox, "crashes-at-first", crash=True)}, wait=120
    )

    assert status == "ROLLBACK_COMPLETE"
    assert any("Circuit Breaker" in each for each in reasons(cloudformation, "other"))
    cloudformation.delete_stack(StackName="other")
    assert settle(cloudformation, "other") == "GONE"
    assert deploy(cloudformation, "other", template, {"Image": image(sandbox, "works-at-last")}) == "CREATE_COMPLETE"
    services = sandbox.client("ecs").describe_services(cluster="other", services=["tiny"])["services"]
    assert services[0]["healthCheckGracePeriodSeconds"] == 45


def test_it_fails_a_worker_that_ends_soon_after_its_start(sandbox: Sandbox) -> None:
    cloudformation = sandbox.client("cloudformation")
    template = service_template(command=["python", "-c", "import time; time.sleep(2); raise SystemExit(3)"])
    template["Resources"]["Cluster"]["Properties"]["ClusterName"] = "works"
    template["Resources"]["Logs"]["Properties"]["LogGroupName"] = "/works/service"
    del template["Resources"]["Service"]["Properties"]["LoadBalancers"]

    status = deploy(cloudformation, "works", template, {"Image": image(sandbox, "worker")}, wait=120)

    assert status == "ROLLBACK_COMPLETE"
    assert any("Circuit Breaker" in each for each in reasons(cloudformation, "works"))
