"""One container as a process of ours, the command itself or an engine's client: its life, log and environment."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from opsctl.local.logs import tail
from opsctl.local.procs import MARKER
from opsctl.local.state import StateDir
from opsctl.local.tasks.images import Start

LABEL = "com.amazonaws.ecs."


@dataclass(frozen=True)
class ContainerSettings:
    """What the task definition says beyond the arguments of `run`.

    `stop_seconds` is ECS's stopTimeout; `forwarded` says that somebody reads the log to send it to CloudWatch Logs.
    `options` are what a container engine is asked for besides (`container_tasks.options_of`); processes have no use for
    them.
    """

    ports: tuple[int, ...] = ()
    entry_point: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    stop_seconds: float = 30.0
    forwarded: bool = False
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class Launch:
    """A container that is about to be started. `environment` is what ECS gives it; `directory` holds its files here."""

    id: str
    image: str
    command: Sequence[str]
    environment: Mapping[str, str]
    labels: Mapping[str, str]
    settings: ContainerSettings
    address: str
    directory: Path

    @property
    def family(self) -> str:
        """Its task definition's family."""
        return self.labels.get(f"{LABEL}task-definition-family", "task")

    @property
    def name(self) -> str:
        """Its name in the task definition."""
        return self.labels.get(f"{LABEL}container-name", "")


def _nothing() -> None:
    return None


@dataclass(frozen=True)
class Invocation:
    """What has to be run for a container. `end` ends what outlives a killed child."""

    command: Sequence[str]
    environment: Mapping[str, str]
    directory: Path
    end: Callable[[], None] = _nothing


class Runner(Protocol):
    """How containers are run: `processes.ProcessRunner` or `container_tasks.ContainerRunner`."""

    def require(self, image: str) -> None:
        """Raises with the reason when the image can't be had."""
        ...

    def invocation(self, launch: Launch) -> Invocation: ...


@dataclass
class ProcessContainer:
    """One running or ended command."""

    id: str
    directory: Path
    address: str
    labels: Mapping[str, str]
    settings: ContainerSettings
    child: subprocess.Popen[bytes]
    end: Callable[[], None] = _nothing
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
        self.end()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.child.pid, signal.SIGKILL)

    def remove(self, **_options: object) -> None:
        """Its log stays for `opsctl local logs`; its temporary files go when it has ended."""
        self.stop()


def task_environment(launch: Launch) -> dict[str, str]:
    """The task's own variables, and what ECS tells every task; where it listens is ours to say."""
    region = launch.labels.get(f"{LABEL}task-arn", ":::us-east-1").split(":")[3]
    given = {
        # ministack names the host as a container with a network of its own would see it.
        name: value.replace("host.docker.internal", "127.0.0.1") if name.startswith(("AWS_", "ECS_")) else value
        for name, value in launch.environment.items()
    }
    base = {
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_EXECUTION_ENV": "AWS_ECS_FARGATE",
        **({"PORT": str(launch.settings.ports[0])} if launch.settings.ports else {}),
    }
    return {**base, **given, "BIND_HOST": launch.address, "OPSCTL_LISTEN_ADDRESS": launch.address}


def process_environment(launch: Launch, state: StateDir, start: Start, image: Path) -> dict[str, str]:
    """The task's variables on top of the few that an image would have; nothing of the caller's gets in."""
    temporary = str(launch.directory / "tmp")
    base = {
        "PATH": f"{Path(start.python).parent}{os.pathsep}{os.environ.get('PATH', '/usr/bin:/bin')}",
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
    }
    if start.layer:
        base["OPSCTL_STATIC_ROOT"] = str(image / "staticfiles")
    forced = {
        "HOME": temporary,
        "TMPDIR": temporary,
        MARKER: str(state.path),
        **({"PYTHONPATH": f"{start.layer}/hook"} if start.layer else {}),
    }
    # A process sees the machine's file system: what a container has at a path of its own lies elsewhere.
    places = {"/tmp": temporary, **dict.fromkeys(launch.settings.volumes, str(state.volumes / launch.family))}  # noqa: S108
    given = {name: places.get(value, value) for name, value in task_environment(launch).items()}
    return {**base, **given, **forced}
