"""A person gets one sentence of a failure, whoever worded it and whatever failed beside it."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest

from opsctl.deploy.events import Event, Evidence, LogLine, ResourceChanged, StepFinished
from opsctl.deploy.evidence.causes import exception_of, find_cause, unwrapped
from tests.unit.deploy.evidence.wordings import (
    BREAKER,
    FRAME,
    IMAGE,
    OF_A_RESOURCE,
    OF_A_SERVICE,
    PULL,
    crashed,
    failed,
)
from tests.unit.deploy.fakes import START


def cause(*events: Event, step: str = "app") -> Any:
    return find_cause([*(event.to_dict() for event in events), StepFinished(step, "failed", "", 1.0).to_dict()])


def service(*events: Event) -> Any:
    """The cause of a service that did not come up; CloudFormation tells of a circuit breaker alone."""
    return cause(*events, failed())


@pytest.mark.parametrize(("events", "sentence"), OF_A_SERVICE.values(), ids=OF_A_SERVICE.keys())
def test_a_service_that_does_not_come_up_tells_why(events: tuple[Event, ...], sentence: str) -> None:
    found = service(*events)
    assert found.where == "app: Service"
    by_task = any(isinstance(event, Evidence) and event.kind == "task" for event in events)
    assert found.sentence.startswith(f"{sentence} (task 1a2b3c4d…" if by_task else sentence)
    assert found.next.endswith((".", "`"))
    assert "{" not in found.text + found.next


@pytest.mark.parametrize(("resource", "sentence"), OF_A_RESOURCE.values(), ids=OF_A_RESOURCE.keys())
def test_a_resource_that_can_not_be_made_tells_why(resource: tuple[str, str, str], sentence: str) -> None:
    found = cause(failed(*resource), failed("Other", "AWS::SNS::Topic", "Resource creation cancelled"))
    assert found.text == f"app: {resource[0]} ({resource[1]}) failed: {sentence}"


def db_init(reason: str, *lines: str) -> Any:
    said = (Evidence("jobs", "function", "/opsctl/dev/functions", line) for line in lines)
    return cause(*said, failed("DatabaseRoles", "Custom::DbInit", reason, "jobs"), step="jobs")


TIMED_OUT = "Custom resource 'DbInit' timed out after 180s waiting for ResponseURL callback"
OF_DB_INIT = {
    "timed out in the network": (
        db_init(TIMED_OUT, "START RequestId: 1", "2026-11-29T12:00:00Z 1 Task timed out after 120.00 seconds"),
        f"its function was stopped at its time limit before it answered ({TIMED_OUT})",
    ),
    "no answer, and no log": (
        db_init("CloudFormation did not receive a response from your Custom Resource."),
        "its function gave no answer (CloudFormation did not receive a response from your Custom Resource)",
    ),
    "an answer that did not get through": (
        db_init(TIMED_OUT, "[ERROR] AnswerNotDeliveredError: The answer could not be delivered to CloudFormation."),
        f"AnswerNotDeliveredError: The answer could not be delivered to CloudFormation ({TIMED_OUT})",
    ),
    "no route to the database": (
        db_init("Received response status [FAILED] from custom resource. Message returned: The server at "
                "db:5432 did not answer "
                "in time (timeout expired): check the routes. (RequestId: 8a1f-1)"),
        "The server at db:5432 did not answer in time (timeout expired): check the routes",
    ),
    "permission in the database": (
        db_init("Could not make role app: permission denied to create role (SQLSTATE 42501): grant that right."),
        "Could not make role app: permission denied to create role (SQLSTATE 42501): grant that right",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("found", "sentence"), OF_DB_INIT.values(), ids=OF_DB_INIT.keys())
def test_the_database_that_can_not_be_prepared_tells_why(found: Any, sentence: str) -> None:
    assert found.text == f"jobs: DatabaseRoles (Custom::DbInit) failed: {sentence}"


def migration(ended: str, *lines: str) -> Any:
    events = [*(LogLine("migrate", line) for line in lines), StepFinished("migrate", "failed", ended, 2.0)]
    return find_cause([event.to_dict() for event in events])


def test_a_migration_that_fails_tells_its_exception_and_how_it_ended() -> None:
    found = migration(
        "exit code 1", "Applying salaries.9999_bad...", "Traceback (most recent call last):", FRAME, "    run()",
        "django.db.utils.ProgrammingError: function no_such_function() does not exist", "LINE 1: select "
                                                            "no_such_function()",
        "               ^", "HINT:  No function matches the given name.",
    )  # fmt: skip
    assert found.text == "migrate failed: ProgrammingError: function no_such_function() does not exist (exit code 1)"


def test_a_migration_that_may_not_is_told_apart() -> None:
    found = migration(
        "exit code 1", "Traceback (most recent call last):", FRAME, "    run()",
        "django.db.utils.ProgrammingError: permission denied for schema public",
    )  # fmt: skip
    assert found.sentence.startswith("the database denies it: permission denied for schema public")
    assert "opsctl db init" in found.next


def test_a_migration_whose_task_never_started_tells_why() -> None:
    found = migration(f"TaskFailedToStart: {PULL}failed to resolve ref {IMAGE}: {IMAGE}: not found")
    assert found.sentence == f"the image {IMAGE} can't be pulled: it is not in the registry"


def test_a_certificate_that_nobody_validates_is_told_of_a_deploy_that_was_left() -> None:
    kind, reason = "AWS::CertificateManager::Certificate", OF_A_RESOURCE["a certificate that waits"][0][2]
    asked = ResourceChanged("front", START, "Certificate", kind, "CREATE_IN_PROGRESS", reason)
    left = StepFinished("front", "detached", "front is still in progress after 60 minutes.", 3600.0)
    found = find_cause([asked.to_dict(), left.to_dict()])
    assert found is not None
    assert found.next.startswith("Write the record _x1.shop.example.com CNAME _y2.acm-validations.aws")
    made = ResourceChanged("front", START, "Certificate", kind, "CREATE_COMPLETE")
    assert find_cause([asked.to_dict(), made.to_dict(), left.to_dict()]) is None


def test_a_task_that_only_the_roll_back_ended_is_passed_over() -> None:
    silent = Evidence("app", "task", "f" * 32, "", exit_code=None)
    found = service(crashed("the cache server is unknown"), silent)
    assert found.sentence.startswith("the cache server is unknown (task 1a2b3c4d…, exit code 1)")


def test_of_several_services_of_a_stack_each_has_its_own_evidence() -> None:
    web = replace(crashed("ValueError: of web"), resource="Service")
    worker = replace(crashed("KeyError: 'of the worker'"), resource="MailsService")
    for resource, text in (("Service", "ValueError: of web"), ("MailsService", "KeyError: 'of the worker'")):
        for events in ((web, worker), (worker, web)):
            assert cause(*events, failed(resource)).sentence.startswith(text)
    assert cause(worker, failed("Service")) is None


def test_without_evidence_there_is_no_cause_beyond_the_error() -> None:
    assert service() is None
    assert find_cause([]) is None
    assert find_cause([{"type": "evidence", "step": None, "kind": "task"}, {"type": "step-finished"}, {}]) is None


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        ([FRAME, "django.core.exceptions.ImproperlyConfigured: no"], "ImproperlyConfigured: no"),
        ([FRAME, "    x", "oddly.named: no"], "named: no"),
        (
            ['  File "shop/urls.py", line 3', "    urlpatterns = [", "SyntaxError: '[' was never closed", "[INFO] Bye"],
            "SyntaxError: '[' was never closed (shop/urls.py, line 3)",
        ),
        (
            [
                '  File "shop/urls.py", line 3, in <module>',
                "    exec(text)",
                '  File "<string>", line 1',
                "    if x:",
                "       x",
                "IndentationError: expected an indented block",
            ],
            "IndentationError: expected an indented block (<string>, line 1)",
        ),
        ([FRAME, "    ast.parse(text)", "SyntaxError: no"], "SyntaxError: no"),
        (["CommandError: Unknown command: 'work'", "bye"], "CommandError: Unknown command: 'work'"),
        (["ready: yes", "GET /: 200", "INFO ready"], ""),
        ([], ""),
    ],
)
def test_the_exception_of_a_log_is_found(lines: list[str], text: str) -> None:
    assert exception_of(lines) == text


def test_what_cloudformation_puts_around_a_reason_is_taken_off() -> None:
    assert unwrapped(BREAKER) == "Error occurred during operation 'ECS Deployment Circuit Breaker was triggered'."
    assert unwrapped("as it is") == "as it is"


@pytest.mark.parametrize("part", ["a", "CannotPullContainerError: ", "KMS", "ref ", 'server at "x" ', "limit ", "'/"])
def test_a_hostile_log_takes_no_time(part: str) -> None:
    started = time.process_time()
    assert service(crashed(part * 20_000)) is not None
    assert time.process_time() - started < 3
