"""A registry behind a bad line: a proxy that spoils chosen requests and passes the others on."""

from __future__ import annotations

import http.client
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

Kind = Literal[
    "answer",  # answer with `status` and never ask the registry
    "cut-before",  # close the line without asking the registry
    "cut-inside",  # hand on half of the request's body, then close both lines
    "cut-after",  # let the registry do it, and lose its answer
    "spoil",  # change the first byte of the request's body
    "headers",  # change headers of the answer
    "half",  # hand on half of the answer's body
    "garble",  # change the first byte of the answer's body
]


@dataclass
class Fault:
    """Spoils the requests that match, with a body of `least` bytes or more, from the `skip`-th on, `times` times."""

    method: str
    path: str
    kind: Kind
    times: int = 1
    skip: int = 0
    status: int = 0
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    hit: int = 0
    least: int = 0

    def takes(self, method: str, path: str, size: int) -> bool:
        """Whether this request is to be spoiled; counts."""
        if method != self.method or not re.search(self.path, path) or size < self.least:
            return False
        if self.skip:
            self.skip -= 1
            return False
        if self.hit >= self.times:
            return False
        self.hit += 1
        return True


_FRAMING = {"content-length", "transfer-encoding", "expect"}


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, target: int, fault: Fault | None, observe: Callable[[str, str, int], None]) -> None:
        self.target, self.fault, self.observe = target, fault, observe
        self.guard = threading.Lock()
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """A cut line is what the test is about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        self._relay()

    do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Silent."""

    def _relay(self) -> None:
        body = self._body()
        self.server.observe(self.command, self.path, len(body))
        with self.server.guard:
            fault = self.server.fault
            found = fault if fault is not None and fault.takes(self.command, self.path, len(body)) else None
        if found is None:
            self._answer(*self._ask(body))
        elif found.kind == "answer":
            self._answer(found.status, list(found.headers.items()), found.body)
        elif found.kind == "cut-before":
            self._cut()
        elif found.kind == "cut-inside":
            self._ask_half(body)
            self._cut()
        elif found.kind == "cut-after":
            self._ask(body)
            self._cut()
        elif found.kind == "spoil":
            self._answer(*self._ask(bytes([body[0] ^ 1]) + body[1:]))
        else:
            self._spoiled(found, *self._ask(body))

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        pieces = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)

    def _spoiled(self, fault: Fault, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        if fault.kind == "headers":
            kept = [(name, value) for name, value in headers if name.lower() not in fault.headers]
            self._answer(status, [*kept, *fault.headers.items()], body)
        elif fault.kind == "garble":
            self._answer(status, headers, bytes([body[0] ^ 1]) + body[1:])
        else:
            self._answer(status, headers, body, sent=len(body) // 2)
            self._cut()

    def _ask(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.target, timeout=20)
        connection.request(self.command, self.path, body=body or None, headers=self._passed_on(len(body)))
        answer = connection.getresponse()
        data = answer.read()
        headers = [(name, value) for name, value in answer.getheaders() if name.lower() != "transfer-encoding"]
        connection.close()
        return answer.status, headers, data

    def _ask_half(self, body: bytes) -> None:
        with socket.create_connection(("127.0.0.1", self.server.target)) as line:
            head = f"{self.command} {self.path} HTTP/1.1\r\n"
            head += "".join(f"{name}: {value}\r\n" for name, value in self._passed_on(len(body)).items())
            line.sendall(head.encode() + b"\r\n" + body[: len(body) // 2])
            line.shutdown(socket.SHUT_WR)
            with suppress(OSError):
                line.settimeout(0.5)
                line.recv(65536)

    def _passed_on(self, length: int) -> dict[str, str]:
        # The host stays: the registry writes it into the places of uploads.
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _FRAMING}
        return {**headers, **({"Content-Length": str(length)} if self.command not in {"GET", "HEAD"} else {})}

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes, sent: int | None = None) -> None:
        self.send_response(status)
        for name, value in headers:
            if name.lower() not in {"content-length", "connection", "date", "server"} or self.command == "HEAD":
                self.send_header(name, value)
        if self.command != "HEAD":
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body if sent is None else body[:sent])
        else:
            self.end_headers()

    def _cut(self) -> None:
        self.close_connection = True
        with suppress(OSError):
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)


@dataclass
class Line:
    """The proxy's port, and what went through it: `(method, path, bytes of the body)`."""

    port: int
    seen: list[tuple[str, str, int]]


@contextmanager
def between(target: int, fault: Fault | None = None) -> Iterator[Line]:
    """Put a proxy in front of the registry at `target`."""
    seen: list[tuple[str, str, int]] = []
    server = _Server(target, fault, lambda method, path, size: seen.append((method, path, size)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield Line(int(server.server_address[1]), seen)
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
