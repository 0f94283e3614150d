"""Start, status, stop, reset; two starters; ending by itself; loopback only; counting calls; interrupted stacks."""

from __future__ import annotations

import json
import shutil
import socket
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from opsctl.errors import ExitCode
from opsctl.local import start
from opsctl.local.procs import ProcessId, marked
from opsctl.local.settings import LocalSettings, LocalTargetError
from opsctl.local.target import LocalTarget
from tests.functional.local.sandbox import Sandbox
from tests.functional.local.stacks import Template, deploy, function, outputs, settle
from tests.functional.local.strangers import status

pytestmark = pytest.mark.emulator


@pytest.fixture
def target(tmp_path: Path) -> Iterator[LocalTarget]:
    target = LocalTarget(tmp_path)
    yield target
    target.reset()


def wait_for_the_end(target: LocalTarget, pids: list[int], seconds: float = 20) -> bool:
    processes = [ProcessId.of(pid) for pid in pids]
    deadline = time.monotonic() + seconds
    while any(each and each.alive for each in processes) or marked(target.state.path):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def pids_of(target: LocalTarget) -> list[int]:
    status = target.status()
    assert status.emulator_pid
    assert status.postgres_pid
    return [status.emulator_pid, status.postgres_pid]


def test_it_starts_once_and_answers_again_without_starting(target: LocalTarget) -> None:
    lines: list[str] = []
    first = target.ensure_started(lines.append)
    pids = pids_of(target)

    assert target.ensure_started(lines.append) == first
    assert pids_of(target) == pids
    assert lines == ["Starting the local AWS emulator and PostgreSQL."]


def test_it_keeps_ports_and_state_over_a_stop(target: LocalTarget) -> None:
    first = target.ensure_started()
    sandbox = Sandbox(target.state.path.parent.parent)
    sandbox.client("s3").create_bucket(Bucket="kept")
    sandbox.client("s3").put_object(Bucket="kept", Key="a/b", Body=b"bytes")
    pids = pids_of(target)

    assert target.stop()
    assert wait_for_the_end(target, pids)
    assert not target.status().running
    assert target.ensure_started() == first
    assert sandbox.client("s3").get_object(Bucket="kept", Key="a/b")["Body"].read() == b"bytes"


def test_it_stops_nothing_when_nothing_runs(target: LocalTarget) -> None:
    assert not target.stop()
    assert not target.status().running
    assert not target.state.path.exists()


def test_it_starts_one_emulator_for_two_starters(target: LocalTarget) -> None:
    found: list[tuple[str, int | None]] = []

    def start() -> None:
        mine = LocalTarget(target.state.path.parent.parent)
        endpoints = mine.ensure_started()
        found.append((endpoints.endpoint_url, mine.status().emulator_pid))

    threads = [threading.Thread(target=start) for _ in range(3)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()

    assert len(found) == 3
    assert len(set(found)) == 1


def test_it_ends_by_itself_when_its_directory_vanishes(target: LocalTarget) -> None:
    target.ensure_started()
    pids = pids_of(target)

    shutil.rmtree(target.state.path.parent, ignore_errors=True)

    assert wait_for_the_end(target, pids)


def test_it_ends_by_itself_when_nobody_uses_it(tmp_path: Path) -> None:
    target = LocalTarget(tmp_path, settings=LocalSettings(lifetime_seconds=1))
    target.ensure_started()
    pids = pids_of(target)

    try:
        assert wait_for_the_end(target, pids)
    finally:
        target.reset()


def test_it_listens_on_loopback_only(target: LocalTarget) -> None:
    target.ensure_started()
    inodes = set()
    for process in marked(target.state.path):
        for link in Path(f"/proc/{process.pid}/fd").iterdir():
            try:
                name = str(link.readlink())
            except OSError:
                continue
            if name.startswith("socket:["):
                inodes.add(name[8:-1])

    listening = [
        fields[1].split(":")[0]
        for table in ("/proc/net/tcp", "/proc/net/tcp6", "/proc/net/udp", "/proc/net/udp6")
        for fields in (line.split() for line in Path(table).read_text(encoding="ascii").splitlines()[1:])
        if fields[9] in inodes and fields[3] in ("0A", "07")
    ]

    assert listening
    for address in listening:
        assert len(address) == 8, "IPv6"
        assert socket.inet_ntoa(struct.pack("<L", int(address, 16))).startswith("127.")
    assert not list(target.state.path.rglob("*.s.PGSQL*"))


def test_it_says_why_it_does_not_start(target: LocalTarget) -> None:
    target.state.create()
    (target.state.path / "postgres").mkdir()
    (target.state.path / "postgres" / "PG_VERSION").write_text("15\n", encoding="ascii")

    with pytest.raises(LocalTargetError, match="PostgreSQL 15") as caught:
        target.ensure_started()

    assert "opsctl local reset" in caught.value.hint


def test_it_refuses_a_ministack_that_lacks_what_it_extends(
    target: LocalTarget, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    lines = "from ministack.core import persistence\ndel persistence._json_default\n"
    (other / "sitecustomize.py").write_text(lines, encoding="ascii")
    environment = start._environment(target.state)
    environment["PYTHONPATH"] += f":{other}"
    with monkeypatch.context() as changed:
        changed.setattr(start, "_environment", lambda _state: environment)
        with pytest.raises(LocalTargetError, match=r"persistence\._json_default is missing") as caught:
            target.ensure_started()

    assert caught.value.code == "local-start-failed"
    assert caught.value.exit_code == ExitCode.FAILED
    assert "pip install 'opsctl[local]'" in caught.value.hint
    assert wait_for_the_end(target, [])
    assert target.ensure_started()


# -- with one shared target ------------------------------------------------------------------------------------------


def test_it_counts_calls_by_kind(sandbox: Sandbox) -> None:
    sandbox.target.reset_calls()
    sandbox.client("s3").create_bucket(Bucket="counted")
    sandbox.client("s3").list_buckets()
    sandbox.client("sqs").create_queue(QueueName="counted")
    sandbox.client("cloudformation").describe_stacks()
    sandbox.client("ecs").list_clusters()

    report = sandbox.target.calls()["client"]

    assert (report["total"], report["reads"], report["writes"]) == (5, 3, 2)
    assert report["calls"]["cloudformation:DescribeStacks"] == 1
    assert report["calls"]["sqs:CreateQueue"] == 1


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.example"}, {"Host": "evil.example"}, {"Sec-Fetch-Site": "cross-site"}]
)
def test_it_does_not_answer_web_pages(sandbox: Sandbox, headers: dict[str, str]) -> None:
    """Not even what is signed, as a link to an object may be."""
    address, path = sandbox.endpoints.endpoint_url.removeprefix("http://"), "/?Action=ListTopics&Version=2010-03-31"
    signed = sandbox.signed(headers.get("Host", address), path, "sns")

    assert status(address, "GET", path, signed) == (403 if "Host" in headers else 200)
    assert status(address, "GET", path, signed | headers) == 403


def slow_template(version: str, seconds: int) -> Template:
    """A bucket, and a custom resource that takes its time."""
    code = (
        "import json,time,urllib.request\n"
        "def handler(event, context):\n"
        "    time.sleep(int(event['ResourceProperties']['Seconds']) if event['RequestType'] != 'Delete' else 0)\n"
        "    answer = {k: event[k] for k in ('StackId', 'RequestId', 'LogicalResourceId')}\n"
        "    answer.update(Status='SUCCESS', PhysicalResourceId='slow')\n"
        "    request = urllib.request.Request(event['ResponseURL'], json.dumps(answer).encode(), method='PUT')\n"
        "    urllib.request.urlopen(request)\n"
    )
    return {
        "Resources": {
            "Topic": {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": version}},
            **function(code),
            "Slow": {
                "Type": "Custom::Slow",
                "DependsOn": ["Topic"],
                "Properties": {
                    "ServiceToken": {"Fn::GetAtt": ["Function", "Arn"]},
                    "ServiceTimeout": "60",
                    "Version": version,
                    "Seconds": seconds,
                },
            },
        },
        "Outputs": {"Version": {"Value": version}},
    }


def begin(sandbox: Sandbox, name: str, kind: str, template: Template) -> None:
    """Execute a change set and don't wait."""
    client = sandbox.client("cloudformation")
    change = client.create_change_set(
        StackName=name, ChangeSetName="c", ChangeSetType=kind, TemplateBody=json.dumps(template),
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )["Id"]  # fmt: skip
    client.execute_change_set(ChangeSetName=change)


def test_it_rolls_back_a_create_that_was_running_when_the_emulator_was_killed(sandbox: Sandbox) -> None:
    begin(sandbox, "created", "CREATE", slow_template("one", 30))
    time.sleep(1.5)
    sandbox.kill(sandbox.target.status().emulator_pid)

    sandbox.target.ensure_started()
    client = sandbox.client("cloudformation")

    assert settle(client, "created") == "ROLLBACK_COMPLETE"
    client.delete_stack(StackName="created")
    settle(client, "created")
    assert deploy(client, "created", slow_template("one", 0)) == "CREATE_COMPLETE"


def test_it_rolls_back_an_update_that_was_running_when_the_emulator_was_killed(sandbox: Sandbox) -> None:
    client = sandbox.client("cloudformation")
    assert deploy(client, "updated", slow_template("one", 0)) == "CREATE_COMPLETE"
    begin(sandbox, "updated", "UPDATE", slow_template("two", 30))
    time.sleep(1.5)
    sandbox.kill(sandbox.target.status().emulator_pid)

    sandbox.target.ensure_started()

    assert settle(client, "updated") == "UPDATE_ROLLBACK_COMPLETE"
    assert outputs(client, "updated") == {"Version": "one"}
    topics = sandbox.client("sns")
    names = [
        topics.get_topic_attributes(TopicArn=each["TopicArn"])["Attributes"] for each in topics.list_topics()["Topics"]
    ]
    assert "two" not in [each.get("DisplayName") for each in names]
    assert deploy(client, "updated", slow_template("three", 0)) == "UPDATE_COMPLETE"
    assert outputs(client, "updated") == {"Version": "three"}
