"""Whether the database is away: then it is asked by one request at a time, and the others do without it.

A frozen database would otherwise hold every thread for as long as each is ready to wait, again and again. That goes for
the time after it too: each thread keeps a connection of its own, to a server that may be there no more.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import DatabaseError, InterfaceError, OperationalError, connections

ASK_AGAIN_SECONDS = 2.0
RETRY_AFTER_SECONDS = 5


class DatabaseAwayError(OperationalError):
    """It did not answer a moment ago, so it was not asked."""


class Outage:
    """What this process knows of the database; `clock` counts seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self.forget()

    def forget(self) -> None:
        """Take it for there, as at the start."""
        self._failed_at: float | None = None
        self._last_failure: float | None = None
        self._asking = False

    @contextmanager
    def asked(self) -> Iterator[None]:
        """Around a question. Raises DatabaseAwayError where it is not worth asking yet, or somebody else is asking."""
        if not self._may_ask():
            raise DatabaseAwayError("the database did not answer a moment ago")
        if self._last_failure is not None:
            leave_connections_of(self._last_failure)
        try:
            yield
        except DatabaseError as error:
            self._end(failed=is_away(error))
            raise
        except BaseException:
            self._end(failed=False)
            raise
        self._end(failed=False)

    def _may_ask(self) -> bool:
        failed_at = self._failed_at
        if failed_at is None:  # as a rule; a lock that every request takes is one that they wait for
            return True
        with self._lock:
            if self._asking or self._clock() - failed_at < ASK_AGAIN_SECONDS:
                return False
            self._asking = True
            return True

    def _end(self, *, failed: bool) -> None:
        if not failed and self._failed_at is None:
            return
        with self._lock:
            self._asking = False
            self._failed_at = self._clock() if failed else None
            if failed:
                self._last_failure = self._failed_at


def leave_connections_of(moment: float) -> None:
    """Close this thread's connections that were open then already: looking whether one still works may take seconds."""
    for connection in connections.all(initialized_only=True):
        if connection.connection is None or connection.close_at is None or connection.in_atomic_block:
            continue
        opened = connection.close_at - connection.settings_dict["CONN_MAX_AGE"]
        if opened <= moment:
            connection.close()


def is_away(error: BaseException) -> bool:
    """Whether the connection failed, and not the statement: one that took too long says nothing about the next."""
    if not isinstance(error, OperationalError | InterfaceError):
        return False
    return getattr(error.__cause__, "pgcode", None) is None


OUTAGE = Outage()
