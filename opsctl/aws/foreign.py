"""Answers that are not AWS's: a proxy's page, a hotel's log-in, half an answer, none.

From some botocore makes an error that names nothing; others it takes for an answer in which everything is missing. Here
each answer is looked at before it is parsed, for all services alike, and code that asks for a part that is missing gets
the same sentence.
"""

from __future__ import annotations

import html
import json
import re
import threading
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree

from opsctl.aws.errors import NOT_AWS, AwsError, AwsRefusedError, redirections

_PAGE = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b",
    re.IGNORECASE | re.DOTALL,
)
_TITLE = re.compile(rb"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)
_XML = {"query", "ec2", "rest-xml"}
_JSON = {"json", "rest-json"}
_LONGEST = 80  # characters of what is not ours to word


class Answer(dict[str, Any]):
    """An answer of AWS, and each part of one: a name that it lacks is an AwsError, not a KeyError."""

    operation = ""
    address = ""

    def __missing__(self, name: str) -> Any:
        raise _error(self.address, f"an answer to {self.operation} without {name}")


class Witness:
    """Sees what one client sends and gets."""

    def __init__(self) -> None:
        self._sent = threading.local()  # clients are shared by threads, and a call stays in its own

    def register(self, client: Any) -> None:
        """Look at all that this client is answered."""
        client.meta.events.register("before-send", self._note_address)
        client.meta.events.register("before-parse", self._look)
        make_call = client._make_api_call

        def call(operation: str, parameters: Any) -> Any:
            return self._whole(make_call(operation, parameters), operation)

        client._make_api_call = call

    def _note_address(self, request: Any, **_: Any) -> None:
        self._sent.url = request.url

    @property
    def _address(self) -> str:
        return str(getattr(self._sent, "url", ""))

    def _look(self, operation_model: Any, response_dict: Mapping[str, Any], **_: Any) -> None:
        what = _strange(operation_model, response_dict)
        if what:
            raise _error(self._address, what)

    def _whole(self, value: Any, operation: str) -> Any:
        if isinstance(value, dict):
            answer = Answer({name: self._whole(item, operation) for name, item in value.items()})
            answer.operation, answer.address = operation, self._address
            return answer
        return [self._whole(item, operation) for item in value] if isinstance(value, list) else value


def _strange(operation: Any, response: Mapping[str, Any]) -> str:
    """What came instead of an answer, in words; "" for an answer. From 500 on botocore asks again by itself."""
    status, headers, body = response["status_code"], response["headers"], response["body"]
    if status >= 500:
        return ""
    signed = any(str(name).lower().startswith("x-amz") for name in headers)
    kind = str(headers.get("content-type", "")).partition(";")[0].strip().lower()
    if not isinstance(body, bytes):  # what is streamed may be anybody's page, but not without AWS's headers
        return f"status {status} and a web page" if kind == "text/html" and not signed else ""
    if not signed and 300 <= status < 400 and headers.get("location") and not body.lstrip().startswith(b"<?xml"):
        return f"status {status}, which leads to {_shortened(str(headers['location']))}"
    if _PAGE.match(body):
        return f"status {status} and a web page{_titled(body)}"
    return f"status {status} and {broken}" if (broken := _broken(operation, body, status, signed=signed)) else ""


def _broken(operation: Any, body: bytes, status: int, *, signed: bool) -> str:
    protocol = operation.service_model.resolved_protocol
    if not body:
        expected = status < 300 and not signed and operation.http.get("method") != "HEAD" and _has_body(operation)
        return "nothing else" if expected else ""
    if protocol in _XML:
        try:
            root = ElementTree.fromstring(body)  # noqa: S314 - as botocore parses it; expat expands within limits
        except ElementTree.ParseError:
            return f"{len(body):,} bytes that are no whole XML"
        # From any other document botocore makes an empty answer: no objects, no networks.
        if protocol != "query" and status < 300 and not signed and "amazonaws.com" not in root.tag:
            return f"{len(body):,} bytes of another XML"
    elif protocol in _JSON:
        if _is_payload(operation):
            return ""
        try:
            whole = isinstance(json.loads(body), dict)
        except (ValueError, RecursionError):
            whole = False
        return "" if whole else f"{len(body):,} bytes that are no whole JSON object"
    return ""


def _has_body(operation: Any) -> bool:
    shape = operation.output_shape
    return shape is not None and any("location" not in each.serialization for each in shape.members.values())


def _is_payload(operation: Any) -> bool:
    """Whether the answer's body is one member as it is, such as what a function answered."""
    shape = operation.output_shape
    return shape is not None and "payload" in shape.serialization


def _titled(body: bytes) -> str:
    found = _TITLE.search(body)
    text = " ".join(html.unescape(found[1].decode("utf-8", "replace")).split()) if found else ""
    return f" (“{_shortened(text)}”)" if text else ""


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _error(address: str, what: str) -> AwsError:
    parts = urlsplit(address)
    where = f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}" if parts.hostname else "AWS"
    proxy = _proxy(address)
    message = f"What answered at {where}{f' through the proxy {proxy}' if proxy else ''} is not AWS: it sent {what}."
    if redirected := redirections():
        return AwsRefusedError(message, aws_code=NOT_AWS, hint=f"{redirected[0]} leads away from AWS: unset it.")
    return AwsError(
        message,
        aws_code=NOT_AWS,
        hint="A proxy or the log-in page of a network answers in AWS's place: open any page in a browser, or look at "
        "HTTPS_PROXY and NO_PROXY, then run it again.",
    )


def _proxy(address: str) -> str:
    """The proxy that the call went through, without the login that may stand in it; "" without one."""
    from botocore.utils import get_environ_proxies

    found = urlsplit(str(get_environ_proxies(address).get(urlsplit(address).scheme, "")))
    return f"{found.hostname}{f':{found.port}' if found.port else ''}" if found.hostname else ""
