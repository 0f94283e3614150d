"""A web server on loopback that answers as tests tell it to."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Web:
    """A web server on loopback whose answers tests set: path -> (status, headers, body)."""

    port: int = 0
    answers: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    trickles: dict[str, tuple[bytes, float]] = field(default_factory=dict)

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        """Return the address of `path`."""
        return f"http://{host}:{self.port}{path}"

    def serve(self, path: str, body: bytes, status: int = 200, **headers: str) -> str:
        """Answer `path` with `body` and return its address."""
        self.answers[path] = (status, {name.replace("_", "-"): value for name, value in headers.items()}, body)
        return self.url(path)

    def trickle(self, path: str, piece: bytes, *, pause_seconds: float) -> None:
        """Answer `path` with `piece` after `piece`, as headers that never end."""
        self.trickles[path] = (piece, pause_seconds)


@contextlib.contextmanager
def running_web() -> Iterator[Web]:
    """Run a `Web`."""
    state = Web()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.requests.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
            if self.path in state.trickles:
                self.trickle(*state.trickles[self.path])
                return
            status, headers, body = state.answers.get(self.path, (404, {}, b"gone"))
            if headers.get("ETag") and self.headers.get("If-None-Match") == headers["ETag"]:
                status, body = 304, b""
            self.send_response(status)
            for name, value in ({"Content-Length": str(len(body))} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(body)

        def trickle(self, piece: bytes, pause: float) -> None:
            with contextlib.suppress(OSError):
                self.wfile.write(b"HTTP/1.1 200 OK\r\n")
                for _ in range(200):
                    self.wfile.write(piece)
                    time.sleep(pause)

        def log_message(self, *_arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield state
    server.shutdown()
    server.server_close()
