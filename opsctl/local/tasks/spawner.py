"""Start child processes of the emulator from one thread that never ends.

The kernel's parent-death signal (see `launcher`) is bound to the thread that forked. ministack starts tasks from
short-lived threads, so all forks are handed to this one.
"""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

_Job = Callable[[], None]


class Spawner:
    """Forks on its own thread; `popen` blocks its caller for the few milliseconds that takes."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[_Job] = queue.SimpleQueue()
        threading.Thread(target=self._work, daemon=True, name="opsctl-spawner").start()

    def _work(self) -> None:
        while True:
            self._jobs.get()()

    def popen(
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: Path,
        output: Path,
        parent_death: int,
        unprivileged: bool = False,
        own: Sequence[Path] = (),
    ) -> subprocess.Popen[bytes]:
        """Run `command` in a session of its own, appending stdout and stderr to the file `output`."""
        launcher = [
            sys.executable, "-I", "-S", str(Path(__file__).with_name("launcher.py")),
            "--parent", str(os.getpid()), "--parent-death", str(parent_death),
            *(["--unprivileged"] if unprivileged else []), *(part for path in own for part in ("--own", str(path))),
            "--", *command,
        ]  # fmt: skip
        done: queue.SimpleQueue[subprocess.Popen[bytes] | OSError] = queue.SimpleQueue()

        def start() -> None:
            try:
                done.put(_fork(launcher, env, cwd, output))
            except OSError as error:
                done.put(error)

        self._jobs.put(start)
        result = done.get()
        if isinstance(result, OSError):
            raise result
        return result


def _fork(command: Sequence[str], env: Mapping[str, str], cwd: Path, output: Path) -> subprocess.Popen[bytes]:
    with output.open("ab") as file:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            env=dict(env),
            cwd=cwd,
            start_new_session=True,
        )
