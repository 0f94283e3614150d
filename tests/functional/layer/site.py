"""A Django site as strangers write them, the servers that run it, and an environment that holds both."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts.tools import alone
from tests.functional.cli import ROOT

CACHE = ROOT / ".cache"
REQUIREMENTS = (
    "channels==4.3.2", "daphne==4.2.3", "django==5.2.19", "gunicorn==27.0.1", "uvicorn==0.54.0",
    "uvicorn-worker==0.4.0",
)  # fmt: skip
UWSGI = "pyuwsgi==2.0.30.post1"
HOST = "shop.example.org"
# Servers trust their neighbours on loopback, and no load balancer is one.
BASE = {"PATH": "/usr/bin:/bin", "DJANGO_SETTINGS_MODULE": "shop.settings", "FORWARDED_ALLOW_IPS": "192.0.2.1"}
PASSWORD = "correct horse battery"
SETTINGS = f"""
DEBUG = False
ALLOWED_HOSTS = ["{HOST}"]
STATIC_ROOT = BASE_DIR / "collected"
STORAGES = {{
    "default": {{"BACKEND": "django.core.files.storage.FileSystemStorage"}},
    "staticfiles": {{"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"}},
}}
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_SSL", "on")
SECURE_SSL_REDIRECT = True
SECURE_REDIRECT_EXEMPT = ["^who$"]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
CSRF_COOKIE_DOMAIN = "{HOST}"
"""
URLS = """
from django.contrib import admin
from django.http import HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

def who(request):
    seen = {name: request.META.get(name) for name in ("REMOTE_ADDR", "SERVER_PORT", "HTTP_X_FORWARDED_SSL")}
    return JsonResponse({"scheme": request.scheme, **seen})

def up(request):
    return HttpResponse(request.get_host())

@csrf_exempt
def size(request):
    return HttpResponse(len(request.body))

urlpatterns = [path("admin/", admin.site.urls), path("who", who), path("up", up), path("size", size)]
"""
ROUTES = """
import json
from shop.asgi import application as http
from channels.generic.websocket import WebsocketConsumer
from channels.routing import ProtocolTypeRouter

class Who(WebsocketConsumer):
    def connect(self):
        self.accept()
        self.send(json.dumps({"scheme": self.scope["scheme"], "client": self.scope["client"][0]}))

application = ProtocolTypeRouter({"http": http, "websocket": Who.as_asgi()})
"""


def environment() -> Path:
    """A virtual environment with the servers, made once for each list of requirements."""
    name = hashlib.sha256("\n".join([sys.version, *REQUIREMENTS, UWSGI]).encode()).hexdigest()[:16]
    folder = CACHE / f"layer-servers-{name}"
    with alone(folder):
        if not (folder / "complete").is_file():
            shutil.rmtree(folder, ignore_errors=True)
            subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
            pip = [str(folder / "bin" / "pip"), "--quiet", "--disable-pip-version-check", "install"]
            subprocess.run([*pip, *REQUIREMENTS], check=True)
            built = subprocess.run([*pip, UWSGI], check=False, capture_output=True, text=True)
            (folder / "complete").write_text(built.stderr.strip()[-300:] if built.returncode else "")
    return folder


def make_site(folder: Path, venv: Path) -> None:
    """`startproject`, with the settings of a careful stranger, static files collected and one administrator."""
    python = str(venv / "bin" / "python")

    def run(*command: str, **variables: str) -> None:
        done = subprocess.run(
            command,
            cwd=folder,
            env={"PATH": os.environ["PATH"], **variables},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    run(str(venv / "bin" / "django-admin"), "startproject", "shop", ".")
    with (folder / "shop" / "settings.py").open("a") as settings:
        settings.write(SETTINGS)
    (folder / "shop" / "urls.py").write_text(URLS)
    (folder / "shop" / "routes.py").write_text(ROUTES)
    run(python, "manage.py", "migrate")
    run(python, "manage.py", "collectstatic", "--no-input")
    admin = ["createsuperuser", "--no-input", "--username=ann", "--email=ann@example.org"]
    run(python, "manage.py", *admin, DJANGO_SUPERUSER_PASSWORD=PASSWORD)


@dataclass(frozen=True)
class Answer:
    """What a server answered."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        """The body, as JSON; the test fails with what came otherwise."""
        assert self.status == 200, (self.status, self.body)
        return json.loads(self.body)


@dataclass
class Server:
    """A running server, and a browser with cookies."""

    port: int
    cookies: dict[str, str] = field(default_factory=dict)

    def ask(self, path: str, method: str = "GET", body: str | None = None, **headers: str) -> Answer:
        """One request; `X_Forwarded_Proto="https"` is the header X-Forwarded-Proto."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, body, sent)
            response = connection.getresponse()
            answer = Answer(response.status, response.headers, response.read())
        finally:
            connection.close()
        for cookie in answer.headers.get_all("Set-Cookie") or []:
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        return answer

    def websocket(self, **headers: str) -> Any:
        """The first message of a websocket, as JSON."""
        lines = {
            "Host": HOST, "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }  # fmt: skip
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as connection:
            connection.sendall(f"GET /ws HTTP/1.1\r\n{head}\r\n".encode())
            received = b""
            while b"}" not in received:
                block = connection.recv(4096)
                assert block, received
                received += block
        return json.loads(received[received.index(b"{") :])


@contextmanager
def serving(command: list[str], port: int, site: Path, variables: Mapping[str, str]) -> Iterator[Server]:
    """The server while it runs; its processes have ended afterwards."""
    log = site / f"server-{port}.log"
    with log.open("w") as stream:
        process = subprocess.Popen(
            command,
            cwd=site,
            env={**BASE, **variables},
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait(process, port, log)
        yield Server(port)
    finally:
        process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)
        # Its session is its own, so this reaches a worker that its parent left behind, and nobody else.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        try:
            Server(port).ask("/who")
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(f"the server does not answer:\n{log.read_text()}")
