"""An LDAP server that can do one thing, a simple bind, so that PostgreSQL asks us about every password.

RFC 4511: each message is a SEQUENCE of a message id and an operation; a BindRequest ([APPLICATION 0]) holds version,
name and, for simple authentication, the password under [0]. Result codes: 0 success, 49 invalidCredentials.
"""

from __future__ import annotations

import re
import socketserver
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread

_BIND_REQUEST, _SIMPLE = 0x60, 0x80
_SUCCESS, _INVALID_CREDENTIALS = 0, 49


@contextmanager
def serve_binds(accept: Callable[[str, str], bool]) -> Iterator[int]:
    """The port of a server that lets `cn=USER,dc=rds` in when `accept(user, password)` says so."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while head := self.rfile.read(1):
                message = self._rest(head)
                number, operation = message[2 : 2 + message[1]], message[2 + message[1] :]
                if operation[0] != _BIND_REQUEST:
                    return
                code = _SUCCESS if accept(*_credentials(_content(operation))) else _INVALID_CREDENTIALS
                answer = _wrap(0x61, _wrap(0x0A, bytes([code])) + _wrap(0x04, b"") + _wrap(0x04, b""))
                self.wfile.write(_wrap(0x30, _wrap(0x02, number) + answer))

        def _rest(self, _head: bytes) -> bytes:
            length = self.rfile.read(1)[0]
            if length & 0x80:
                length = int.from_bytes(self.rfile.read(length & 0x7F), "big")
            return self.rfile.read(length)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield int(server.server_address[1])
        finally:
            server.shutdown()
            thread.join()


def _credentials(bind: bytes) -> tuple[str, str]:
    """User and password of a BindRequest's content."""
    _version, rest = _take(bind)
    name, rest = _take(rest)
    assert rest[0] == _SIMPLE
    user = re.fullmatch(r"cn=(.+),dc=rds", name.decode())
    return (user[1] if user else "", _content(rest).decode())


def _take(data: bytes) -> tuple[bytes, bytes]:
    """The first element's content, and what follows it."""
    start, length = _measure(data)
    return data[start : start + length], data[start + length :]


def _content(data: bytes) -> bytes:
    return _take(data)[0]


def _measure(data: bytes) -> tuple[int, int]:
    """Where the content of the first element starts, and its length (BER, definite form)."""
    if not data[1] & 0x80:
        return 2, data[1]
    size = data[1] & 0x7F
    return 2 + size, int.from_bytes(data[2 : 2 + size], "big")


def _wrap(tag: int, content: bytes) -> bytes:
    return bytes([tag, len(content)]) + content  # what we send is always short
