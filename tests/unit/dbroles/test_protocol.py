"""The custom-resource answer: complete, small enough, and always with the same id."""

from __future__ import annotations

import json

import pytest

from opsctl.dbroles.errors import AnswerNotDeliveredError, BadEventError
from opsctl.dbroles.protocol import (
    MAX_ANSWER_BYTES,
    PHYSICAL_ID,
    build_answer,
    deliver,
    physical_id,
    read_request_type,
)

EVENT = {"StackId": "stack", "RequestId": "request", "LogicalResourceId": "DbInit", "RequestType": "Create"}


def test_it_copies_the_ids_and_says_everything_the_protocol_asks_for() -> None:
    answer = build_answer(EVENT, "SUCCESS", "Done.", {"Summary": "Done."})
    assert json.loads(answer.body()) == {
        "Status": "SUCCESS",
        "Reason": "Done.",
        "PhysicalResourceId": PHYSICAL_ID,
        "StackId": "stack",
        "RequestId": "request",
        "LogicalResourceId": "DbInit",
        "Data": {"Summary": "Done."},
    }


def test_it_keeps_the_id_that_the_resource_has() -> None:
    assert physical_id({"PhysicalResourceId": "before"}) == "before"
    assert physical_id({"PhysicalResourceId": ""}) == PHYSICAL_ID
    assert physical_id({"PhysicalResourceId": 7}) == PHYSICAL_ID


def test_its_id_depends_on_nothing_of_the_event() -> None:
    other = {**EVENT, "StackId": "other", "RequestId": "other", "LogicalResourceId": "Other"}
    assert physical_id(other) == physical_id(EVENT) == "opsctl-database-roles"


@pytest.mark.parametrize("reason", ["x" * 9000, "é" * 9000, "\N{PILE OF POO}" * 9000, '"\\' * 9000])
def test_its_answer_never_exceeds_what_cloudformation_takes(reason: str) -> None:
    body = build_answer(EVENT, "FAILED", reason, {"Summary": "y" * 9000}).body()
    assert len(body) <= MAX_ANSWER_BYTES
    document = json.loads(body)
    assert document["Reason"]
    assert document["RequestId"] == "request"


def test_it_answers_an_event_without_ids() -> None:
    assert json.loads(build_answer({}, "FAILED", "No.", {}).body())["StackId"] == ""


@pytest.mark.parametrize("kind", [None, "create", 7, ""])
def test_it_knows_three_request_types(kind: object) -> None:
    with pytest.raises(BadEventError):
        read_request_type({"RequestType": kind})


@pytest.mark.parametrize("url", [None, 7, "", "ftp://host/x", "https://", "http://host:port/", "file:///etc/passwd"])
def test_it_refuses_an_address_that_is_none(url: object) -> None:
    pauses: list[float] = []
    with pytest.raises(AnswerNotDeliveredError, match="response URL"):
        deliver(url, build_answer(EVENT, "SUCCESS", "Done.", {}), sleep=pauses.append)
    assert pauses == [0.5, 0.5]
