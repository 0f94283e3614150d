"""Another user sits at a port of the target before its server does, which every program of this machine may."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import psycopg2
import pytest

from opsctl.aws.errors import AwsError
from opsctl.aws.session import Aws, Endpoint
from opsctl.images.errors import RegistryError
from opsctl.images.names import ImageName
from opsctl.images.registry.auth import RegistryLogin
from opsctl.images.registry.repository import Repository
from opsctl.images.registry.transport import Transport
from opsctl.local import keys
from opsctl.local.asking import ask
from opsctl.local.postgres.files import REQUIRED_LOGIN, ServerFiles
from opsctl.local.postgres.server import PostgresServer
from opsctl.local.procs import ProcessId
from opsctl.local.report import LocalEndpoints
from opsctl.local.settings import LocalTargetError
from opsctl.local.state import StateDir, write_json
from opsctl.local.target import LocalTarget
from opsctl.local.version import code_version
from opsctl.operate.repositories import repository_of
from opsctl.operate.target import Workspace
from tests.functional.cli import ROOT

PASSWORD = "the superuser's"


class Impostor:
    """A server at a port that asks whoever comes for a password in clear text, and keeps what it is told."""

    def __init__(self) -> None:
        self.heard = b""
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listening.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                with connection:
                    connection.settimeout(5)
                    self._ask(connection)

    def _ask(self, connection: socket.socket) -> None:
        while (start := connection.recv(4096))[4:8] in (struct.pack("!I", 80877103), struct.pack("!I", 80877104)):
            connection.sendall(b"N")  # neither TLS nor GSSAPI
        assert start
        connection.sendall(b"R" + struct.pack("!II", 8, 3))  # AuthenticationCleartextPassword
        self.heard += connection.recv(4096)


@pytest.fixture
def impostor() -> Iterator[Impostor]:
    impostor = Impostor()
    yield impostor
    impostor.close()


class _Unbound:
    """A cluster whose server lives, and did not get its port."""

    def prepare(self) -> None:
        return None

    def start(self, _settings: list[str]) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(2)"])

    def kill(self) -> None:
        return None

    def delete(self) -> None:
        return None


def test_nobody_at_the_databases_port_hears_the_superusers_password(tmp_path: Path, impostor: Impostor) -> None:
    files = ServerFiles(StateDir(tmp_path), "postgres")
    files.password.write_text(PASSWORD)
    files.state.logs.mkdir()
    server = PostgresServer(files, impostor.port, _Unbound())
    server.supervise()
    assert not server.running
    assert "did not answer" in server.failure
    with pytest.raises(Exception, match="does not run"), server.connect():
        pass
    assert impostor.heard == b""


def test_nor_does_he_hear_what_a_task_logs_in_with(impostor: Impostor, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**REQUIRED_LOGIN, "PGPASSWORD": PASSWORD}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(psycopg2.OperationalError, match="scram-sha-256"):
        psycopg2.connect(host="127.0.0.1", port=impostor.port, user="app_user", dbname="postgres", connect_timeout=5)
    assert impostor.heard == b""


class Ready(BaseHTTPRequestHandler):
    """Says to whoever asks that all is well, and proves it with what a target without a key would have."""

    body = b'{"ready": true, "password": "his"}'
    heard: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.heard.append(f"{self.command} {self.path} {self.headers['Authorization']}")
        self.send_response(200)
        question = self.headers["Authorization"]
        self.send_header(keys.ANSWER_PROOF, keys.AccessKey("", "").answer_proof(question, self.body))
        self.end_headers()
        self.wfile.write(self.body)

    do_POST = do_GET  # noqa: N815

    def log_message(self, *_arguments: object) -> None:
        return None


@pytest.mark.parametrize("with_key", [True, False])
def test_who_sits_at_the_emulators_port_is_not_taken_for_it(tmp_path: Path, with_key: bool) -> None:
    """The emulator was started, and lives, but somebody was quicker."""
    target = LocalTarget(tmp_path)
    target.state.create()
    keys.ensure(target.state)
    living = ProcessId.of(os.getpid())
    assert living
    living.save(target.state.emulator, version=code_version())
    if not with_key:
        target.state.key.unlink()
    with ThreadingHTTPServer(("127.0.0.1", 0), Ready) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        write_json(target.state.ports, {"emulator": server.server_port, "postgres": 1})
        assert not target.status().running
        with pytest.raises(LocalTargetError, match=r"does not answer .*(another program|no key)"):
            target.database_login(1, "app_user")
        server.shutdown()


def test_nor_does_he_hear_a_call_that_is_made_after_the_emulator_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command began while it lived: neither signature nor secret reaches who took its port."""
    monkeypatch.setattr(Ready, "heard", [])
    target = LocalTarget(tmp_path)
    target.state.create()
    key = keys.ensure(target.state)
    with ThreadingHTTPServer(("127.0.0.1", 0), Ready) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        aws = Aws("us-east-1", Endpoint(url, key.id, key.secret, lambda: target.prove(url)))
        with pytest.raises(AwsError, match="an emulator that ended"):
            aws.secrets.write("name", "value", key=None, tags={})
        server.shutdown()
    assert {each.partition(" /")[0] for each in Ready.heard} == {"GET"}
    assert not [each for each in Ready.heard if "AWS4" in each]


def test_nor_does_he_hear_the_registrys_login(tmp_path: Path) -> None:
    target = LocalTarget(tmp_path)
    target.state.create()
    keys.ensure(target.state)
    with ThreadingHTTPServer(("127.0.0.1", 0), Ready) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        transport = Transport(
            url, lambda: RegistryLogin("AWS", PASSWORD), prove=lambda: target.prove(url), sleep=lambda _: None
        )
        with pytest.raises(RegistryError, match="another program answers there"):
            Repository(ImageName(url.removeprefix("http://"), "app"), transport).manifest("v1")
        server.shutdown()
    assert transport.requests == transport.attempts


def test_an_environment_on_this_machine_asks_for_that_proof(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "environments.yaml").write_text((ROOT / "environments.yaml").read_text())
    target = Workspace.open(tmp_path / "environments.yaml").target("local")
    asked: list[str] = []
    ends = LocalEndpoints("http://127.0.0.1:1", "000000000000", "us-east-1", "127.0.0.1", 2)
    monkeypatch.setattr(LocalTarget, "ensure_started", lambda *_: ends)
    monkeypatch.setattr(LocalTarget, "prove", lambda _, url: asked.append(url))
    endpoint = target.aws.endpoint
    assert endpoint
    assert endpoint.prove
    endpoint.prove()
    prove = repository_of(target).transport.prove
    assert prove
    prove()
    assert asked == [ends.endpoint_url] * 2


def test_who_drips_at_the_emulators_port_holds_no_command_up() -> None:
    """A byte now and then is never silence, and never an answer."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def drip() -> None:
            with contextlib.suppress(OSError):
                connection, _ = listening.accept()
                with connection:
                    for _ in range(200):
                        connection.sendall(b"H")
                        time.sleep(0.05)

        threading.Thread(target=drip, daemon=True).start()
        began = time.monotonic()
        with pytest.raises(OSError, match="timed out"):
            ask(listening.getsockname()[1], "GET", "/_opsctl/health", keys.AccessKey.random(), 0.3)
        assert time.monotonic() - began < 5
