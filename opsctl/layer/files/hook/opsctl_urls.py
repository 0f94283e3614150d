"""Whether the project's URLs can be imported: Django does that with the first request, after a release counts as well.

Standard library only, Python 3.8 and later, as everything beside it.
"""

from __future__ import annotations

import sys
import threading
import time
import traceback

BROKEN = b"The project's URLs can't be imported; the log says why.\n"
BROKEN_HEADERS = [
    ("Content-Type", "text/plain; charset=utf-8"),
    ("Content-Length", str(len(BROKEN))),
    ("Cache-Control", "no-store"),
]
_TOLD_EVERY = 1.0


class Urls:
    """Imports them once, and again after a failure, which may pass: of a database that is not there yet, say."""

    def __init__(self) -> None:
        self.imported = False
        self._told = float("-inf")
        self._one_at_a_time = threading.Lock()

    def ready(self) -> bool:
        """Whether they are imported; False while another thread does it."""
        if self.imported:
            return True
        if not self._one_at_a_time.acquire(blocking=False):
            return False
        try:
            _import()
            self.imported = True
        except Exception as error:
            self._tell(error)
        finally:
            self._one_at_a_time.release()
        return self.imported

    def _tell(self, error: Exception) -> None:
        """With every health check, as the end of the log is what explains a rollout that fails; not more often."""
        now = time.monotonic()
        if now - self._told < _TOLD_EVERY:
            return
        self._told = now
        sys.stderr.write("opsctl: the project's URLs can't be imported, so the health check fails:\n")
        traceback.print_exception(type(error), error, error.__traceback__, file=sys.stderr)


def _import() -> None:
    from django.conf import settings

    if getattr(settings, "ROOT_URLCONF", None):
        from django.urls import get_resolver

        get_resolver().url_patterns  # noqa: B018  reading it imports them
