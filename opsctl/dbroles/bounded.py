"""Run something that may hang, and be back in time whatever it does."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class UnfinishedError(Exception):
    """The work is still going on."""


class _Worker(threading.Thread, Generic[T]):
    def __init__(self, work: Callable[[], T]) -> None:
        super().__init__(daemon=True, name="dbroles-bounded")
        self._work = work
        self.result: list[T] = []
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            self.result.append(self._work())
        except BaseException as error:
            self.failure = error


def run_bounded(work: Callable[[], T], seconds: float) -> T:
    """`work()`, or UnfinishedError after `seconds`.

    NOTE: name resolution and libpq offer no time-out that covers everything. A thread left behind holds no lock for
    long: the server ends its statement, and its own deadline, which is shorter, keeps it from committing later.
    """
    worker = _Worker(work)
    worker.start()
    worker.join(seconds)
    if worker.is_alive():
        raise UnfinishedError
    if worker.failure is not None:
        raise worker.failure
    return worker.result[0]
