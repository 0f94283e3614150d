"""A limit on this side for every question to the database, for a server that still acknowledges but does not answer.

TCP's own limits see a host that is gone; one that is frozen, or that fails over with its old address still up, answers
on that level as long as it likes.
"""

from __future__ import annotations

import select
import threading
import time
from typing import Any

import psycopg2
from psycopg2 import extensions

# The server ends a statement of the service after 5 s by itself, and says so; this is for when it doesn't.
ANSWER_SECONDS = 6.0
# Django looks whether a connection is usable, and opens another if not: one request would wait twice.
_NEXT_SECONDS = 1.0


def limit_questions(seconds: float = ANSWER_SECONDS) -> None:
    """Let every connection of this process give up after `seconds`. COPY is not possible in it any more: for a web."""
    given_up = threading.local()

    def wait(connection: Any) -> None:
        now = time.monotonic()
        end = now + (seconds if now >= getattr(given_up, "until", now) else 0.0)
        while True:
            state = connection.poll()
            if state == extensions.POLL_OK:
                return
            ready = select.poll()
            ready.register(connection.fileno(), select.POLLIN if state == extensions.POLL_READ else select.POLLOUT)
            left = end - time.monotonic()
            if left <= 0 or not ready.poll(left * 1000):
                given_up.until = time.monotonic() + _NEXT_SECONDS
                # psycopg2 closes a connection whose wait failed: its answer, should it come, is nobody's.
                raise psycopg2.OperationalError(f"the database did not answer within {seconds:g} s")

    extensions.set_wait_callback(wait)
