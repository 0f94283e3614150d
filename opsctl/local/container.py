"""One container as a process: its life, its log and its environment."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from opsctl.local.logs import tail
from opsctl.local.procs import MARKER
from opsctl.local.state import StateDir

LABEL = "com.amazonaws.ecs."


@dataclass(frozen=True)
class ContainerSettings:
    """What the task definition says beyond the arguments of `run`.

    `stop_seconds` is ECS's stopTimeout; `forwarded` says that somebody reads the log to send it to CloudWatch Logs.
    """

    ports: tuple[int, ...] = ()
    stop_seconds: float = 30.0
    forwarded: bool = False


@dataclass
class ProcessContainer:
    """One command run as a process."""

    id: str
    directory: Path
    address: str
    labels: Mapping[str, str]
    settings: ContainerSettings
    child: subprocess.Popen[bytes]
    drain_seconds: float = 0.0
    _stopping: threading.Event = field(default_factory=threading.Event)
    _read: threading.Event = field(default_factory=threading.Event)
    _ended_at: float | None = None

    @property
    def alive(self) -> bool:
        """Whether the command runs at this moment."""
        return self.child.poll() is None

    @property
    def status(self) -> str:
        """`exited` once the command has ended and its last line is where it belongs: who sees a task STOPPED reads its
        log next, and must find the reason there. Nobody waits for a reader longer than two seconds."""
        if self.alive:
            return "running"
        self._ended_at = self._ended_at or time.monotonic()
        waiting = self.settings.forwarded and not self._read.is_set() and time.monotonic() - self._ended_at < 2.0
        return "running" if waiting else "exited"

    @property
    def stopping(self) -> bool:
        """Whether it was asked to stop."""
        return self._stopping.is_set()

    @property
    def attrs(self) -> Mapping[str, Any]:
        return {"NetworkSettings": {"Networks": {"loopback": {"IPAddress": self.address}}}}

    def reload(self) -> None:
        """A process has no cached state."""

    def wait(self) -> Mapping[str, int]:
        """The exit code as container engines report it: 128 + signal for a killed process."""
        code = self.child.wait()
        return {"StatusCode": code if code >= 0 else 128 - code}

    def logs(self, **options: object) -> bytes | Iterator[bytes]:
        """Everything written so far, its last lines (`tail`), or, with `stream`, whole lines until it has ended."""
        path = self.directory / "output.log"
        if options.get("stream"):
            return self._stream(path)
        last = options.get("tail")
        return "\n".join(tail(path, last if isinstance(last, int) else 1000)).encode()

    def _stream(self, path: Path) -> Iterator[bytes]:
        with path.open("rb") as file:
            held = b""
            while True:
                ended = not self.alive
                while chunk := file.readline():
                    held += chunk
                    if held.endswith(b"\n"):
                        yield held
                        held = b""
                if ended:
                    break
                time.sleep(0.1)
            if held:
                yield held
        self._read.set()

    def stop(self, timeout: float = 0.0) -> None:  # noqa: ARG002  the task definition's stopTimeout counts
        """Stop in the background: SIGTERM to the command, SIGKILL to all that is left after its stopTimeout.

        It returns at once, because ministack calls it while a client waits for StopTask's answer, which on AWS doesn't
        wait for the command either. A task behind a load balancer is left alone for a moment first, so that requests
        which were on their way when it was deregistered still reach it.
        """
        if not self._stopping.is_set():
            self._stopping.set()
            threading.Thread(target=self._stop, daemon=True, name=f"opsctl-stop-{self.id[:8]}").start()

    def _stop(self) -> None:
        if self.alive:
            time.sleep(self.drain_seconds)
            with contextlib.suppress(ProcessLookupError):
                self.child.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.child.wait(self.settings.stop_seconds)
        self.kill()

    def kill(self) -> None:
        """SIGKILL to the command and everything it started, as when a container's first process ends."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.child.pid, signal.SIGKILL)

    def remove(self, **_options: object) -> None:
        """Its log stays for `opsctl local logs`; its temporary files go when it has ended."""
        self.stop()


def environment_of(
    given: Mapping[str, str],
    labels: Mapping[str, str],
    *,
    state: StateDir,
    temporary: Path,
    volume: Path,
    address: str,
    settings: ContainerSettings,
) -> dict[str, str]:
    """The task's own variables, on top of the few a container would have; nothing of the caller's gets in."""
    region = labels.get(f"{LABEL}task-arn", ":::us-east-1").split(":")[3]
    environment = {
        # ministack names the host as a container would see it.
        name: value.replace("host.docker.internal", "127.0.0.1") if name.startswith(("AWS_", "ECS_")) else value
        for name, value in given.items()
    }
    base = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '/usr/bin:/bin')}",
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_EXECUTION_ENV": "AWS_ECS_FARGATE",
        **({"PORT": str(settings.ports[0])} if settings.ports else {}),
    }
    forced = {
        "HOME": str(temporary),
        "TMPDIR": str(temporary),
        "DATA_DIR": str(volume),
        "BIND_HOST": address,
        MARKER: str(state.path),
    }
    return {**base, **environment, **forced}
