"""Two hosts of a test: a registry that answers whatever it is told to, and a stranger who notes what reaches him."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

from opsctl.images.names import ImageName
from opsctl.images.registry.auth import RegistryLogin
from opsctl.images.registry.pace import Pace
from opsctl.images.registry.repository import Repository
from opsctl.images.registry.transport import Transport

LOGIN = RegistryLogin("ann", "the-password")
_ENDLESS = 128 * 1024 * 1024
REGISTRY, STRANGER = "127.0.0.1", "127.0.0.2"  # both are this machine, and two hosts for whoever compares names


@dataclass(frozen=True)
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    def tells(self, *secrets: str) -> bool:
        """Whether it brought one of these, or anything at all to log in with."""
        everything = f"{self.path}{self.body.decode('latin-1')}{''.join(self.headers.values())}"
        return "authorization" in self.headers or any(secret in everything for secret in secrets)


@dataclass(frozen=True)
class Said:
    """An answer; one that is `endless` sends its body again and again, far beyond every limit.

    `dripping` is the part, if any, that comes byte by byte, `every` so many seconds.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    endless: bool = False
    dripping: Literal["", "headers", "body", "chunks"] = ""
    every: float = 0.05


Rule = Said | Callable[[Asked], Said]


@dataclass
class Host:
    """A server: answers by the first rule whose pattern fits `METHOD path`, 404 without one."""

    address: str
    port: int = 0
    rules: list[tuple[str, Rule]] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    sent: int = 0

    @property
    def url(self) -> str:
        """`http://ADDRESS:PORT`."""
        return f"http://{self.address}:{self.port}"

    def answers(self, pattern: str, rule: Rule) -> None:
        """Add a rule."""
        self.rules.append((pattern, rule))

    def repository(self, login: RegistryLogin | None = LOGIN, pace: Pace | None = None) -> Repository:
        """A client of ours, with a login for this host; it tries twice and waits for nothing."""
        name = ImageName(f"{self.address}:{self.port}", "team/app")
        transport = Transport(name.url, lambda: login, sleep=lambda _: None, attempts=2, pace=pace or Pace())
        return Repository(name, transport, push=True)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    host: Host

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(self.command, self.path, headers, body)
        self.host.asked.append(asked)
        place = f"{asked.method} {asked.path}"
        rule = next((rule for pattern, rule in self.host.rules if re.search(pattern, place)), Said(404))
        said = rule(asked) if callable(rule) else rule
        if said.dripping:
            self._drip(said)
            return
        self.send_response(said.status)
        for name, value in said.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "99999999999" if said.endless else str(len(said.body)))
        self.end_headers()
        with suppress(OSError):
            for _ in range(_ENDLESS // len(said.body) if said.endless else 1):
                if asked.method != "HEAD":
                    self.wfile.write(said.body)
                    self.host.sent += len(said.body)
            self.close_connection = said.endless

    def _drip(self, said: Said) -> None:
        self.close_connection = True
        framing = "Transfer-Encoding: chunked" if said.dripping == "chunks" else f"Content-Length: {len(said.body)}"
        fast, slow = f"HTTP/1.1 {said.status} said\r\n{framing}\r\nX-Long: ", "x" * 600 + "\r\n\r\n"
        if said.dripping == "chunks":
            fast, slow = f"{fast}1\r\n\r\n1; ", "x" * 600
        elif said.dripping == "body":
            fast, slow = f"{fast}1\r\n\r\n", said.body.decode()
        with suppress(OSError):
            self.wfile.write(fast.encode())
            for sign in slow:
                self.wfile.write(sign.encode())
                self.host.sent += 1
                time.sleep(said.every)

    do_HEAD = do_POST = do_PUT = do_PATCH = do_GET  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Silent."""


@contextmanager
def host(address: str) -> Iterator[Host]:
    """Start a server on an address of this machine, and stop it."""
    made = Host(address)
    server = ThreadingHTTPServer((address, 0), type("Handler", (_Handler,), {"host": made}))
    server.daemon_threads = True
    server.block_on_close = False
    made.port = int(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
