"""Requests as no browser sends them, byte for byte: framing told twice, odd lines, headers that claim too much."""

from __future__ import annotations

import contextlib
import re
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPMessage

HOST = b"Host: localhost\r\n"
SMUGGLED = "/smuggled"
INNER = f"GET {SMUGGLED} HTTP/1.1\r\n".encode() + HOST + b"\r\n"
# The worker closes a head that is not whole after 5 seconds, and looks four times a second or less.
SECONDS = 8.0


def get(target: bytes = b"/", headers: bytes = b"") -> bytes:
    """A GET with further header lines."""
    return b"GET " + target + b" HTTP/1.1\r\n" + HOST + headers + b"\r\n"


def post(headers: bytes, body: bytes) -> bytes:
    """A POST with its own framing."""
    return b"POST / HTTP/1.1\r\n" + HOST + headers + b"\r\n" + body


# Each tells in two ways where the body ends, or in one way that others read otherwise.
LENGTHS = [
    b"Content-Length: 5\r\nContent-Length: 6", b"Content-Length: 5, 6", b"Content-Length: +5", b"Content-Length: -5",
    b"Content-Length: 5 5", b"Content-Length: 0x5", b"Content-Length: 5\x00", b"Content-Length: 1e1",
    b"Content-Length: \xd9\xa5", b"Content-Length: 5;", b"Content-Length: \xb2", b"Content-Length : 5",
    b" Content-Length: 5", b"Content-Length\t: 5", b"Content-Length: 5\r\n 0", b"Content-Length:\r\n 5",
    b"Content-Length: 5\x0b", b"Content-Length: five", b"Content-Length: " + b"9" * 30 + b"a", b"Content-Length: 5.0",
]  # fmt: skip
CODINGS = [
    b"Transfer-Encoding: chunked\r\nContent-Length: 5", b"Content-Length: 5\r\nTransfer-Encoding: chunked",
    b"Transfer-Encoding: xchunked", b"Transfer-Encoding: chunked, identity", b"Transfer-Encoding: identity",
    b"Transfer-Encoding: chunked, chunked", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    b"Transfer-Encoding : chunked", b"\tTransfer-Encoding: chunked", b"Transfer-Encoding:\r\n chunked",
    b"Transfer-Encoding: chunked\x0b", b"Transfer-Encoding: \x00chunked", b"Transfer-Encoding: 'chunked'",
    b'Transfer-Encoding: "chunked"', b"Transfer-Encoding: chunked;q=1", b"Transfer-Encoding: gzip",
    b"Transfer-Encoding: chunked, gzip", b"Transfer-Encoding: cow\r\nTransfer-Encoding: chunked", b"Transfer-Encoding:",
    b"X: y\rTransfer-Encoding: chunked", b"X: y\nTransfer-Encoding: chunked",
]  # fmt: skip
CHUNKS = [
    b"-1\r\n", b"0x5\r\n", b"g\r\n", b"+5\r\n", b" 5\r\n", b"5\n", b"5\rX", b"\r\n", b"F" * 9000 + b"\r\n",
    b"5\r\nhelloX", b"5\r\nhello\n", b"5;a\rb\r\nhello\r\n", b"0\r\nContent-Length: 5\r\n\r\n", b"0\r\nbad\r\n\r\n",
]  # fmt: skip
LINES = [
    b"GET  / HTTP/1.1", b"GET / HTTP/1.2", b"GET / HTTP/2.0", b"GET / HTTP/0.9", b"GET /", b"get / HTTP/1.1",
    b"GET / http/1.1", b"GET / HTTP/1.1 ", b"GET\t/\tHTTP/1.1", b"GET /\x00 HTTP/1.1", b"GET /a b HTTP/1.1",
    b"GET /\xff HTTP/1.1", b"GET / HTTP/1.1\rX", b"G@T / HTTP/1.1", b"GET http://evil.example/ HTTP/1.1",
    b"CONNECT evil.example:443 HTTP/1.1", b"GET * HTTP/1.1", b"GET //evil.example/ HTTP/1.1", b"TRACE / HTTP/1.1",
    b"GET /../../etc/passwd HTTP/1.1", b"GET /%2e%2e/%00 HTTP/1.1", b"GET /" + b"a" * 9000 + b" HTTP/1.1",
    b" / HTTP/1.1", b"GET  HTTP/1.1", b"\x16\x03\x01\x02\x00",
]  # fmt: skip
FIELDS = [
    b"no colon\r\n", b": no name\r\n", b"a name: x\r\n", b"X: \x00\r\n", b"X: a\rb\r\n", b"X: a\x7f\r\n",
    b"X: a\r\n b\r\n", b"X" * 9000 + b": y\r\n", b"X: " + b"y" * 9000 + b"\r\n", b"X: y\r\n" * 120,
    (b"X: " + b"y" * 8000 + b"\r\n") * 10,
    b"Host: other.example\r\n", b"Host: localhost\r\n", b"Expect: 200-maybe\r\n",
    b"Upgrade: h2c\r\nHTTP2-Settings: AA\r\n",
    b"Connection: close, keep-alive\r\n", b"\xc3\xa9: x\r\n", b"X\xdf: x\r\n",
]  # fmt: skip
REQUESTS = [
    *(post(each + b"\r\n", b"hello" + INNER) for each in LENGTHS),
    *(post(each + b"\r\n", b"0\r\n\r\n" + INNER) for each in CODINGS),
    *(post(b"Transfer-Encoding: chunked\r\n", each + INNER) for each in CHUNKS),
    *(each + b"\r\n" + HOST + b"\r\n" for each in LINES),
    *(get(headers=each) for each in FIELDS),
    b"GET / HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\nHost: localhost\n\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\r\n\r\n",
    post(b"Transfer-Encoding: chunked\r\n", b"").replace(b"1.1", b"1.0", 1) + INNER,
    b"\x00" * 100, b"GET / HTTP/1.1\r\n",
]  # fmt: skip


@dataclass(frozen=True)
class Seen:
    """What came back: the statuses in order, and how long it took until the server closed or said no more."""

    request: bytes
    statuses: list[int]
    seconds: float


def send(port: int, request: bytes, quiet: float = 1.0) -> Seen:
    """Send and read until the server closes, or has been quiet for a while after an answer."""
    started = time.monotonic()
    received = b""
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as connection, contextlib.suppress(OSError):
        connection.sendall(request)
        while block := connection.recv(65536):
            received += block
            connection.settimeout(quiet)
    statuses = [int(each) for each in re.findall(rb"HTTP/1\.\d (\d{3})", received)]
    return Seen(request, statuses, time.monotonic() - started)


def send_all(port: int) -> list[Seen]:
    """Every request, a few at once."""
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(lambda request: send(port, request), REQUESTS))


def complaints(seen: list[Seen]) -> list[str]:
    """What is wrong: an answer of 5xx (but 501 for a coding that nobody has), none in time, or a second request seen.

    An answer may come before a body is found to be broken, which is then told too.
    """
    return [
        f"{each.request[:120]!r}: {each.statuses} after {each.seconds:.1f} s"
        for each in seen
        if any(status >= 500 and status != 501 for status in each.statuses)
        or each.seconds > SECONDS
        or any(status != 400 for status in each.statuses[1:])
    ]


def headers(port: int, path: str) -> HTTPMessage:
    """The headers of an answer."""
    connection = HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    with contextlib.closing(connection):
        connection.request("GET", path)
        return connection.getresponse().headers
