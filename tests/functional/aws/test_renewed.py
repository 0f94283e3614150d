"""Following a log while the credentials run out: another sign-in writes new ones to the file, and it goes on."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from opsctl.aws.logs import Logs
from opsctl.deploy.events import Event, Note
from opsctl.operate.tailing import Follower, Where
from opsctl.operate.target import Workspace
from tests.functional.aws.conftest import Machine
from tests.functional.aws.endpoint import Answer

TYPE = {"Content-Type": "application/x-amz-json-1.1"}
EXPIRED = Answer(400, json.dumps({"__type": "ExpiredTokenException", "message": "The token is expired"}), TYPE)


def lines(*numbers: int) -> Answer:
    """A page of FilterLogEvents."""
    events = [
        {"eventId": f"{number}", "timestamp": 1_000_000 + number, "logStreamName": "s", "message": f"line {number}"}
        for number in numbers
    ]
    return Answer(200, json.dumps({"events": events}), TYPE)


def credentials(machine: Machine, key: str) -> None:
    machine.write(
        ".aws/credentials", f"[default]\naws_access_key_id={key}\naws_secret_access_key=s\naws_session_token=t\n"
    )


def test_credentials_that_are_renewed_beside_it_are_found(machine: Machine) -> None:
    machine.set(AWS_ENDPOINT_URL="{url}", AWS_SHARED_CREDENTIALS_FILE="{home}/.aws/credentials", AWS_REGION="us-east-1")
    credentials(machine, "AKIAOLD")
    target = Workspace.open(Path("environments.yaml")).target("dev")
    clients = [target.aws.logs]
    events: list[Event] = []
    now = [1000.0]

    def connect() -> Logs:
        return clients.pop() if clients else replace(target).aws.logs

    def sleep(seconds: float) -> None:
        now[0] += seconds
        if now[0] > 1020:
            credentials(machine, "AKIANEW")
        used = machine.aws.requests[-1]["authorization"]
        machine.aws.answers[""] = lines(1, 2, 3) if "AKIANEW" in used else EXPIRED

    machine.aws.answers[""] = lines(1, 2)
    follower = Follower(connect, events.append, clock=lambda: now[0], sleep=sleep, seconds=2.0)
    shown: list[str] = []
    for page in follower.follow(Where("group", start=0)):
        shown += [event.message for event in page]
        if len(shown) >= 3:
            break
    assert shown == ["line 1", "line 2", "line 3"]
    notes = [event.text for event in events if isinstance(event, Note)]
    assert "does not accept these credentials" in notes[0]
    assert notes[1:] in ([], ["AWS answers again."])
