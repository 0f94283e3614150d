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
# What no waiting mends: the code itself can't run. Others may pass: of a database that is not there yet, say.
_FINAL = (SyntaxError, ImportError, NameError)


class Urls:
    """Imports them once, and again after a failure. `status` is that of a health check: 200, 503 while they are not
    imported, 500 where the code itself is why.
    """

    def __init__(self) -> None:
        self.imported = False
        self.status = 503
        self._told = float("-inf")
        self._one_at_a_time = threading.Lock()

    def ready(self) -> int:
        """Import them where they are not; answers `status`. While another thread does it, it is as it was before."""
        if self.imported or not self._one_at_a_time.acquire(blocking=False):
            return self.status
        try:
            _import()
            self.imported, self.status = True, 200
        except Exception as error:
            self.status = 500 if isinstance(error, _FINAL) else 503
            self._tell(error)
        finally:
            self._one_at_a_time.release()
        return self.status

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
