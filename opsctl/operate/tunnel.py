"""A way to a private database: a port on loopback that Session Manager's plugin forwards through an instance."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from opsctl.errors import OpsctlError

if TYPE_CHECKING:
    from opsctl.aws.session_manager import ForwardSession, Sessions

PLUGIN = "session-manager-plugin"
READY_SECONDS = 30.0
# From the version after this one on the plugin takes the session's secret from its environment; before, argv was the
# only way, where every user of the machine can read it. [AWS CLI 2, customizations/sessionmanager.py]
_LAST_WITHOUT_ENVIRONMENT = (1, 2, 497, 0)
_RESPONSE_VARIABLE = "AWS_SSM_START_SESSION_RESPONSE"
_READY_TEXT = "Waiting for connections"


class TunnelError(OpsctlError):
    """The database can't be reached from here."""

    code = "no-tunnel"


def require_plugin() -> str:
    """Path of the plugin. Raises TunnelError when there is none, or one that would show the session's secret."""
    path = shutil.which(PLUGIN)
    if path is None:
        raise TunnelError(
            f"The database is private, and {PLUGIN}, which leads to it, is not installed here.",
            code="plugin-missing",
            hint="Install AWS's Session Manager plugin (see its guide), then run this again.",
        )
    said = subprocess.run(
        [path, "--version"], capture_output=True, text=True, encoding="utf-8", errors="replace", check=False
    ).stdout.strip()
    version = tuple(int(part) for part in said.split(".")) if re.fullmatch(r"\d+(\.\d+){1,3}", said) else ()
    if version <= _LAST_WITHOUT_ENVIRONMENT:
        raise TunnelError(
            f"The installed {PLUGIN} {said[:40] or '(no version)'} would show the session's secret to other users.",
            code="plugin-too-old",
            hint="Install a newer one than 1.2.497.0.",
        )
    return path


@contextmanager
def tunnel(sessions: Sessions, instance: str, host: str, port: int) -> Iterator[int]:
    """A port on loopback that leads to `host`:`port` as long as the block lasts. Raises TunnelError and AwsError."""
    plugin = require_plugin()
    local_port = _free_port()
    session = sessions.forward(instance, host=host, port=port, local_port=local_port)
    try:
        with _running(plugin, session) as process:
            _wait_ready(process, instance)
            yield local_port
    finally:
        with suppress(OpsctlError):  # it ends by itself once nobody uses it
            sessions.end(session.id)


@contextmanager
def _running(plugin: str, session: ForwardSession) -> Iterator[subprocess.Popen[str]]:
    """The plugin in a session of its own: Ctrl-C in psql cancels a query and must not cut the line."""
    process = subprocess.Popen(
        [
            plugin, _RESPONSE_VARIABLE, session.region, "StartSession", os.environ.get("AWS_PROFILE", ""),
            session.request, session.endpoint_url,
        ],
        env={**os.environ, _RESPONSE_VARIABLE: session.response},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        encoding="utf-8", errors="replace", start_new_session=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_ready(process: subprocess.Popen[str], instance: str) -> None:
    lines: list[str] = []
    ready = threading.Event()
    over = threading.Event()

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:  # to its end: a full pipe would stop the plugin
            lines.append(line.strip())
            if _READY_TEXT in line:
                ready.set()
                over.set()
        over.set()

    threading.Thread(target=read, daemon=True).start()
    over.wait(READY_SECONDS)
    if not ready.is_set():
        raise TunnelError(
            f"No way through {instance} opened within {READY_SECONDS:.0f} s.",
            detail=tuple(line for line in lines if line)[-8:],
            hint="Check that it runs, that Session Manager manages it, and that its security group reaches the "
            "database.",
        )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
