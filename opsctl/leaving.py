"""What has to be done when the process ends before its time: what was begun is ended, what is held is given back.

Whoever holds something says how to let go of it (`on_abrupt_end`); whoever hears the signal calls `end_abruptly`.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PATIENCE_SECONDS = 3.0
"""How long all that has to be let go of may take together."""

_held: dict[object, Callable[[], None]] = {}
_wish = threading.Event()


class _Interruption:
    """Whether one has to wait for the end of a block, and whether one does."""

    later = False
    waits = False


def wish() -> None:
    """Somebody wants this command to end: a signal came."""
    _wish.set()


def is_wished() -> bool:
    """Whether a signal asked this command to end, so that no thread of it waits for a person any more."""
    return _wish.is_set()


@contextmanager
def interrupted_later() -> Iterator[None]:
    """In the main thread: a signal that comes while the block runs interrupts after it. For what is half done in
    between, such as a thread that is started and noted nowhere yet.
    """
    _Interruption.later = True
    try:
        yield
    finally:
        _Interruption.later = False
        if _Interruption.waits:
            _Interruption.waits = False
            raise KeyboardInterrupt


def interrupt() -> None:
    """Raise KeyboardInterrupt: here, or at the end of a block that is not to be interrupted."""
    if not _Interruption.later:
        raise KeyboardInterrupt
    _Interruption.waits = True


@contextmanager
def on_abrupt_end(let_go: Callable[[], None]) -> Iterator[None]:
    """Call `let_go`, from a thread of its own, when the process ends at once while the block runs."""
    key = object()
    _held[key] = let_go
    try:
        yield
    finally:
        _held.pop(key, None)


def end_abruptly() -> None:
    """Let go of all that is held, as far as that works within seconds, and end what was started. Never raises."""
    end_children()
    threads = [threading.Thread(target=_quietly, args=(each,), daemon=True) for each in list(_held.values())]
    for each in threads:
        each.start()
    for each in threads:
        each.join(PATIENCE_SECONDS / len(threads))


def _quietly(let_go: Callable[[], None]) -> None:
    with suppress(Exception):
        let_go()


def end_children() -> None:
    """Send SIGTERM to the programs that this one started; what has a session of its own is meant to go on."""
    session = os.getsid(0)
    for pid in _children():
        with suppress(OSError):
            if os.getsid(pid) == session:
                os.kill(pid, signal.SIGTERM)


def _children() -> list[int]:
    tasks = Path("/proc/self/task")
    if tasks.is_dir():  # Linux; a child belongs to the thread that started it
        words: list[str] = []
        for each in tasks.iterdir():
            with suppress(OSError):
                words += (each / "children").read_text(encoding="ascii").split()
        return [int(word) for word in words]
    import subprocess  # not for each start of opsctl

    with suppress(OSError, subprocess.SubprocessError):
        said = subprocess.run(
            ["ps", "-axo", "pid=,ppid="], capture_output=True, text=True, encoding="ascii", errors="replace",
            check=False, timeout=2,
        ).stdout  # fmt: skip
        pairs = [line.split() for line in said.splitlines()]
        return [int(pair[0]) for pair in pairs if len(pair) == 2 and pair[1] == str(os.getpid())]
    return []
