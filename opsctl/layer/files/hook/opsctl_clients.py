"""A connection to a client that may be slow, and how much of its request has come.

Standard library only, Python 3.8 and later, as everything beside it.
"""

from __future__ import annotations

import errno
import math
import re
import select
import socket
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from opsctl_answers import BYTES_PER_SECOND, Unsent  # type: ignore[import-not-found]

if TYPE_CHECKING:
    from opsctl_gunicorn import Intake  # type: ignore[import-not-found]

# What a load balancer takes as a head, and what a form or a JSON document of an API has as a body. A larger request
# goes to a thread when its head is there.
REQUEST_BYTES = 64 * 1024
HEAD_SECONDS = 5.0
# How often somebody looks whether a client had its time.
CHECK_SECONDS = 0.25
# How long a large request may wait for a thread.
QUEUE_SECONDS = 30.0
BLANK_LINES = re.compile(rb"[\r\n]*")
LENGTHS = re.compile(rb"\r\ncontent-length[^\r\n]*", re.IGNORECASE)
LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,15})[ \t]*", re.IGNORECASE)
# A body whose end only its reader finds, and one that the client sends when it is asked to.
OPEN_END = re.compile(rb"\r\n(transfer-encoding|expect)[ \t]*:", re.IGNORECASE)
BODY_NAMES = (b"content-length", b"transfer-encoding", b"expect")
UPGRADE = re.compile(rb"\r\nupgrade:", re.IGNORECASE)


class Client(socket.socket):
    """A connection to a client; one that no Intake looks after is a socket like any other."""

    intake: Intake | None = None
    since = 0.0
    """When it began to wait for a request."""
    begun = 0.0
    """When the first byte of the request came; 0 before."""
    size = 0.0
    """Bytes of the request; 0 while its head is not there, infinite when its end is for its reader to find."""
    left = 0.0
    """Bytes that gunicorn may read: what it left of a request before, and this one once it is released."""
    released = False
    tunnel = False
    ended = False
    late = 0.0
    """Seconds by which it is behind what a thread may expect."""
    held = bytearray()
    unsent = Unsent()

    def wait(self) -> None:
        """Begin to wait for the next request."""
        if self.left > len(self.held):
            # Where that begins nobody knows: behind a body that was not read, or in what gunicorn holds.
            self.left = math.inf
        self.since, self.begun, self.size = time.monotonic(), 0.0, self.left if self.left == math.inf else 0
        self.released = self.tunnel = False

    def collect(self) -> bool:
        """Take what has come; whether a thread should see it."""
        self.begun = self.begun or time.monotonic()
        if self.size <= REQUEST_BYTES:
            try:
                data = super().recv(REQUEST_BYTES)
            except BlockingIOError:
                return self.is_whole()
            except OSError:
                data = b""
            self.ended = not data
            self.held += data
        return self.is_whole()

    def is_whole(self) -> bool:
        """Whether the request is here, or as much of it as is waited for."""
        if not self.size:
            self._measure()
        return self.ended or self.size > REQUEST_BYTES or 0 < self.size <= len(self.held) - self.left

    def _measure(self) -> None:
        """Read the head, if it is there."""
        begin = int(self.left)
        if len(self.held) > begin and not self.begun:
            self.begun = time.monotonic()
        found = BLANK_LINES.match(self.held, begin)
        start = found.end() if found else begin
        end = self.held.find(b"\r\n\r\n", start)
        if end >= 0:
            head = bytes(self.held[start : end + 2])
            body = length_of_body(head)
            self.tunnel = body == 0 and UPGRADE.search(head) is not None
            self.size = end + 4 - begin + body
        elif len(self.held) - begin >= REQUEST_BYTES:
            self.refuse("431 Request Header Fields Too Large")

    def is_late(self, now: float, silence: float) -> bool:
        """Whether the client had its time, or waited long enough for a thread; `silence` may be before its request."""
        if not self.begun:
            return now > self.since + silence
        needed = HEAD_SECONDS + self.size / BYTES_PER_SECOND if self.size <= REQUEST_BYTES else QUEUE_SECONDS
        return now > self.begun + needed

    def refuse(self, status: str) -> None:
        """Answer instead of gunicorn."""
        with suppress(OSError):
            super().send(f"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".encode())
        self.forget()

    def forget(self) -> None:
        """Let gunicorn see a client that has gone."""
        self.held, self.left, self.ended, self.tunnel = bytearray(), 0, True, False

    def release(self) -> None:
        """From now on gunicorn reads this request, as far as its end is known."""
        self.released = True
        self.late = 0.0
        self.left = len(self.held) if self.ended else self.left + self.size

    def may_wait(self) -> bool:
        """Whether a thread may have to wait for the client."""
        return not self.ended and self.left + (0 if self.released else self.size) > len(self.held)

    def recv(self, size: int, flags: int = 0) -> bytes:
        """What gunicorn reads: what was collected, then what the client still has to send of this request."""
        if not self.released or flags or (self.tunnel and not self.left):
            return super().recv(size, flags)
        size = int(min(size, self.left))
        if not size or (self.ended and not self.held):
            return b""
        if self.held:
            data = bytes(self.held[:size])
            del self.held[:size]
        else:
            data = self._patiently(size)
        self.left -= len(data)
        return data

    def _patiently(self, size: int) -> bytes:
        """Wait for a client that sends enough; to gunicorn any other has reset the connection."""
        allowed = HEAD_SECONDS - self.late
        given = self.gettimeout()
        began = time.monotonic()
        if not _is_ready(self, select.POLLIN, allowed if given is None else min(given, allowed)):
            if given is not None and given < allowed:
                raise socket.timeout("timed out")  # noqa: UP041  not the same before Python 3.10
            raise ConnectionResetError(errno.ECONNRESET, "the client sends too slowly")
        waited = time.monotonic() - began
        data = super().recv(size)
        self.late = max(0.0, self.late + waited - len(data) / BYTES_PER_SECOND)
        return data

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Send what the client takes; the rest is sent when it takes more, behind the thread's back."""
        if self.intake is None or flags:
            super().sendall(data, flags)
            return
        if not self.unsent:
            sent = self._send_at_once(data)
            if sent == len(data):  # as a rule
                return
            data = memoryview(data)[sent:]
        self.unsent.add(data)
        self._send_patiently()

    def _send_at_once(self, data: Any) -> int:
        try:
            return super().send(data, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return 0

    def send(self, data: Any, flags: int = 0) -> int:
        """As a socket's, behind what is there to send."""
        if not self.unsent:
            return super().send(data, flags)
        self.sendall(data)
        return len(data)

    def sendfile(self, file: Any, offset: int = 0, count: int | None = None) -> int:
        """As `sendall`; the file itself is kept, not what it holds."""
        if self.intake is None or count is None:
            return super().sendfile(file, offset, count)
        self.unsent.add_file(file.fileno(), offset, count)
        self._send_patiently()
        return count

    def _send_patiently(self) -> None:
        """Wait only for a client to which more is to be sent than is kept for one."""
        try:
            while not self.unsent.send(self) and self.unsent.size > self._room():
                if self.unsent.is_late(HEAD_SECONDS):
                    raise ConnectionResetError(errno.ECONNRESET, "the client reads too slowly")
                _is_ready(self, select.POLLOUT, CHECK_SECONDS)
        except OSError:
            self.unsent.clear()
            raise

    def _room(self) -> float:
        """Bytes that are kept; whoever took the connection over waits for an answer to what it has sent."""
        return -1 if self.tunnel or self.intake is None else self.intake.room

    def shutdown(self, how: int) -> None:
        """gunicorn does this to wait for the client's end, which is the Intake's work."""
        if not self.unsent:
            super().shutdown(how)
        if self.intake is not None:
            self.forget()
            self.released = True

    def close(self) -> None:
        """Close without cutting off an answer that is under way."""
        intake, self.intake = self.intake, None
        if intake is not None and self.fileno() >= 0:
            intake.linger(self)
        super().close()


def length_of_body(head: bytes) -> float:
    """What a head says; infinite when the end of the body is for its reader to find."""
    lower = head.lower()
    if not any(name in lower for name in BODY_NAMES):  # most requests, at a fifth of what the patterns take
        return 0
    if OPEN_END.search(head):
        return math.inf
    named = LENGTHS.findall(head)
    found = LENGTH.fullmatch(named[0]) if len(named) == 1 else None
    return int(found[1]) if found else math.inf if named else 0


def _is_ready(sock: socket.socket, event: int, seconds: float) -> bool:
    poll = select.poll()
    poll.register(sock, event)
    return bool(poll.poll(max(0.0, seconds) * 1000))
