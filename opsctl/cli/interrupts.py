"""Ctrl-C, SIGTERM and SIGHUP: the first makes the command leave in order, the second ends it at once.

All three mean the same: CI and service managers send SIGTERM, a terminal that is closed SIGHUP. One that was ignored
when opsctl started (`nohup`, `&` in a script) stays ignored.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import suppress
from types import FrameType

from opsctl import leaving
from opsctl.errors import ExitCode

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# `timeout` signals a program and then its group, a shell hangs up what the kernel hung up already, and make or npm pass
# on the Ctrl-C that the terminal sent to all: none of that is somebody's second wish.
_SAME_SECONDS = 1.0


class _Heard:
    """When the first signal came."""

    first: float | None = None


def prepare() -> None:
    """Listen; call it first, in the main thread."""
    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _hear)


def leave(code: int) -> None:
    """The command has ended: from now on a signal only ends what is left of the process, with the code it has."""
    for number in _SIGNALS:
        if signal.getsignal(number) is _hear:
            signal.signal(number, lambda *_: os._exit(code))


def _hear(number: int, _frame: FrameType | None) -> None:
    now = time.monotonic()
    if _Heard.first is None:
        _Heard.first = now
        leaving.wish()
        if number != signal.SIGINT:  # which the terminal sends to all that runs in it
            leaving.end_children()
        leaving.interrupt()
        return
    if now - _Heard.first >= _SAME_SECONDS:
        # In a thread: the one that is interrupted may hold what letting go needs.
        thread = threading.Thread(target=leaving.end_abruptly, daemon=True)
        thread.start()
        thread.join(leaving.PATIENCE_SECONDS + 1)
        with suppress(OSError):
            os.write(2, b"\nEnded at once; `opsctl status` shows what goes on.\n")
        os._exit(ExitCode.INTERRUPTED)
