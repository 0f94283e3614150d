"""What a task may ask the emulator. On AWS its role says so; ministack is asked nothing of roles, so a table does.

What would run code here, as whoever started opsctl, or change the environment is not in it: functions, stacks,
roles, tasks, images, queues' own settings, and the bucket from which stacks and functions are deployed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from urllib.parse import parse_qs

from opsctl.config.naming import BOOTSTRAP_STACK
from opsctl.local.emulator.names import host_name, is_loopback
from opsctl.local.emulator.request import Request
from opsctl.local.emulator.seams import Modules

_ACTIONS: Mapping[str, frozenset[str]] = {
    "ecs": frozenset({
        "DescribeClusters", "DescribeServices", "DescribeTaskDefinition", "DescribeTasks", "ListServices", "ListTasks",
    }),
    "kms": frozenset({"Decrypt", "DescribeKey", "Encrypt", "GenerateDataKey"}),
    "logs": frozenset({
        "CreateLogStream", "DescribeLogGroups", "DescribeLogStreams", "FilterLogEvents", "GetLogEvents", "PutLogEvents",
    }),
    "monitoring": frozenset({"PutMetricData"}),
    "secretsmanager": frozenset({"DescribeSecret", "GetSecretValue"}),
    "ses": frozenset({"GetSendQuota", "SendEmail", "SendRawEmail"}),
    "sns": frozenset({"Publish", "PublishBatch"}),
    "sqs": frozenset({
        "ChangeMessageVisibility", "ChangeMessageVisibilityBatch", "DeleteMessage", "DeleteMessageBatch",
        "GetQueueAttributes", "GetQueueUrl", "ListQueues", "PurgeQueue", "ReceiveMessage", "SendMessage",
        "SendMessageBatch",
    }),
    "sts": frozenset({"GetCallerIdentity"}),
}  # fmt: skip
# Other paths than `/`, by which ministack takes a call for another than the one that it names.
_PATHS = {
    "monitoring": re.compile(r"/service/\w+/operation/(?P<action>\w+)"),
    "ses": re.compile(r"/v2/email/outbound-emails"),
    "sqs": re.compile(r"/\d{12}/[\w-]+(\.fifo)?"),
}


class TaskRights:
    """Judges a verified request; `path` is decoded, as ministack reads it."""

    def __init__(self, modules: Modules) -> None:
        self._s3 = modules.s3

    def allow(self, service: str, request: Request, path: str) -> bool:
        """Whether a task may ask this. A request that names two actions is good if it may ask for both.

        Under another name than loopback's own it is another request, whatever else stands in it: ministack takes
        buckets, distributions and more from Host. SDKs name none there for an endpoint that is an address.
        """
        if not is_loopback(host_name(request.headers.get("host", ""))):
            return False
        if service == "s3":
            return self._allow_objects(request, path)
        found = _PATHS[service].fullmatch(path) if service in _PATHS else None
        if (path != "/" and not found) or "content-encoding" in request.headers:
            return False
        actions = {*_named(service, request), *(found.groupdict().values() if found else ())}
        if service == "ses" and found and request.method == "POST":
            actions.add("SendEmail")
        return bool(actions) and actions <= _ACTIONS.get(service, frozenset())

    def _allow_objects(self, request: Request, path: str) -> bool:
        """Objects of buckets that the environment has; a bucket itself can be read only.

        NOTE: ministack passes over slashes before a bucket's name, which to S3 are an empty one.
        """
        if path.startswith("//"):
            return False
        bucket, _, key = path.removeprefix("/").partition("/")
        source = request.headers.get("x-amz-copy-source", "").lstrip("/").partition("/")[0]
        if not bucket:
            return request.method in ("GET", "HEAD")
        if not self._holds_objects(bucket) or (source and not self._holds_objects(source)):
            return False
        return (
            bool(key) or request.method in ("GET", "HEAD") or (request.method == "POST" and "delete" in request.query)
        )

    def _holds_objects(self, bucket: str) -> bool:
        names = {name for _account, name in list(self._s3._buckets._data)}
        return bucket in names and not bucket.startswith(f"{BOOTSTRAP_STACK}-")


def _named(service: str, request: Request) -> Iterator[str]:
    """Every action that a request names, wherever ministack might look for it."""
    if target := request.headers.get("x-amz-target"):
        yield target.rpartition(".")[2]
    yield from request.query.get("Action", ())
    is_json = "json" in request.headers.get("content-type", "")
    text = request.body.decode("utf-8", "replace")
    if not is_json or service == "sts":
        yield from parse_qs(text, keep_blank_values=True).get("Action", ())
    if is_json and service == "sts":
        try:
            body = json.loads(text or "{}")
        except ValueError:
            body = None
        if not isinstance(body, dict):
            yield ""
        elif "Action" in body:
            yield str(body["Action"])
