"""What is no answer of AWS ends in one sentence that says what came, from where, and what to look at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from opsctl.aws.errors import AwsError
from opsctl.aws.session import Aws
from opsctl.aws.translation import translated
from tests.functional.aws.conftest import Machine
from tests.functional.aws.endpoint import STACKS, Answer

KEYS = {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "not-a-secret", "AWS_ENDPOINT_URL": "{url}"}
PAGE = "<!DOCTYPE html><html><head><title>Welcome &amp;\n sign in</title></head><body>Room?</body></html>"
HTML = {"Content-Type": "text/html; charset=utf-8"}
GENUINE = {"x-amzn-RequestId": "r-1"}
ANSWERS = {
    "a page with 200": (Answer(200, PAGE, HTML), "it sent status 200 and a web page (“Welcome & sign in”)."),
    "a page with 403": (Answer(403, PAGE, HTML), "it sent status 403 and a web page (“Welcome & sign in”)."),
    "a page without a title": (Answer(200, "<html><body>no</body></html>", HTML), "status 200 and a web page."),
    "a way to elsewhere": (
        Answer(302, "", {"Location": "http://portal.example/login"}),
        "it sent status 302, which leads to http://portal.example/login.",
    ),
    "nothing": (Answer(200, ""), "it sent status 200 and nothing else."),
    "half of it": (Answer(200, STACKS[:40], GENUINE), "it sent status 200 and 40 bytes that are no whole XML."),
    "words": (Answer(200, "it works!", GENUINE), "it sent status 200 and 9 bytes that are no whole XML."),
}  # fmt: skip


def asked(machine: Machine, answer: Answer, ask: Callable[[Aws], Any]) -> AwsError:
    machine.set(**KEYS)
    machine.aws.answers[""] = answer
    with pytest.raises(AwsError) as caught:
        ask(Aws("us-east-1"))
    return caught.value


@pytest.mark.parametrize(("answer", "says"), ANSWERS.values(), ids=ANSWERS)
def test_it_is_said_what_came_and_from_where(machine: Machine, answer: Answer, says: str) -> None:
    error = asked(machine, answer, lambda aws: aws.cloudformation.stacks())
    assert error.message.startswith(f"What answered at {machine.aws.url} is not AWS: ")
    assert error.message.endswith(says)
    assert (error.exit_code, error.code, error.may_pass) == (5, "aws-refused", True)
    assert "AWS_ENDPOINT_URL" in error.hint
    assert machine.aws.asked.total() == 1, "it is no answer to be asked for eight times"


def tasks(aws: Aws) -> Any:
    return aws.ecs.tasks("cluster", started_by="opsctl")


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (Answer(200, "{}", GENUINE), "an answer to ListTasks without taskArns."),
        (Answer(200, "", GENUINE), "an answer to ListTasks without taskArns."),
        (Answer(200, '{"taskArns": [', GENUINE), "status 200 and 14 bytes that are no whole JSON object."),
        (Answer(200, "null", GENUINE), "status 200 and 4 bytes that are no whole JSON object."),
        (Answer(200, "[]", GENUINE), "status 200 and 2 bytes that are no whole JSON object."),
        (Answer(200, PAGE, HTML), "status 200 and a web page (“Welcome & sign in”)."),
    ],
)
def test_json_that_lacks_what_belongs_to_it_is_no_bug_of_ours(machine: Machine, answer: Answer, says: str) -> None:
    assert asked(machine, answer, tasks).message.endswith(says)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (Answer(200, PAGE, HTML), "status 200 and a web page."),
        (Answer(200, "{}", {"x-amz-request-id": "r"}), "an answer to GetObject without ETag."),
    ],
)
def test_an_object_that_is_none_is_not_taken_for_one(machine: Machine, answer: Answer, says: str) -> None:
    error = asked(machine, answer, lambda aws: aws.s3.get("bucket", "key"))
    assert error.message.endswith(says)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("<ok/>", "status 200 and 5 bytes of another XML."),
        (f'<?xml version="1.0"?>\n{PAGE}', "status 200 and a web page (“Welcome & sign in”)."),
        (f"\ufeff{PAGE}", "status 200 and a web page (“Welcome & sign in”)."),
    ],
)
def test_another_document_is_no_empty_bucket(body: str, says: str, machine: Machine) -> None:
    error = asked(machine, Answer(200, body), lambda aws: aws.s3.sizes("bucket", "releases/"))
    assert error.message.endswith(says)


def test_a_page_of_ones_own_is_read_from_a_bucket(machine: Machine) -> None:
    machine.set(**KEYS)
    machine.aws.answers[""] = Answer(200, PAGE, {**HTML, "x-amz-request-id": "r", "ETag": '"1"'})
    stored = Aws("us-east-1").s3.get("bucket", "key")
    assert stored is not None
    assert stored.body.decode() == PAGE


def test_the_proxy_is_named_without_its_login(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.set(**KEYS)
    machine.aws.answers[""] = Answer(200, PAGE, HTML)
    monkeypatch.setenv("HTTP_PROXY", machine.aws.url.replace("//", "//ann:hush@"))
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://cloudformation.us-east-1.amazonaws.com")
    monkeypatch.setenv("NO_PROXY", "")
    with pytest.raises(AwsError) as caught:
        Aws("us-east-1").cloudformation.stacks()
    port = machine.aws.url.rpartition(":")[2]
    assert (
        f"http://cloudformation.us-east-1.amazonaws.com through the proxy 127.0.0.1:{port} is" in caught.value.message
    )
    assert "hush" not in str(caught.value)


def test_parts_of_an_answer_tell_as_well_what_they_lack(machine: Machine) -> None:
    machine.set(**KEYS)
    machine.aws.answers[""] = Answer(200, '{"services": [{"serviceName": "web"}]}', GENUINE)
    with translated():
        found = Aws("us-east-1").client("ecs").describe_services(services=["web"])["services"][0]
    assert found["serviceName"] == "web"
    with pytest.raises(AwsError, match="an answer to DescribeServices without status"):
        found["status"]
