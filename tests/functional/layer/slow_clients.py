"""Clients that are slow on purpose, and how a health check fares beside them."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

DRIP_SECONDS = 0.5
HOST = "Host: localhost"
# More than the worker collects before a thread sees it, though no more than Django reads into memory, and less.
LARGE_BODY, SMALL_BODY = 2_000_000, 10_000


@dataclass(frozen=True)
class Attack:
    """`clients` connections at once that send `begin`, then `drip` every half second; one that is closed comes back."""

    clients: int
    begin: bytes
    drip: bytes = b""
    """Without one they neither send nor read, and never hang up."""
    window: int = 0
    """Bytes that each lets arrive without reading them; 0 for what the system chooses."""

    @contextlib.contextmanager
    def on(self, port: int) -> Iterator[None]:
        """Attack until the block ends."""
        stopped = threading.Event()
        thread = threading.Thread(target=self._run, args=(port, stopped), daemon=True)
        thread.start()
        try:
            yield
        finally:
            stopped.set()
            thread.join(30)

    def _run(self, port: int, stopped: threading.Event) -> None:
        connections: list[socket.socket] = []
        with contextlib.ExitStack() as stack:
            while not stopped.is_set():
                while len(connections) < self.clients and not stopped.is_set():
                    with contextlib.suppress(OSError):
                        connection = stack.enter_context(socket.socket())
                        if self.window:
                            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.window)
                        connection.settimeout(5)
                        connection.connect(("127.0.0.1", port))
                        connection.setblocking(False)
                        connection.sendall(self.begin)
                        connections.append(connection)
                stopped.wait(DRIP_SECONDS)
                connections = [each for each in connections if self._drips(each)]

    def _drips(self, connection: socket.socket) -> bool:
        """Whether the connection is still there, as far as its client looks."""
        try:
            if self.drip:
                connection.sendall(self.drip)
                return bool(connection.recv(4096))
        except BlockingIOError:
            pass
        except OSError:
            return False
        return True


def attacks(health: str, reading: str, large: str, headers: str = HOST) -> dict[str, Attack]:
    """All of them by name; `reading` is a path whose view reads the body, `large` one whose answer is large."""
    head = f"HTTP/1.1\r\n{headers}\r\n"

    def bodies(clients: int, size: int) -> Attack:
        return Attack(clients, f"POST {reading} {head}Content-Length: {size}\r\n\r\na=".encode(), b"x")

    half = f"GET / {head}X-Slow: ".encode()
    return {
        "8 half heads": Attack(8, half, b"x"),
        "64 half heads": Attack(64, half, b"x"),
        "60 that do not hang up": Attack(60, f"GET {health} {head}Connection: close\r\n\r\n".encode()),
        "8 unfinished bodies": bodies(8, LARGE_BODY),
        "64 unfinished bodies": bodies(64, LARGE_BODY),
        "64 unfinished small bodies": bodies(64, SMALL_BODY),
        "200 silent": Attack(200, b""),
        # The system takes some hundred kilobytes for each of them.
        "200 that never read": Attack(200, f"GET {large} {head}\r\n".encode() * 40, window=4096),
    }


@dataclass
class Health:
    """What a health check saw: seconds of each answer, and what went wrong."""

    seconds: list[float] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    @property
    def worst(self) -> float:
        """The slowest answer, in seconds."""
        return max(self.seconds)


def watch(port: int, path: str, seconds: float, timeout: float = 10.0) -> Health:
    """Ask on a new connection ten times a second for so long."""
    health = Health()
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        started = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
        try:
            connection.request("GET", path, headers={"Connection": "close"})
            status = connection.getresponse().status
            if status != 200:
                health.failed.append(str(status))
        except OSError as error:
            health.failed.append(type(error).__name__)
        finally:
            connection.close()
        health.seconds.append(time.monotonic() - started)
        time.sleep(0.1)
    return health
