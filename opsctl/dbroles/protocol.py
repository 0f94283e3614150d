"""The custom-resource protocol: what CloudFormation sends, and the answer it has to get.

Only the standard library, so that an answer goes out even when psycopg2 can't be imported. The response URL is a signed
one, which whoever reads it can use: it is never logged and never part of an error.

Facts relied on (CloudFormation user guide, custom resource request and response objects): the answer is a JSON
document of at most 4,096 bytes, sent by PUT with an empty content type; PhysicalResourceId must stay the same on every
update, for another one means a replacement; StackId, RequestId and LogicalResourceId are copied verbatim.
"""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from opsctl.dbroles.errors import AnswerNotDeliveredError, BadEventError

PHYSICAL_ID = "opsctl-database-roles"
"""The same for every database and every model: a change of either is an update, never a replacement."""

MAX_ANSWER_BYTES = 4096
MAX_REASON_CHARACTERS = 1000
_ATTEMPTS = 3
_ATTEMPT_SECONDS = 2.5
_PAUSE_SECONDS = 0.5

RequestType = Literal["Create", "Update", "Delete"]
Status = Literal["SUCCESS", "FAILED"]


@dataclass(frozen=True)
class Answer:
    """The document for CloudFormation. `data` becomes the attributes of the resource."""

    status: Status
    reason: str
    physical_id: str
    stack_id: str
    request_id: str
    logical_id: str
    data: Mapping[str, str] = field(default_factory=dict)

    def body(self) -> bytes:
        """The JSON text, at most 4,096 bytes: first the data goes, then the reason is shortened."""
        reason, data = self.reason[:MAX_REASON_CHARACTERS], dict(self.data)
        body = self._encode(reason, data)
        if len(body) > MAX_ANSWER_BYTES and data:
            body = self._encode(reason, {})
        while len(body) > MAX_ANSWER_BYTES and reason:
            # Escapes make some characters six bytes long, so the length is measured, not computed.
            reason = reason[: len(reason) * 3 // 4]
            body = self._encode(reason, {})
        return body

    def _encode(self, reason: str, data: Mapping[str, str]) -> bytes:
        document: dict[str, object] = {
            "Status": self.status,
            "Reason": reason,
            "PhysicalResourceId": self.physical_id,
            "StackId": self.stack_id,
            "RequestId": self.request_id,
            "LogicalResourceId": self.logical_id,
        }
        if data:
            document["Data"] = dict(data)
        return json.dumps(document).encode()


def physical_id(event: Mapping[str, object]) -> str:
    """The id CloudFormation knows the resource by, or the constant one for a new resource."""
    known = event.get("PhysicalResourceId")
    return known if isinstance(known, str) and known else PHYSICAL_ID


def read_request_type(event: Mapping[str, object]) -> RequestType:
    """Create, Update or Delete. Raises BadEventError."""
    kind = event.get("RequestType")
    if kind not in ("Create", "Update", "Delete"):
        raise BadEventError(
            f"The event's RequestType is {str(kind)[:40]!r}, not Create, Update or Delete.",
            hint="Let CloudFormation call the function, or use opsctl db init.",
        )
    return kind


def build_answer(event: Mapping[str, object], status: Status, reason: str, data: Mapping[str, str]) -> Answer:
    """The answer to `event`; an absent id is answered as an empty text rather than not at all."""

    def text(key: str) -> str:
        value = event.get(key)
        return value if isinstance(value, str) else ""

    return Answer(
        status=status,
        reason=reason,
        physical_id=physical_id(event),
        stack_id=text("StackId"),
        request_id=text("RequestId"),
        logical_id=text("LogicalResourceId"),
        data=data,
    )


def deliver(url: object, answer: Answer, *, sleep: Callable[[float], None] = time.sleep) -> None:
    """PUT the answer, three times if need be. Raises AnswerNotDeliveredError, without the URL in its words."""
    body = answer.body()
    problem = ""
    for attempt in range(_ATTEMPTS):
        if attempt:
            sleep(_PAUSE_SECONDS)
        problem = _put(url, body)
        if not problem:
            return
    raise AnswerNotDeliveredError(
        f"The answer ({answer.status}: {answer.reason[:300]}) could not be delivered to CloudFormation: {problem}.",
        hint="Check that the subnets reach S3 and that its endpoint policy allows "
        "cloudformation-custom-resource-response-REGION; the stack waits until ServiceTimeout.",
    )


def _put(url: object, body: bytes) -> str:
    """One attempt; the empty text, or what went wrong."""
    try:
        parts = urlsplit(url if isinstance(url, str) else "")
        port = parts.port
    except ValueError:
        return "the response URL can't be read"
    if parts.scheme not in ("https", "http") or not parts.hostname:
        return "the event has no usable response URL"
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname, port, timeout=_ATTEMPT_SECONDS)
    target = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
    try:
        # The URL is signed for an empty content type.
        connection.request("PUT", target, body, {"Content-Type": "", "Content-Length": str(len(body))})
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException, ValueError) as error:
        return f"no connection to {parts.hostname} ({type(error).__name__})"
    finally:
        connection.close()
    return "" if 200 <= status < 300 else f"{parts.hostname} answered with status {status}"
