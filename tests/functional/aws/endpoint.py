"""An endpoint on loopback that answers as AWS does, with what a test lays in, and counts who asked for what."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

_NAMESPACES = {"sts": "https://sts.amazonaws.com/doc/2011-06-15/"}
STACKS = "<DescribeStacksResponse><DescribeStacksResult><Stacks/></DescribeStacksResult></DescribeStacksResponse>"


@dataclass(frozen=True)
class Answer:
    """What is sent back. `clock`: seconds by which the answerer's clock is ahead of ours; None sends no Date."""

    status: int = 200
    body: str = STACKS
    headers: dict[str, str] = field(default_factory=dict)
    clock: float | None = 0.0


def refusal(code: str, message: str, status: int = 403, *, clock: float | None = 0.0) -> Answer:
    """An error in the form of the query protocol (STS, CloudFormation)."""
    body = (
        f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
        "<RequestId>r-1</RequestId></ErrorResponse>"
    )
    return Answer(status, body, {"Content-Type": "text/xml"}, clock)


def s3_refusal(code: str, message: str, status: int, more: str = "", **headers: str) -> Answer:
    """An error in S3's form."""
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message}</Message>{more}</Error>"
    return Answer(status, body, {name.replace("_", "-"): value for name, value in headers.items()})


def role_session(action: str, *, lasts: timedelta = timedelta(hours=1), key: str = "ASIAROLE") -> Answer:
    """What STS answers to AssumeRole and its kin."""
    ends = (datetime.now(UTC) + lasts).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Answer(
        body=f'<{action}Response xmlns="{_NAMESPACES["sts"]}"><{action}Result><Credentials>'
        f"<AccessKeyId>{key}</AccessKeyId><SecretAccessKey>secret</SecretAccessKey><SessionToken>token</SessionToken>"
        f"<Expiration>{ends}</Expiration></Credentials><AssumedRoleUser><AssumedRoleId>i</AssumedRoleId>"
        f"<Arn>arn:aws:sts::123456789012:assumed-role/deploy/x</Arn></AssumedRoleUser></{action}Result>"
        f"</{action}Response>"
    )


@dataclass
class Endpoint:
    """The server's address, its answers by action ("" answers all others), and what was asked."""

    url: str
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    requests: list[dict[str, str]] = field(default_factory=list)

    def answer(self, action: str) -> Answer:
        return self.answers.get(action) or self.answers.get("") or Answer()


@contextmanager
def endpoint() -> Iterator[Endpoint]:
    """The server, as long as the block lasts."""
    found = Endpoint("")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def respond(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode("latin-1")
            form = {name: values[0] for name, values in parse_qs(body).items()}
            action = form.get("Action", "")
            found.asked[action] += 1
            found.requests.append({**form, "authorization": self.headers.get("Authorization", ""), "body": body})
            answer = found.answer(action)
            self.send_response_only(answer.status)
            if answer.clock is not None:
                moment = datetime.now(UTC) + timedelta(seconds=answer.clock)
                self.send_header("Date", format_datetime(moment, usegmt=True))
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body.encode())))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.body.encode())

        do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = respond  # noqa: N815 - names of the base class

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
