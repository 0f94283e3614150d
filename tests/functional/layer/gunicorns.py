"""Gunicorns of several versions with the worker in front of their threads, and requests to them byte for byte."""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from scripts.tools import alone
from tests.functional.layer.site import CACHE
from tests.ports import free_port
from tests.soak import WHOLE

# As locked, and what strangers may have: gunicorn handed connections to threads in three ways since.
VERSIONS = ["27.0.1", "23.0.0", *(["22.0.0", "24.1.1", "25.3.0", "26.2.0"] if WHOLE else [])]
APPLICATION = """
import hashlib, os, socket, tempfile

def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path.startswith("/large"):
        # Nearly nothing goes to the system, so that the rest is for the server to keep.
        environ["gunicorn.socket"].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        size = int(environ["QUERY_STRING"])
        start_response("200 OK", [("Content-Length", str(size))])
        if path == "/large":
            return [(b"%09d" % 5) * (size // 9)]
        file = tempfile.TemporaryFile()  # one each: a file that another thread writes again becomes shorter meanwhile
        file.write((b"%09d" % 5) * (size // 9))
        file.seek(0)
        return environ["wsgi.file_wrapper"](file)
    if path == "/raw":
        connection = environ["gunicorn.socket"]
        connection.sendall(b"HTTP/1.1 101 Switching Protocols\\r\\n\\r\\n" + connection.recv(9)[::-1])
        raise StopIteration
    body = b"" if path == "/unread" else environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 10**9))
    answer = f"{path} {len(body)} {hashlib.sha256(body).hexdigest()}".encode()
    start_response("200 OK", [("Content-Length", str(len(answer)))])
    return [answer]
"""
LARGE = 900_000
"""Less than is kept for one client."""


class Gunicorn(NamedTuple):
    """A running server."""

    port: int
    log: Path
    process: subprocess.Popen[bytes]

    def connect(self) -> socket.socket:
        """A connection to it."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)


def installed(version: str) -> Path:
    """A folder with this gunicorn, made once."""
    folder = CACHE / f"gunicorn-{version}"
    with alone(folder):
        if not (folder / "complete").is_file():
            pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "install", "--upgrade"]
            subprocess.run([*pip, "--target", str(folder), f"gunicorn=={version}"], check=True)
            (folder / "complete").touch()
    return folder


@contextlib.contextmanager
def serving(version: str, folder: Path, layer: Path, *options: str, **variables: str) -> Iterator[Gunicorn]:
    """One worker of two threads unless `options` say otherwise."""
    (folder / "app.py").write_text(APPLICATION)
    port = free_port()
    control = ["--no-control-socket"] if int(version.partition(".")[0]) >= 25 else []
    command = [
        sys.executable, "-m", "gunicorn", "app", f"--bind=127.0.0.1:{port}", "--threads=2", "--keep-alive=20",
        "--worker-class=opsctl_gunicorn.Worker", "--graceful-timeout=25", *control, *options,
    ]  # fmt: skip
    path = os.pathsep.join([str(folder), str(installed(version)), str(layer / "hook")])
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": path, **variables}
    log = folder / "log"
    with log.open("wb") as stream:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=stream, stderr=stream)
    served = Gunicorn(port, log, process)
    try:
        for _ in range(100):
            assert process.poll() is None, log.read_text()
            with contextlib.suppress(OSError), served.connect():
                break
            time.sleep(0.1)
        yield served
    finally:
        process.terminate()
        process.wait(40)


def get(path: str) -> bytes:
    """A request without a body."""
    return f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()


def post(path: str, body: bytes, headers: str = "") -> bytes:
    """A request with one."""
    return f"POST {path} HTTP/1.1\r\nHost: x\r\n{headers}Content-Length: {len(body)}\r\n\r\n".encode() + body


def said(path: str, body: bytes = b"") -> bytes:
    """What the application answers to it."""
    return f"{path} {len(body)} {hashlib.sha256(body).hexdigest()}".encode()


def answer(connection: socket.socket) -> bytes:
    """The body of the next answer, or its status line when there is none."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = connection.recv(1)
        if not byte:
            return head
        head += byte
    length = next((int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"Content-Length:")), 0)
    body = b""
    while len(body) < length:
        data = connection.recv(length - len(body))
        assert data, f"the connection ended after {len(body)} of {length} bytes"
        body += data
    return body or head.partition(b"\r\n")[0]


def ask_slowly(gunicorn: Gunicorn, stack: contextlib.ExitStack, request: bytes) -> socket.socket:
    """A client that has asked, and lets next to nothing of the answer arrive."""
    connection = stack.enter_context(socket.socket())
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(20)
    connection.connect(("127.0.0.1", gunicorn.port))
    connection.sendall(request)
    return connection


def run_beside(version: str, program: str) -> str:
    """What a program prints that finds this gunicorn and the worker."""
    hook = Path(__file__).parents[3] / "opsctl" / "layer" / "files" / "hook"
    environment = {**os.environ, "PYTHONPATH": f"{installed(version)}:{hook}"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
