"""A custom resource that ended without an answer is explained by its function's log."""

from __future__ import annotations

from datetime import datetime, timedelta

from opsctl.aws.errors import AwsError
from opsctl.aws.logs import Logs
from opsctl.deploy.diagnose import function_failure
from tests.unit.deploy.fakes import START

TIMED_OUT = "Custom resource 'DbInit' timed out after 180s waiting for ResponseURL callback"
NO_ANSWER = "CloudFormation did not receive a response from your Custom Resource."
LINES = (
    "INIT_START Runtime Version: python:3.13",
    "START RequestId: 1 Version: $LATEST",
    "[INFO] SUCCESS: Database salaries: 3 changes made.",
    "[ERROR] AnswerNotDeliveredError: The answer could not be delivered to CloudFormation.\n"
    'Traceback (most recent call last):\n  File "/var/task/opsctl/dbroles/handler.py", line 60, in handler\n'
    "    return handle(event)",
    "END RequestId: 1",
    "REPORT RequestId: 1 Duration: 900 ms",
)


class FakeLogs(Logs):
    """A group that holds LINES; remembers from when on it was asked."""

    def __init__(self, error: AwsError | None = None) -> None:
        self.error = error
        self.starts: list[datetime] = []

    def since(self, group: str, start: datetime, count: int = 20) -> tuple[str, ...]:
        self.starts.append(start)
        if self.error:
            raise self.error
        return LINES


def explain(logs: FakeLogs, reason: str, group: str = "/opsctl/dev/db-init") -> tuple[str, ...]:
    return function_failure(logs, log_group=group, reason=reason, at=START, waited=180)


def test_it_shows_what_the_function_wrote_without_what_lambda_did() -> None:
    logs = FakeLogs()
    assert explain(logs, NO_ANSWER)[:2] == (
        "/opsctl/dev/db-init: [INFO] SUCCESS: Database salaries: 3 changes made.",
        "/opsctl/dev/db-init: [ERROR] AnswerNotDeliveredError: The answer could not be delivered to CloudFormation.",
    )
    assert len(explain(logs, TIMED_OUT)) == 2
    assert logs.starts == [START - timedelta(seconds=240)] * 2


def test_it_adds_nothing_to_an_answer_that_gave_its_reason() -> None:
    logs = FakeLogs()
    assert explain(logs, "The server at db:5433 has no database salaries: check rds.database.") == ()
    assert explain(logs, TIMED_OUT, group="") == ()
    assert logs.starts == []


def test_a_log_that_can_not_be_read_is_said_and_hides_nothing() -> None:
    lines = explain(FakeLogs(AwsError("AWS denied FilterLogEvents.")), TIMED_OUT)
    assert lines == ("(The function's log /opsctl/dev/db-init can't be read: AWS denied FilterLogEvents.)",)
