"""A custom resource whose function ended without an answer fails at once; one that was answered keeps its answer."""

from __future__ import annotations

import tempfile
from typing import Any

import pytest

from opsctl.local.emulator.silent_functions import install
from opsctl.local.state import Json
from tests.unit.local.ministack import Ministack

EVENT = {"ResponseURL": "http://127.0.0.1:1/_ministack/cfn-response/token", "LogicalResourceId": "DatabaseRoles"}


class Waiting:
    """The resource that waits, and what it was answered."""

    def __init__(self, result: Any) -> None:
        self.entry: Json = {"result": None}
        ministack = Ministack()
        self.modules = ministack.whole
        self.modules.custom_resource._pending = {"token": self.entry}
        self.modules.custom_resource.deliver_response = self.deliver
        self.result = result
        self.modules.lambda_svc._execute_function_with_config_scope = self.execute
        install(self.modules)

    def deliver(self, token: str, response: Json) -> None:
        assert token == "token"
        self.entry["result"] = response

    def execute(self, func: Json, event: Json) -> Any:
        if isinstance(self.result, Exception):
            raise self.result
        return self.result

    def run(self, event: Json = EVENT) -> Any:
        return self.modules.lambda_svc._execute_function_with_config_scope({}, event)


def test_a_function_that_ended_in_an_error_fails_its_resource_with_it() -> None:
    waiting = Waiting(
        {"error": True, "body": {"errorType": "OSError", "errorMessage": "[Errno 28] No space left on device"}}
    )
    assert waiting.run() == waiting.result
    assert waiting.entry["result"] == {
        "Status": "FAILED",
        "Reason": "its function ended without an answer: OSError: [Errno 28] No space left on device: "
        + tempfile.gettempdir(),
    }


def test_one_that_could_not_be_run_fails_it_too() -> None:
    waiting = Waiting(OSError(28, "No space left on device"))
    with pytest.raises(OSError, match="No space"):
        waiting.run()
    assert "No space left on device" in waiting.entry["result"]["Reason"]


def test_an_answer_that_came_is_kept() -> None:
    waiting = Waiting({"error": True, "body": "late"})
    waiting.entry["result"] = {"Status": "SUCCESS"}
    waiting.run()
    assert waiting.entry["result"] == {"Status": "SUCCESS"}


def test_a_good_end_and_another_invocation_are_left_alone() -> None:
    waiting = Waiting({"body": "fine"})
    waiting.run()
    assert waiting.entry["result"] is None
    waiting = Waiting({"error": True, "body": "bad"})
    waiting.run({"detail": "a schedule"})
    assert waiting.entry["result"] is None
