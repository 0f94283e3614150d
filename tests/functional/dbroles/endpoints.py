"""Loopback stand-ins for what the Lambda talks to: CloudFormation's response address and Secrets Manager."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


@dataclass
class ResponseAddress:
    """Takes PUTs like the S3 address of a custom resource. `statuses` are used up one by one; then it answers 200."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    content_types: list[str | None] = field(default_factory=list)

    @property
    def answer(self) -> dict[str, Any]:
        """The one answer that was taken."""
        assert len(self.bodies) == 1, f"{len(self.bodies)} answers"
        assert len(self.bodies[0]) <= 4096
        answer = json.loads(self.bodies[0])
        assert isinstance(answer, dict)
        return answer


@dataclass
class SecretStore:
    """Answers GetSecretValue for one secret: stage -> text. `refusal` is an error code for every request."""

    url: str = ""
    stages: dict[str, str] = field(default_factory=dict)
    refusal: str = ""


@contextmanager
def _serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Quiet(BaseHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in the base class
        """Nothing: test output is for test results."""

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", "0")))

    def reply(self, status: int, body: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def response_address() -> Iterator[ResponseAddress]:
    """A response address whose URL carries a signature that must show up nowhere."""
    address = ResponseAddress()

    class Handler(_Quiet):
        def do_PUT(self) -> None:
            body = self.body()
            status = address.statuses.pop(0) if address.statuses else 200
            if status == 200:
                address.bodies.append(body)
                address.content_types.append(self.headers.get("Content-Type"))
            self.reply(status)

    with _serving(Handler) as url:
        address.url = f"{url}/answer?X-Amz-Signature=S1GNATURE"
        yield address


@contextmanager
def secret_store() -> Iterator[SecretStore]:
    """Secrets Manager's GetSecretValue over its JSON protocol."""
    store = SecretStore()

    class Handler(_Quiet):
        def do_POST(self) -> None:
            asked = json.loads(self.body())
            text = store.stages.get(asked["VersionStage"])
            code = store.refusal or ("" if text is not None else "ResourceNotFoundException")
            if code:
                self.reply(400, json.dumps({"__type": code, "Message": "no"}).encode())
            else:
                answer = {"ARN": asked["SecretId"], "Name": "master", "SecretString": text}
                self.reply(200, json.dumps(answer).encode())

    with _serving(Handler) as url:
        store.url = url
        yield store
