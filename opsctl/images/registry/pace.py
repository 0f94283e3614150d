"""How slow a registry may be: a server that sends a byte now and then is never silent, and never done.

A socket's own timeout ends silence alone. Every `size` bytes of an answer, its headers among them, have `seconds` to
arrive; an answer that is shorter has them for all of it. Blobs on their way out are held to the same.
"""

from __future__ import annotations

import http.client
import io
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

from opsctl.images.limits import Readable

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class TooSlowError(TimeoutError):
    """Bytes come or go more slowly than anybody needs who means well."""


@dataclass(frozen=True)
class Pace:
    """The least that has to move: by default 256 KiB in two minutes, about 2 KiB a second."""

    size: int = 256 * 1024
    seconds: float = 120.0
    clock: Callable[[], float] = time.monotonic


class Watch:
    """Keeps the time of one transfer."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._moved = 0
        self._until = pace.clock() + pace.seconds

    def left(self) -> float:
        """Seconds until more must have moved. Raises TooSlowError when there are none."""
        left = self._until - self._pace.clock()
        if left <= 0:
            raise self.late()
        return left

    def moved(self, size: int) -> None:
        """These bytes came or went."""
        self._moved += size
        if self._moved >= self._pace.size:
            self._moved = 0
            self._until = self._pace.clock() + self._pace.seconds

    def late(self) -> TooSlowError:
        """What there is to say about it."""
        return TooSlowError(f"only {self._moved:,} bytes in {self._pace.seconds:g} seconds")


class PacedBody:
    """A body that goes out at the pace: it is asked for the next block when the last one has gone."""

    def __init__(self, body: Readable, pace: Pace) -> None:
        self._body = body
        self._watch = Watch(pace)

    def read(self, size: int = -1) -> bytes:
        """The next bytes. Raises TooSlowError."""
        self._watch.left()
        data = self._body.read(size)
        self._watch.moved(len(data))
        return data


class _Incoming(io.RawIOBase):
    """What a socket receives for one answer, at the pace."""

    def __init__(self, stream: io.RawIOBase, line: socket.socket, pace: Pace) -> None:
        self._stream = stream
        self._line = line
        self._silence = line.gettimeout()
        self._watch = Watch(pace)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int | None:
        left = self._watch.left()
        wait = left if self._silence is None else min(left, self._silence)
        self._line.settimeout(wait)
        try:
            size = self._stream.readinto(buffer)
        except TimeoutError as error:
            if wait < left:
                raise
            raise self._watch.late() from error
        self._watch.moved(size or 0)
        return size

    def close(self) -> None:
        if not self.closed:
            self._stream.close()
        super().close()


def connections(pace: Pace) -> dict[str, type[urllib3.HTTPConnectionPool]]:
    """Connection pools by scheme whose answers keep the pace."""

    class Answer(http.client.HTTPResponse):
        def __init__(self, sock: socket.socket, *arguments: Any, **options: Any) -> None:
            super().__init__(sock, *arguments, **options)
            received = self.fp.detach()
            self.fp = io.BufferedReader(_Incoming(received, sock, pace))

    class Plain(HTTPConnection):
        response_class = Answer

    class Encrypted(HTTPSConnection):
        response_class = Answer

    class PlainPool(urllib3.HTTPConnectionPool):
        ConnectionCls = Plain

    class EncryptedPool(urllib3.HTTPSConnectionPool):
        ConnectionCls = Encrypted

    return {"http": PlainPool, "https": EncryptedPool}


def reason(error: BaseException) -> str:
    """What went wrong on a line, in a few words: the pace where that is behind it."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, TooSlowError):
            return f"too slow, {cause}"
        cause = cause.__cause__ or cause.__context__
    return f"{type(error).__name__}: {error}"
