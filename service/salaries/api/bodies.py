"""Answers that were sent before, by their tag.

A tag names the release, the query and the coding, and a release never changes: a body that was right once stays right.
What nobody asked for the longest makes room.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from threading import Lock

BYTES_LIMIT = 32 << 20


class BodyCache:
    """The bodies used last, at most `limit` bytes of them; safe to use from several threads."""

    def __init__(self, limit: int = BYTES_LIMIT) -> None:
        self._limit = limit
        self._lock = Lock()
        self._making: dict[str, Future[bytes]] = {}
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self._bodies: OrderedDict[str, bytes] = OrderedDict()
        self._size = 0

    def get(self, tag: str) -> bytes | None:
        """Return the body of `tag` if it is still here."""
        with self._lock:
            body = self._bodies.get(tag)
            if body is not None:
                self._bodies.move_to_end(tag)
            return body

    def get_or_make(self, tag: str, make: Callable[[], bytes]) -> bytes:
        """Return the body of `tag`; whoever asks while it is being made waits for it, and shares its failure."""
        body = self.get(tag)
        if body is not None:
            return body
        own: Future[bytes] = Future()
        with self._lock:
            making = self._making.setdefault(tag, own)
        if making is not own:
            return making.result()
        try:
            body = make()
            self.put(tag, body)
            own.set_result(body)
        except BaseException as error:
            own.set_exception(error)
            raise
        finally:
            with self._lock:
                del self._making[tag]
        return body

    def put(self, tag: str, body: bytes) -> None:
        """Keep `body`, unless it alone would take an eighth of the room."""
        if len(body) > self._limit // 8:
            return
        with self._lock:
            self._size += len(body) - len(self._bodies.pop(tag, b""))
            self._bodies[tag] = body
            while self._size > self._limit:
                self._size -= len(self._bodies.popitem(last=False)[1])


BODIES = BodyCache()
