"""How much of a request is waited for before a thread sees it."""

from __future__ import annotations

import math
import socket
from collections.abc import Iterator

import pytest

from opsctl.layer.files.hook.opsctl_clients import REQUEST_BYTES, Client, length_of_body


@pytest.fixture
def peer() -> Iterator[tuple[Client, socket.socket]]:
    """A connection, not blocking, and its client's end."""
    ours, theirs = socket.socketpair()
    client = Client(fileno=ours.detach())
    client.held = bytearray()
    client.setblocking(False)
    client.wait()
    with client, theirs:
        yield client, theirs


@pytest.mark.parametrize(
    ("headers", "length"),
    [
        ("Host: x", 0),
        ("Content-Length: 5", 5),
        ("content-LENGTH:5 ", 5),
        ("X-Content-Length: 5", 0),
        ("Content-Length: 5\r\nContent-Length: 5", math.inf),
        ("Content-Length: 5, 5", math.inf),
        ("Content-Length : 5", math.inf),
        ("Content-Length: +5", math.inf),
        ("Content-Length: " + "9" * 16, math.inf),
        ("Transfer-Encoding: chunked", math.inf),
        ("Content-Length: 5\r\ntransfer-encoding : chunked", math.inf),
        ("Content-Length: 5\r\nExpect: 100-continue", math.inf),
    ],
)
def test_a_length_is_known_when_it_can_be_read_in_one_way(headers: str, length: float) -> None:
    assert length_of_body(f"POST / HTTP/1.1\r\n{headers}\r\n".encode()) == length


def test_a_request_is_whole_with_its_last_byte(peer: tuple[Client, socket.socket]) -> None:
    client, theirs = peer
    request = b"\r\nPOST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"
    for byte in request[:-1]:
        theirs.send(bytes([byte]))
        assert not client.collect()
    theirs.send(request[-1:] + b"GET")
    assert client.collect()
    assert not client.may_wait()
    client.release()
    assert client.recv(8192) == request
    assert client.recv(8192) == b""
    client.wait()
    assert (bytes(client.held), client.left, client.is_whole()) == (b"GET", 0, False)


def test_a_large_body_is_not_collected(peer: tuple[Client, socket.socket]) -> None:
    client, theirs = peer
    theirs.send(f"POST / HTTP/1.1\r\nContent-Length: {REQUEST_BYTES}\r\n\r\nabc".encode())
    assert client.collect()
    assert client.may_wait()
    client.release()
    # Nobody reads it, and the connection is kept: what comes next is the rest, of any length.
    client.wait()
    before = len(client.held)
    theirs.send(b"x" * 1000)
    assert client.collect()
    assert client.may_wait()
    assert len(client.held) == before


def test_what_a_client_says_to_the_end_is_read_to_the_end(peer: tuple[Client, socket.socket]) -> None:
    client, theirs = peer
    theirs.send(b"GET / HT")
    assert not client.collect()
    theirs.shutdown(socket.SHUT_WR)
    assert client.collect()
    client.release()
    assert client.recv(8192) == b"GET / HT"
    assert client.recv(8192) == b""


def test_a_socket_that_nobody_looks_after_is_one_like_any_other() -> None:
    ours, theirs = socket.socketpair()
    with Client(fileno=ours.detach()) as client, theirs, client.dup() as other:
        theirs.send(b"abcdef")
        assert client.recv(3) == b"abc"
        assert other.recv(3) == b"def"
