"""Lambda by Stubber: the answer of a function, and its own failure in an answer with status 200."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from botocore.response import StreamingBody

from opsctl.aws.errors import AwsError
from opsctl.aws.functions import Functions

from .clients import stubbed


def payload(content: Any) -> StreamingBody:
    data = b"" if content is None else json.dumps(content).encode()
    return StreamingBody(io.BytesIO(data), len(data))


def answered(content: Any, **more: str) -> dict[str, Any]:
    with stubbed("lambda") as (made, stub):
        sent = {"FunctionName": "init", "Payload": b'{"Action": "check"}'}
        stub.add_response("invoke", {"StatusCode": 200, "Payload": payload(content), **more}, sent)
        return Functions(made).invoke("init", {"Action": "check"})


def test_the_answer_is_read_as_json() -> None:
    assert answered({"changes": []}) == {"changes": []}


@pytest.mark.parametrize("content", [None, ["a"], "text"])
def test_an_answer_that_is_no_object_is_wrapped(content: Any) -> None:
    assert answered(content) == {"result": content}


def test_a_function_that_failed_is_an_error_with_its_own_message() -> None:
    with pytest.raises(AwsError, match="The function init failed: Task timed out after 120") as caught:
        answered({"errorMessage": "Task timed out after 120.00 seconds"}, FunctionError="Unhandled")
    assert caught.value.aws_code == "Unhandled"


def test_a_function_that_is_not_there_is_an_error() -> None:
    with stubbed("lambda") as (made, stub):
        stub.add_client_error("invoke", "ResourceNotFoundException", "Function not found: init")
        with pytest.raises(AwsError, match="Function not found"):
            Functions(made).invoke("init", {})


def woken(*answers: str | None) -> list[float]:
    """The waits of waking a function that is in these states one after another; None: the call that wakes it."""
    waits: list[float] = []
    with stubbed("lambda") as (made, stub):
        for state in answers:
            if state is None:
                stub.add_client_error("invoke", "ResourceConflictException")
            else:
                stub.add_response("get_function_configuration", {"State": state}, {"FunctionName": "init"})
        Functions(made).wake("init", waits.append)
        stub.assert_no_pending_responses()
    return waits


def test_a_function_that_sleeps_is_called_and_waited_for() -> None:
    assert woken("Inactive", None, "Pending", "Pending", "Active") == [5.0, 5.0, 5.0]


def test_one_that_is_awake_is_not_called() -> None:
    assert woken("Active") == []


def test_where_its_state_may_not_be_asked_the_call_itself_will_tell() -> None:
    with stubbed("lambda") as (made, stub):
        stub.add_client_error("get_function_configuration", "AccessDeniedException")
        Functions(made).wake("init", lambda _: pytest.fail("nothing is waited for"))
