"""The containers of tasks, each held by a child process: what ECS sees of an engine.

Each has a session of its own, a loopback address of its own and a directory for logs and temporary files. What the
child is, its runner says: `ProcessRunner` runs the task definition's command in the image's source tree, without any
container engine; `container_tasks.ContainerRunner` runs an engine's client.

Differences of a process from a real container, all listed in the docs: the root file system is the machine's and
writable; CPU and memory are not limited; the image's user doesn't exist; what lies in a volume outlives the task.

NOTE: every task gets its own address in 127.64.0.0/10, which Linux answers for without configuration. That is what lets
the old and the new release listen on the same container port during a rolling update, as two tasks with their own
network interfaces do.
"""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import random
import secrets
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from opsctl.errors import OpsctlError
from opsctl.local.procs import ProcessId
from opsctl.local.state import StateDir, write_json
from opsctl.local.tasks.container import (
    LABEL,
    ContainerSettings,
    Invocation,
    Launch,
    ProcessContainer,
    Runner,
    process_environment,
)
from opsctl.local.tasks.credentials import TaskCredentials
from opsctl.local.tasks.engine import Images, NotFound
from opsctl.local.tasks.images import find_snapshot, start_of
from opsctl.local.tasks.spawner import Spawner

_FIRST_ADDRESS = int(ipaddress.IPv4Address("127.64.0.1"))
_ADDRESSES = 2**22 - 2
_KEPT_TASKS = 20


SettingsOf = Callable[[Mapping[str, str]], ContainerSettings]
"""Answers the settings of the container with these `com.amazonaws.ecs.*` labels."""


@dataclass(frozen=True)
class FoundImage:
    """An image of the emulator's ECR."""

    id: str

    def tag(self, repository: str, tag: str | None = None) -> bool:  # noqa: ARG002
        """Nothing to do: tags live in the emulator's ECR."""
        return True


class ProcessImages:
    """Images by `repository@digest`, or by tag through the emulator's ECR."""

    def __init__(self, state: StateDir, digest_of_tag: Callable[[str], str], not_found: type[Exception]) -> None:
        self._state = state
        self._digest_of_tag = digest_of_tag
        self._not_found = not_found

    def get(self, name: str) -> FoundImage:
        self.directory(name)
        return FoundImage(self._digest(name))

    def pull(self, name: str, **_options: object) -> FoundImage:
        return self.get(name)

    def get_registry_data(self, name: str, **_options: object) -> FoundImage:
        return FoundImage(self._digest(name))

    def directory(self, name: str) -> Path:
        """The tree of this image; raises docker's ImageNotFound with the reason."""
        digest = self._digest(name)
        found = find_snapshot(self._state, digest)
        if found is None:
            raise self._not_found(
                f"{name}: no local image has the digest {digest or '(unknown tag)'}; "
                "the local target runs images that `opsctl deploy` made of this checkout, and keeps those of releases "
                "and the last five"
            )
        return found

    def _digest(self, name: str) -> str:
        return name.split("@", 1)[1] if "@" in name else self._digest_of_tag(name)


class ProcessRunner:
    """See `container.Runner`."""

    def __init__(self, state: StateDir, images: ProcessImages) -> None:
        self._state = state
        self._images = images

    def require(self, image: str) -> None:
        self._images.directory(image)

    def invocation(self, launch: Launch) -> Invocation:
        words = [*launch.settings.entry_point, *launch.command]
        if not words:
            raise OpsctlError(
                "The task definition has no command, and a process has no image whose own it could run.",
                hint="Give it one in application, or deploy with --runtime containers.",
            )
        (self._state.volumes / launch.family).mkdir(exist_ok=True)
        directory = self._images.directory(launch.image)
        start = start_of(directory)
        environment = process_environment(launch, self._state, start, directory)
        return Invocation(start.words(words), environment, directory / start.folder)


class ProcessContainers:
    """Starts children and remembers them for the emulator's lifetime."""

    def __init__(
        self,
        state: StateDir,
        runner: Runner,
        spawner: Spawner,
        *,
        settings_of: SettingsOf,
        fail_pull: Callable[[str], NoReturn],
        wait_database: Callable[[], object],
        database_login: Callable[[Mapping[str, str]], Mapping[str, str]],
        credentials: TaskCredentials,
    ) -> None:
        self._state = state
        self._runner = runner
        self._spawner = spawner
        self._settings_of = settings_of
        self._fail_pull = fail_pull
        self._wait_database = wait_database
        self._database_login = database_login
        self._credentials = credentials
        self._all: dict[str, ProcessContainer] = {}
        self._crashes: dict[str, int] = {}
        self._closed = False

    def get(self, container_id: str) -> ProcessContainer:
        try:
            return self._all[container_id]
        except KeyError:
            raise NotFound(container_id) from None

    def list(self, **_options: object) -> Sequence[ProcessContainer]:
        return list(self._all.values())

    @staticmethod
    def is_task(address: str) -> bool:
        """Whether this is an address that tasks get here."""
        try:
            return _FIRST_ADDRESS <= int(ipaddress.IPv4Address(address)) < _FIRST_ADDRESS + _ADDRESSES
        except ValueError:
            return False

    def is_alive(self, address: str) -> bool:
        """Whether a running container has this loopback address."""
        return any(each.address == address and each.alive for each in self.list())

    def run(self, image: str, command: Sequence[str] | None = None, **options: Any) -> ProcessContainer:
        """Start `command`. Waits while PostgreSQL starts, and longer after each crash in a row."""
        if self._closed:
            threading.Event().wait()  # for ever: an error would make the scheduler try again, and be written down
        try:
            self._runner.require(image)
        except Exception as error:
            self._fail_pull(str(error))
        self._wait_database()
        launch = self._prepare(image, command or (), options)
        time.sleep(pause_after(self._crashes.get(launch.family, 0)))
        with contextlib.ExitStack() as stack:
            stack.callback(self._credentials.open(launch.environment))
            container = self._spawn(launch)
            ended = stack.pop_all()
        self._all[container.id] = container
        threading.Thread(
            target=self._watch,
            args=(container, launch.family, time.monotonic(), ended),
            daemon=True,
            name=f"opsctl-wait-{container.id[:8]}",
        ).start()
        return container

    def close(self) -> None:
        """Start nothing more: the scheduler would replace the tasks that end now."""
        self._closed = True

    def stop_all(self, seconds: float) -> None:
        """End every process; used when the emulator ends."""
        running = [each for each in self.list() if each.alive]
        for each in running:
            with contextlib.suppress(ProcessLookupError):
                each.child.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + seconds
        for each in running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                each.child.wait(max(0.0, deadline - time.monotonic()))
            each.kill()

    def _prepare(self, image: str, command: Sequence[str], options: Mapping[str, Any]) -> Launch:
        container_id = secrets.token_hex(32)
        labels: Mapping[str, str] = options.get("labels") or {}
        settings = self._settings_of(labels)
        environment: Mapping[str, str] = options.get("environment") or {}
        return Launch(
            id=container_id,
            image=image,
            command=command,
            environment={**environment, **self._database_login(environment)},
            labels=labels,
            settings=settings,
            address=free_address(settings.ports),
            directory=self._state.tasks / container_id[:16],
        )

    def _spawn(self, launch: Launch) -> ProcessContainer:
        invocation = self._runner.invocation(launch)
        (launch.directory / "tmp").mkdir(parents=True)
        log = launch.directory / "output.log"
        log.touch()
        child = self._spawner.popen(
            invocation.command, env=invocation.environment, cwd=invocation.directory, output=log,
            parent_death=signal.SIGTERM,
        )  # fmt: skip
        process = ProcessId.of(child.pid)
        write_json(
            launch.directory / "task.json",
            {
                "pid": child.pid,
                "started": process.started if process else "",
                "family": launch.family,
                "name": launch.name,
                "task": launch.labels.get(f"{LABEL}task-arn", ""),
            },
        )
        return ProcessContainer(
            launch.id, launch.directory, launch.address, launch.labels, launch.settings, child, invocation.end
        )

    def _watch(self, container: ProcessContainer, family: str, started: float, ended: contextlib.ExitStack) -> None:
        with ended:
            code = container.wait()["StatusCode"]
        container.kill()
        quick = code != 0 and time.monotonic() - started < 30 and not container.stopping
        self._crashes[family] = self._crashes.get(family, 0) + 1 if quick else 0
        shutil.rmtree(container.directory / "tmp", ignore_errors=True)
        prune_tasks(self._state, keep={each.directory for each in self.list() if each.alive})


class ProcessEngine:
    """The whole engine; see `engine.Engine`."""

    def __init__(self, containers: ProcessContainers, images: Images) -> None:
        self.containers = containers
        self.images = images


def prune_tasks(state: StateDir, keep: set[Path]) -> None:
    """Keep the logs of the newest twenty ended tasks."""
    ended = [each for each in state.tasks.glob("*") if each not in keep]
    with contextlib.suppress(OSError):
        for old in sorted(ended, key=lambda each: each.stat().st_mtime, reverse=True)[_KEPT_TASKS:]:
            shutil.rmtree(old, ignore_errors=True)


def pause_after(crashes: int) -> float:
    """Seconds before the next try after this many crashes in a row: ECS throttles restarts too."""
    return 0.0 if crashes < 2 else float(min(0.5 * 2 ** (crashes - 2), 10.0))


def free_address(ports: Sequence[int]) -> str:
    """A loopback address on which all of `ports` are free."""
    taken = False
    for _ in range(50):
        address = str(ipaddress.IPv4Address(_FIRST_ADDRESS + random.randrange(_ADDRESSES)))
        with contextlib.ExitStack() as stack:
            try:
                for port in ports or (0,):
                    probe = stack.enter_context(socket.socket())
                    probe.bind((address, port))
            except OSError as error:
                taken = taken or error.errno == errno.EADDRINUSE
                continue
            return address
    if taken:
        raise OpsctlError(
            f"Port {' or '.join(map(str, ports))} is taken at every loopback address of this machine.",
            code="port-taken",
            hint="End what listens at 0.0.0.0, or give application.web another port.",
        )
    raise OpsctlError(
        "This system answers for 127.0.0.1 only, and the local target gives each task a loopback address of its own.",
        code="no-loopback-addresses",
        hint="Use Linux (WSL will do).",
    )
