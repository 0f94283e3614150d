"""What is kept of answers that clients have not read."""

from __future__ import annotations

import socket
import weakref
from collections.abc import Iterator

import pytest

from opsctl.layer.files.hook.opsctl_answers import Unsent


class Body(bytearray):
    """An answer, of which can be told whether it is still in memory."""


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """A connection and its client's end."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def read(theirs: socket.socket, count: int) -> bytes:
    """So many bytes."""
    found = b""
    while len(found) < count:
        found += theirs.recv(count - len(found))
    return found


def test_of_an_answer_that_is_read_halfway_less_than_twice_the_rest_is_kept(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = ends
    whole = bytes(range(250)) * 20_000
    body = Body(whole)
    kept, unsent, sent = weakref.ref(body), Unsent(), b""
    unsent.add(body)
    del body
    assert not unsent.send(ours)
    assert unsent.held == len(whole)
    while not unsent.send(ours):
        assert unsent.size <= unsent.held <= 2 * unsent.size
        assert (kept() is None) == (unsent.size * 2 < len(whole))
        sent += read(theirs, 60_000)
    assert (unsent.size, unsent.held) == (0, 0)
    assert sent + read(theirs, len(whole) - len(sent)) == whole


def test_a_small_piece_keeps_no_large_answer() -> None:
    body = Body(1_000_000)
    kept, unsent = weakref.ref(body), Unsent()
    unsent.add(memoryview(body)[-1000:])
    del body
    assert kept() is None
    assert (unsent.size, unsent.held) == (1000, 1000)
    unsent.clear()
    assert (unsent.size, unsent.held) == (0, 0)
