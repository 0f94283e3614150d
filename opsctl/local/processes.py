"""Containers as processes: the engine of the local target when there is no container engine.

A "container" runs its task definition's command in the image's source tree, in a session of its own, with the task's
environment, a loopback address of its own and a directory for logs and temporary files.

Differences from a real container, all listed in the docs: the root file system is the machine's and writable; CPU and
memory are not limited; the image's entry point and user don't exist; `DATA_DIR` outlives the task.

NOTE: every task gets its own address in 127.64.0.0/10, which Linux answers for without configuration. That is what lets
the old and the new release listen on the same container port during a rolling update, as two tasks with their own
network interfaces do.
"""

from __future__ import annotations

import contextlib
import ipaddress
import random
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from opsctl.errors import OpsctlError
from opsctl.local.container import LABEL, ContainerSettings, ProcessContainer, environment_of
from opsctl.local.engine import NotFound
from opsctl.local.images import find_snapshot
from opsctl.local.procs import ProcessId
from opsctl.local.spawner import Spawner
from opsctl.local.state import StateDir, write_json

_FIRST_ADDRESS = int(ipaddress.IPv4Address("127.64.0.1"))
_ADDRESSES = 2**22 - 2
_KEPT_TASKS = 20


SettingsOf = Callable[[Mapping[str, str]], ContainerSettings]
"""Answers the settings of the container with these `com.amazonaws.ecs.*` labels."""


@dataclass(frozen=True)
class SourceImage:
    """An image in `.opsctl/local/images`."""

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

    def get(self, name: str) -> SourceImage:
        self.directory(name)
        return SourceImage(self._digest(name))

    def pull(self, name: str, **_options: object) -> SourceImage:
        return self.get(name)

    def get_registry_data(self, name: str, **_options: object) -> SourceImage:
        return SourceImage(self._digest(name))

    def directory(self, name: str) -> Path:
        """The tree of this image; raises docker's ImageNotFound with the reason."""
        digest = self._digest(name)
        found = find_snapshot(self._state, digest)
        if found is None:
            raise self._not_found(
                f"{name}: no local image has the digest {digest or '(unknown tag)'}; "
                "the local target runs images that `opsctl deploy` made of service/ and keeps the last five"
            )
        return found

    def _digest(self, name: str) -> str:
        return name.split("@", 1)[1] if "@" in name else self._digest_of_tag(name)


class ProcessContainers:
    """Starts processes and remembers them for the emulator's lifetime."""

    def __init__(
        self,
        state: StateDir,
        images: ProcessImages,
        spawner: Spawner,
        *,
        settings_of: SettingsOf,
        fail_pull: Callable[[str], NoReturn],
        wait_database: Callable[[], object],
    ) -> None:
        self._state = state
        self._images = images
        self._spawner = spawner
        self._settings_of = settings_of
        self._fail_pull = fail_pull
        self._wait_database = wait_database
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
        """Start `command` in the image's tree. Waits while PostgreSQL starts, and longer after each crash in a row."""
        if self._closed:
            threading.Event().wait()  # for ever: an error would make the scheduler try again, and be written down
        labels: Mapping[str, str] = options.get("labels") or {}
        try:
            directory = self._images.directory(image)
        except Exception as error:
            self._fail_pull(str(error))
        if not command:
            raise OpsctlError("The task definition has no command, and a local image has none either.")
        family = labels.get(f"{LABEL}task-definition-family", "task")
        self._wait_database()
        time.sleep(pause_after(self._crashes.get(family, 0)))
        container = self._spawn(directory, command, options.get("environment") or {}, labels, family)
        self._all[container.id] = container
        threading.Thread(
            target=self._watch,
            args=(container, family, time.monotonic()),
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

    def _spawn(
        self, directory: Path, command: Sequence[str], given: Mapping[str, str], labels: Mapping[str, str], family: str
    ) -> ProcessContainer:
        container_id = secrets.token_hex(32)
        place = self._state.tasks / container_id[:16]
        (place / "tmp").mkdir(parents=True)
        settings = self._settings_of(labels)
        address = _free_address(settings.ports)
        volume = self._state.volumes / family
        volume.mkdir(exist_ok=True)
        python = [sys.executable] if command[0] in ("python", "python3") else [command[0]]
        (place / "output.log").touch()
        child = self._spawner.popen(
            [*python, *command[1:]],
            env=environment_of(
                given,
                labels,
                state=self._state,
                temporary=place / "tmp",
                volume=volume,
                address=address,
                settings=settings,
            ),
            cwd=directory,
            output=place / "output.log",
            parent_death=signal.SIGTERM,
        )
        process = ProcessId.of(child.pid)
        record = {"pid": child.pid, "started": process.started if process else "", "family": family}
        write_json(
            place / "task.json",
            {**record, "name": labels.get(f"{LABEL}container-name", ""), "task": labels.get(f"{LABEL}task-arn", "")},
        )
        return ProcessContainer(container_id, place, address, labels, settings, child)

    def _watch(self, container: ProcessContainer, family: str, started: float) -> None:
        code = container.wait()["StatusCode"]
        container.kill()
        quick = code != 0 and time.monotonic() - started < 30 and not container.stopping
        self._crashes[family] = self._crashes.get(family, 0) + 1 if quick else 0
        shutil.rmtree(container.directory / "tmp", ignore_errors=True)
        prune_tasks(self._state, keep={each.directory for each in self.list() if each.alive})


class ProcessEngine:
    """The whole engine; see `engine.Engine`."""

    def __init__(self, containers: ProcessContainers, images: ProcessImages) -> None:
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


def _free_address(ports: Sequence[int]) -> str:
    """A loopback address on which all of `ports` are free."""
    for _ in range(50):
        address = str(ipaddress.IPv4Address(_FIRST_ADDRESS + random.randrange(_ADDRESSES)))
        with contextlib.ExitStack() as stack:
            try:
                for port in ports or (0,):
                    probe = stack.enter_context(socket.socket())
                    probe.bind((address, port))
            except OSError:
                continue
            return address
    raise OpsctlError(
        "This system answers for 127.0.0.1 only, and the local target gives each task a loopback address of its own.",
        code="no-loopback-addresses",
        hint="Use Linux (WSL will do).",
    )
