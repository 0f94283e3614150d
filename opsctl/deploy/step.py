"""The beginning and the end of a step, told around its work."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from opsctl.deploy.events import Emit, Outcome, StepFinished, StepStarted
from opsctl.deploy.stackrun.stream import LeftRunningError
from opsctl.errors import OpsctlError


@dataclass(slots=True)
class Ending:
    """How a step ended, as its block says it: what came out in a few words, and whether anything was written."""

    text: str = ""
    changed: bool = True


@contextmanager
def step(emit: Emit, name: str, text: str, *, clock: Callable[[], float] = time.monotonic) -> Iterator[Ending]:
    """Emit the start and the end of a step around a block, which fills in the ending. Errors go on to the caller."""
    started, ending = clock(), Ending()

    def finish(outcome: Outcome, how: str) -> None:
        emit(StepFinished(name, outcome, how, clock() - started))

    emit(StepStarted(name, text))
    try:
        yield ending
    except LeftRunningError as error:
        finish("detached", error.message)
        raise
    except OpsctlError as error:
        finish("failed", error.brief)
        raise
    finish("done" if ending.changed else "unchanged", ending.text)
