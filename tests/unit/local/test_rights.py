"""What a task may ask of the emulator."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from opsctl.local.emulator.request import Request
from opsctl.local.emulator.rights import TaskRights
from tests.unit.local.ministack import Ministack

JSON = "application/x-amz-json-1.1"
FORM = "application/x-www-form-urlencoded"
ARTIFACTS = "opsctl-bootstrap-artifactbucket-1"


@pytest.fixture
def rights() -> TaskRights:
    ministack = Ministack()
    buckets: dict[tuple[str, str], object] = {("000000000000", name): {} for name in ("media", ARTIFACTS)}
    ministack.modules["services.s3"]._buckets = SimpleNamespace(_data=buckets)
    return TaskRights(ministack.whole)


def request(method: str = "POST", query: str = "", body: bytes = b"", **headers: Any) -> Request:
    named = {"host": "127.0.0.1:4566", **{name.replace("_", "-"): value for name, value in headers.items()}}
    return Request(method, "/", query, named, body)


def target(action: str, body: bytes = b"{}", query: str = "", **headers: str) -> Request:
    return request(query=query, body=body, x_amz_target=f"Service.{action}", content_type=JSON, **headers)


@pytest.mark.parametrize(
    ("service", "asked", "path"),
    [
        ("ecs", target("ListTasks"), "/"),
        ("ecs", target("DescribeTasks"), "/"),
        ("secretsmanager", target("GetSecretValue"), "/"),
        ("sqs", target("SendMessage", b'{"MessageBody": "&Action=CreateQueue&"}'), "/"),
        ("sqs", request(body=b"Action=SendMessage", content_type=FORM), "/000000000000/queue.fifo"),
        ("ses", request(body=b"Action=SendRawEmail", content_type=FORM), "/"),
        ("ses", request(body=b"{}", content_type="application/json"), "/v2/email/outbound-emails"),
        ("logs", target("PutLogEvents"), "/"),
        ("monitoring", request(), "/service/GraniteServiceVersion20100801/operation/PutMetricData"),
        ("sts", request(body=b"Action=GetCallerIdentity&Version=1", content_type=FORM), "/"),
        ("s3", request("GET"), "/"),
        ("s3", request("GET"), "/media"),
        ("s3", request("POST", "delete"), "/media"),
        ("s3", request("PUT"), "/media/a/b"),
        ("s3", request("PUT", x_amz_copy_source="/media/a"), "/media/b"),
    ],
)
def test_it_may_use_what_an_application_works_with(rights: TaskRights, service: str, asked: Request, path: str) -> None:
    assert rights.allow(service, asked, path)


@pytest.mark.parametrize(
    ("service", "asked", "path"),
    [
        ("lambda", request(), "/2015-03-31/functions"),
        ("lambda", target("GetObject"), "/"),
        ("ecs", target("RunTask"), "/"),
        ("ecs", target("RegisterTaskDefinition"), "/"),
        ("ecs", target("RunTask", query="Action=ListTasks"), "/"),
        ("ecs", request(query="Action=ListTasks"), "/clusters"),
        ("ecs", request(), "/"),
        ("iam", request(body=b"Action=CreateRole", content_type=FORM), "/"),
        ("cloudformation", request(body=b"Action=CreateStack", content_type=FORM), "/"),
        ("ecr", target("PutImage"), "/"),
        ("secretsmanager", target("PutSecretValue"), "/"),
        ("secretsmanager", target("GetSecretValue"), "/_ministack/reset"),
        ("secretsmanager", target("GetSecretValue", content_encoding="gzip"), "/"),
        ("sts", request(body=b"Action=AssumeRole", content_type=FORM), "/"),
        ("sts", target("GetCallerIdentity", b'{"Action": "AssumeRole"}'), "/"),
        ("sts", target("GetCallerIdentity", b'{"x": "&Action=AssumeRole&"}'), "/"),
        ("sts", target("GetCallerIdentity", b"[]"), "/"),
        ("sts", request(query="Action=GetCallerIdentity", body=b"Action=AssumeRole"), "/"),
        ("s3", request("PUT"), "/media"),
        ("s3", request("PUT", "notification"), "/media/"),
        ("s3", request("PUT"), "/new"),
        ("s3", request("POST"), "/_ministack/config"),
        ("s3", request("POST"), "/v20180820/jobs"),
        ("s3", request("PUT"), f"/{ARTIFACTS}/bundles/local/1.zip"),
        ("s3", request("GET"), f"/{ARTIFACTS}/templates/local/1.yaml"),
        ("s3", request("PUT", x_amz_copy_source=f"{ARTIFACTS}/a"), "/media/b"),
        ("s3", request("GET"), f"//{ARTIFACTS}/templates/local/1.yaml"),
        ("s3", request("GET"), f"///{ARTIFACTS}"),
        ("s3", request("PUT", host=f"{ARTIFACTS}.s3.amazonaws.com"), "/media/b"),
        ("s3", request("GET", host="media.s3.us-east-1.amazonaws.com:4566"), "/media/b"),
        ("sqs", target("SendMessage", query="delete", host=f"{ARTIFACTS}.s3.us-east-1.amazonaws.com"), "/"),
        ("sts", target("GetCallerIdentity", host=""), "/"),
    ],
)
def test_it_may_neither_run_code_nor_change_the_environment(
    rights: TaskRights, service: str, asked: Request, path: str
) -> None:
    assert not rights.allow(service, asked, path)
