"""A registry that takes uploads as ECR does, where that differs from docker-registry.

Each PATCH of an upload is stored and answered 201, and `Range` tells the end of the first one for ever; a part that
was sent before is refused with 416; GET of an upload is 404; a PATCH that was cut is lost with its upload. Tags don't
move. [aws/containers-roadmap#2831; crashappsec/chalk#682; dotnet/sdk#33019]

With `keeps` it is another registry: one that keeps what arrived before the line broke, tells how much that is, and
takes the rest in its order. [OCI distribution spec, pushing a blob in chunks]
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from opsctl.images.names import ImageName
from opsctl.images.registry.repository import Repository
from opsctl.images.registry.transport import Transport


@dataclass
class Upload:
    """What has arrived of one upload, and the end of its first part."""

    body: bytes = b""
    first: int | None = None


@dataclass
class EcrLike:
    """Its port, what it holds, and how many bytes of layers it read.

    The line breaks in the middle of `cuts` PATCHes of a megabyte or more. `refuses` is said to the end of each upload.
    """

    cuts: int = 0
    keeps: bool = False
    refuses: str = ""
    port: int = 0
    received: int = 0
    blobs: dict[str, bytes] = field(default_factory=dict)
    manifests: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    uploads: dict[str, Upload] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    guard: threading.Lock = field(default_factory=threading.Lock)
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def repository(self, name: str = "salaries") -> Repository:
        """A client of ours that waits for nothing."""
        image = ImageName(f"127.0.0.1:{self.port}", name)
        return Repository(image, Transport(image.url, sleep=lambda _: None), push=True)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: EcrLike

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Silent."""

    def do_HEAD(self) -> None:
        name = self.path.rsplit("/", 1)[1]
        if "/blobs/" in self.path:
            found = self.state.blobs.get(name)
            self._answer(200 if found is not None else 404)
        else:
            known = self.state.manifests.get(name)
            self._answer(200 if known else 404, headers={"Docker-Content-Digest": known[0]} if known else {})

    def do_GET(self) -> None:
        known = self.state.manifests.get(self.path.rsplit("/", 1)[1])
        upload = self.state.uploads.get(self._number())
        if self.state.keeps and upload is not None and "/uploads/" in self.path:
            self._answer(204, headers={"Location": self.path, "Range": f"0-{max(len(upload.body) - 1, 0)}"})
        elif known is None or "/uploads/" in self.path:
            self._answer(404, b'{"errors": [{"code": "BLOB_UPLOAD_UNKNOWN", "message": "unknown"}]}')
        else:
            self._answer(200, known[1], {"Docker-Content-Digest": known[0]})

    def do_POST(self) -> None:
        with self.state.guard:
            number = str(next(self.state.numbers))
            self.state.uploads[number] = Upload()
        self._answer(202, headers={"Location": f"{self.path}{number}", "Range": "0-0"})

    def do_PATCH(self) -> None:
        self.state.requests.append(f"PATCH {self.headers.get('Content-Range', '-')}")
        length = int(self.headers["Content-Length"])
        with self.state.guard:
            upload = self.state.uploads.get(self._number())
            cut = self.state.cuts > 0 and length > 1_000_000
            self.state.cuts -= cut
        body = self.rfile.read(length // 2 if cut else length)
        with self.state.guard:
            self.state.received += len(body)
        if cut:
            if upload is not None and self.state.keeps:
                upload.body += body
            else:
                self.state.uploads.pop(self._number(), None)
            self.close_connection = True
            with suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)
            return
        if upload is None:
            self._answer(404)
            return
        start = re.match(r"(\d+)-", self.headers.get("Content-Range", ""))
        if start is not None and int(start[1]) != len(upload.body):
            self._answer(416)
            return
        upload.body += body
        upload.first = len(upload.body) - 1 if upload.first is None else upload.first
        self._answer(201, headers={"Location": urlsplit(self.path).path, "Range": f"0-{upload.first}"})

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if "/manifests/" in self.path:
            self._put_manifest(self.path.rsplit("/", 1)[1], body)
            return
        upload = self.state.uploads.pop(self._number(), None)
        if self.state.refuses:
            self._answer(400, json.dumps({"errors": [{"code": "DENIED", "message": self.state.refuses}]}).encode())
            return
        wanted = parse_qs(urlsplit(self.path).query)["digest"][0]
        if upload is None or "sha256:" + hashlib.sha256(upload.body).hexdigest() != wanted:
            self._answer(404 if upload is None else 400)
            return
        self.state.blobs[wanted] = upload.body
        self._answer(201, headers={"Docker-Content-Digest": wanted})

    def _put_manifest(self, tag: str, body: bytes) -> None:
        digest = "sha256:" + hashlib.sha256(body).hexdigest()
        known = self.state.manifests.get(tag)
        if known is not None and known[0] != digest:
            text = f"The image tag '{tag}' already exists and cannot be overwritten because the tag is immutable."
            self._answer(400, json.dumps({"errors": [{"code": "TAG_INVALID", "message": text}]}).encode())
            return
        self.state.manifests[tag] = self.state.manifests[digest] = (digest, body)
        self._answer(201, headers={"Docker-Content-Digest": digest})

    def _number(self) -> str:
        return urlsplit(self.path).path.rsplit("/", 1)[1]

    def _answer(self, status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


@contextmanager
def ecr_like(cuts: int = 0, *, keeps: bool = False, refuses: str = "") -> Iterator[EcrLike]:
    """Start one on a free loopback port, and stop it."""
    state = EcrLike(cuts, keeps, refuses)
    handler = type("Handler", (_Handler,), {"state": state})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    state.port = int(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
