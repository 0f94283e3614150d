"""What a client has not taken of its answers yet. It is kept here, so that no thread waits for whoever reads slowly.

Standard library only, Python 3.8 and later, as everything beside it.
"""

from __future__ import annotations

import os
import socket
import time
from collections import deque
from typing import NamedTuple

# The least that a client has to take, once it is behind by as much as it is given.
BYTES_PER_SECOND = 1024
BLOCK = 64 * 1024


class Part(NamedTuple):
    """Of an open file, which `number` alone holds open: bytes from `offset` to `end`."""

    number: int
    offset: int
    end: int


class Unsent:
    """Pieces of answers in order; true when there are any."""

    def __init__(self) -> None:
        self._pieces: deque[memoryview | Part] = deque()
        self.size = 0
        """Bytes that are to be sent from memory; those of files are not."""
        self.held = 0
        """Bytes of memory that this takes: a piece of an answer keeps all of it."""
        self._late = 0.0
        self._at = 0.0

    def __bool__(self) -> bool:
        return bool(self._pieces)

    def add(self, data: bytes | bytearray | memoryview) -> None:
        """Send these behind the others; they are not copied, unless they are less than half of what they keep."""
        if data:
            self._begin()
            piece = _without_waste(memoryview(data))
            self._pieces.append(piece)
            self.size += len(piece)
            self.held += _kept_by(piece)

    def add_file(self, number: int, offset: int, count: int) -> None:
        """Send a part of an open file, which may be closed meanwhile."""
        if count > 0:
            self._begin()
            self._pieces.append(Part(os.dup(number), offset, offset + count))

    def send(self, connection: socket.socket) -> bool:
        """Send what the system takes without waiting; whether that was all. Raises OSError."""
        sent = 0
        try:
            while self._pieces:
                sent += self._send_first(connection)
        except BlockingIOError:
            pass
        now = time.monotonic()
        self._late = max(0.0, self._late + now - self._at - sent / BYTES_PER_SECOND)
        self._at = now
        return not self._pieces

    def is_late(self, patience: float) -> bool:
        """Whether the client is behind by more than `patience` seconds."""
        return self._late + time.monotonic() - self._at > patience

    def clear(self) -> None:
        """Send no more."""
        while self._pieces:
            self._drop_first()

    def _begin(self) -> None:
        if not self._pieces:
            self._late, self._at = 0.0, time.monotonic()

    def _send_first(self, connection: socket.socket) -> int:
        first = self._pieces[0]
        if isinstance(first, Part):
            data = os.pread(first.number, min(BLOCK, first.end - first.offset), first.offset)
            if not data:
                raise ConnectionAbortedError("the file became shorter while it was sent")
            sent = _send(connection, data)
            rest = first._replace(offset=first.offset + sent)
            self._pieces[0] = rest
            if rest.offset == rest.end:
                self._drop_first()
            return sent
        sent = _send(connection, first)
        if sent == len(first):
            self._drop_first()
        else:
            piece = _without_waste(first[sent:])
            self._pieces[0] = piece
            self.size -= sent
            self.held += _kept_by(piece) - _kept_by(first)
        return sent

    def _drop_first(self) -> None:
        first = self._pieces.popleft()
        if isinstance(first, Part):
            os.close(first.number)
        else:
            self.size -= len(first)
            self.held -= _kept_by(first)


def _kept_by(piece: memoryview) -> int:
    return memoryview(piece.obj).nbytes


def _without_waste(piece: memoryview) -> memoryview:
    """The piece by itself, once it is less than half of what it keeps: so in all no more is copied than is sent."""
    return memoryview(bytes(piece)) if 2 * len(piece) < _kept_by(piece) else piece


def _send(connection: socket.socket, data: bytes | memoryview) -> int:
    # NOTE: not the connection's own method, which may wait, and may be the one that asks.
    return socket.socket.send(connection, data, socket.MSG_DONTWAIT)
