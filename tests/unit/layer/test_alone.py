"""A job that runs already: what its start program asks ECS, and what it does with the answer."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from opsctl.layer.files import alone
from tests.unit.layer.test_start import run

CLUSTER = "arn:aws:ecs:eu-west-1:123456789012:cluster/dev"
OLD, OWN, NEW = (f"arn:aws:ecs:eu-west-1:123456789012:task/dev/{name}" for name in ("old", "own", "new"))
TARGET = "X-Amz-Target"


@dataclass
class Ecs:
    """What ECS answers: tasks by ARN with status and time; the first `failing` calls get `failure`."""

    url: str = ""
    tasks: dict[str, tuple[str, float]] = field(default_factory=dict)
    failing: int = 0
    failure: int = 503
    asked: list[tuple[str, Any]] = field(default_factory=list)

    def answer(self, path: str, target: str, body: bytes) -> tuple[int, Any]:
        if path == "/meta/task":
            return 200, {"Cluster": CLUSTER, "TaskARN": OWN, "Family": "dev-report"}
        if path == "/keys":
            return 200, {"AccessKeyId": "AK", "SecretAccessKey": "secret", "Token": "session"}
        if self.failing > 0:
            self.failing -= 1
            return self.failure, {"__type": "Refused"}
        action, sent = target.rpartition(".")[2], json.loads(body)
        self.asked.append((action, sent))
        if action == "ListTasks":
            return 200, {"taskArns": list(self.tasks)}
        found = [
            {"taskArn": each, "lastStatus": status, "createdAt": at}
            for each, (status, at) in self.tasks.items()
            if each in sent["tasks"]
        ]
        return 200, {"tasks": found}

    @property
    def variables(self) -> dict[str, str]:
        """What a task knows of it."""
        return {
            "OPSCTL_ALONE": "1", "ECS_CONTAINER_METADATA_URI_V4": f"{self.url}/meta", "AWS_ENDPOINT_URL": self.url,
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{self.url}/keys", "AWS_CONTAINER_AUTHORIZATION_TOKEN": "t",
        }  # fmt: skip


@pytest.fixture
def ecs() -> Iterator[Ecs]:
    found = Ecs()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, answer = found.answer(self.path, self.headers.get(TARGET, ""), body)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        do_POST = do_GET  # noqa: N815  the server's name for it

        def log_message(self, *args: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    found.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield found
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("others", "other"),
    [
        ({}, None),
        ({OLD: ("RUNNING", 5.0)}, OLD),
        ({OLD: ("STOPPING", 5.0)}, OLD),
        ({OLD: ("DEPROVISIONING", 5.0)}, None),
        ({NEW: ("PENDING", 20.0)}, None),
        ({NEW: ("RUNNING", 10.0)}, NEW),  # made in the same moment: the name decides, for both alike
        ({NEW: ("RUNNING", 20.0), OLD: ("RUNNING", 5.0)}, OLD),
    ],
)
def test_the_task_that_ecs_made_first_goes_on(
    others: dict[str, tuple[str, float]], other: str | None, ecs: Ecs
) -> None:
    ecs.tasks = {OWN: ("RUNNING", 10.0), **others}
    ran = run(sys.executable, "-c", "print('runs')", cwd=None, **ecs.variables)
    if other is None:
        assert (ran.code, ran.out) == (0, "runs\n")
    else:
        assert (ran.code, ran.out) == (75, "")
        name = other.rpartition("/")[2]
        assert ran.err == f"opsctl: This job still runs as task {name}, so it was not started again.\n"
    assert ecs.asked[0] == ("ListTasks", {"cluster": CLUSTER, "family": "dev-report", "desiredStatus": "RUNNING"})


def test_it_asks_again_when_ecs_is_not_there_for_a_moment(ecs: Ecs) -> None:
    ecs.tasks, ecs.failing = {OWN: ("RUNNING", 10.0), OLD: ("RUNNING", 5.0)}, 3
    waits: list[float] = []
    assert alone.other_task(ecs.variables, waits.append) == OLD
    assert waits == [2.0, 4.0, 8.0]


@pytest.mark.parametrize(("failure", "tries"), [(503, 5), (400, 1)])
def test_without_an_answer_the_job_does_not_run(failure: int, tries: int, ecs: Ecs) -> None:
    """A right that is missing stays so; what may pass is asked for five times."""
    ecs.failing, ecs.failure = 9, failure
    with pytest.raises(alone.UnansweredError, match=f"^{failure} .*Refused"):
        alone.other_task(ecs.variables, lambda _: None)
    assert ecs.failing == 9 - tries


def test_a_refusal_is_one_sentence_that_names_the_way_out(ecs: Ecs) -> None:
    ecs.failing, ecs.failure = 9, 400
    ran = run(sys.executable, "-c", "print('runs')", cwd=None, **ecs.variables)
    assert (ran.code, ran.out) == (75, "")
    assert ran.err.startswith("opsctl: ECS does not say whether this job runs already, so it was not started: 400 ")
    assert ran.err.endswith("With `overlap: true` it starts in any case.\n")


def test_outside_ecs_and_without_the_variable_nothing_is_asked(ecs: Ecs) -> None:
    ecs.tasks = {OWN: ("RUNNING", 10.0), OLD: ("RUNNING", 5.0)}
    for left_out in ("OPSCTL_ALONE", "ECS_CONTAINER_METADATA_URI_V4"):
        variables = {name: value for name, value in ecs.variables.items() if name != left_out}
        assert run(sys.executable, "-c", "print('runs')", cwd=None, **variables).out == "runs\n"
    assert ecs.asked == []


@pytest.mark.parametrize("token", ["", "a-token/+="])
def test_its_signature_is_the_sdks(token: str) -> None:
    host, body = "ecs.eu-west-1.amazonaws.com", b'{"cluster": "dev"}'
    headers = {"Content-Type": "application/x-amz-json-1.1", TARGET: "AmazonEC2ContainerServiceV20141113.ListTasks"}
    keys = alone.Keys("AK", "secret", token)
    found = alone.signed(headers, body, host, "eu-west-1", keys, datetime.now(UTC))
    request = AWSRequest("POST", f"https://{host}/", headers=headers, data=body)
    request.context["timestamp"] = request.headers["X-Amz-Date"] = found["X-Amz-Date"]
    if token:
        request.headers["X-Amz-Security-Token"] = token
    signer = SigV4Auth(Credentials("AK", "secret", token or None), "ecs", "eu-west-1")
    text = signer.string_to_sign(request, signer.canonical_request(request))
    assert found["Authorization"].endswith(f"Signature={signer.signature(text, request)}")
    assert (token in found.values()) is bool(token)
