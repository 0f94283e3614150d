"""Whether the project's URLs can be imported: Django does that with the first request, after a release counts as well.

Standard library only, Python 3.8 and later, as everything beside it.
"""

from __future__ import annotations

import sys
import threading
import traceback

BROKEN = b"The project's URLs can't be imported; the log says why.\n"
BROKEN_HEADERS = [
    ("Content-Type", "text/plain; charset=utf-8"),
    ("Content-Length", str(len(BROKEN))),
    ("Cache-Control", "no-store"),
]


class Urls:
    """Imports them once, and again after a failure, which may pass: of a database that is not there yet, say."""

    def __init__(self) -> None:
        self.imported = False
        self._told = ""
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
        said = repr(error)
        if said != self._told:  # a health check comes every few seconds
            self._told = said
            traceback.print_exception(type(error), error, error.__traceback__, file=sys.stderr)
            sys.stderr.write(
                f"opsctl: the project's URLs can't be imported, so the health check fails: {' '.join(said.split())}\n"
            )


def _import() -> None:
    from django.conf import settings

    if getattr(settings, "ROOT_URLCONF", None):
        from django.urls import get_resolver

        get_resolver().url_patterns  # noqa: B018  reading it imports them
