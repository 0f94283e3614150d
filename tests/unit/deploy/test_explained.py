"""The error of a rollout that we ended: its own words, but for a task whose log tells more."""

from __future__ import annotations

import pytest

from opsctl.aws.cloudformation import StackEvent
from opsctl.deploy.evidence.redaction import Redactor
from opsctl.deploy.explained import explained
from opsctl.deploy.failures import StackFailedError

from .fakes import START

WHY = "the load balancer's health check is answered with 500"
TARGET: dict[str, object] = {
    "type": "evidence", "step": "app", "kind": "target", "subject": "10.0.0.1:8000",
    "text": "unhealthy: Target.ResponseCodeMismatch: Health checks failed with these codes: [500]",
}  # fmt: skip
RAISED = ['  File "shop/urls.py", line 3', "    urlpatterns = [", "SyntaxError: '[' was never closed"]


def ended(*evidence: dict[str, object]) -> StackFailedError:
    event = StackEvent("1", "dev-app", START, "Service", "", "AWS::ECS::Service", "UPDATE_IN_PROGRESS")
    error = StackFailedError(
        f"app: Service (AWS::ECS::Service) failed: {WHY}.", cause=event, task="abcdef0123", verdict=WHY, hint="Look."
    )
    return explained(error, "app", evidence, Redactor())


def task(*lines: str, exit_code: int | None = None) -> dict[str, object]:
    return {
        "type": "evidence", "step": "app", "kind": "task", "subject": "abcdef0123", "lines": lines,
        "text": f"its rollout was ended: {WHY}", "exit_code": exit_code,
    }  # fmt: skip


def test_what_the_task_raised_is_the_cause_although_it_still_ran() -> None:
    error = ended(TARGET, task(*RAISED))
    assert error.message == (
        "app: Service failed: the health check gets 500: the application fails on it: SyntaxError: '[' was never "
        "closed (shop/urls.py, line 3) (task abcdef01…)"
    )
    assert error.hint == "Correct the error that the task's log tells; then deploy again."
    assert f"app: Service (AWS::ECS::Service) failed: {WHY}." in error.detail
    assert any("SyntaxError" in line for line in error.detail)


def test_where_the_load_balancer_was_not_asked_in_time_the_log_suffices() -> None:
    assert "SyntaxError: '[' was never closed (shop/urls.py, line 3)" in ended(task(*RAISED)).message


@pytest.mark.parametrize("lines", [(), ("GET /up 500",)])
def test_a_log_that_tells_of_no_exception_leaves_the_verdict(lines: tuple[str, ...]) -> None:
    error = ended(TARGET, task(*lines))
    assert error.message == f"app: Service (AWS::ECS::Service) failed: {WHY}."
    assert error.hint == "Look."
