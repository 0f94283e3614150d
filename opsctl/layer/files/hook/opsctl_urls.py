"""Whether the project's URLs can be imported: Django does that with the first request, after a release counts as well.

Standard library only, Python 3.8 and later, as everything beside it.
"""

from __future__ import annotations

import re
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
_CODE = (SyntaxError, ImportError, NameError)
# What code lacks, in Python's words. What a value lacks may come later: a row that is None until it is made.
_LACKING = re.compile(r"(partially initialized )?module |type object |'(function|Settings)' object has no attribute ")
# Where Django refuses what a project's modules say: URLs, views, models and apps; none of it asks anything elsewhere.
_REFUSING = re.compile(r"django\.(urls|views|apps|db\.models\.base)(\.|$)")
# Python's own errors about values: alone they may pass, and behind one of the above they take nothing back.
_VALUES = (AttributeError, LookupError, TypeError, ValueError)


class Urls:
    """Imports them once, and again after a failure. `status` is that of a health check: 200, 503 while they are not
    imported, 500 where the code itself is why.
    """

    def __init__(self) -> None:
        self.imported = False
        self.status = 503
        self._may_pass = False
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
            # What it says from then on may come of that: an import that was broken off leaves things registered.
            self._may_pass = self._may_pass or not _is_final(error)
            self.status = 503 if self._may_pass else 500
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


def _is_final(error: BaseException) -> bool:
    """Whether the code is why, and nothing that may pass is what it was raised from, or while handling."""
    first, *behind = _chain(error)
    return _is_of_code(first) and all(_is_of_code(each) or _is_about_a_value(each) for each in behind)


def _chain(error: BaseException) -> list[BaseException]:
    """It, and what it was raised from or while handling."""
    found = [error]
    for each in found:
        found += [other for other in (each.__cause__, each.__context__) if other is not None and other not in found]
    return found


def _is_of_code(error: BaseException) -> bool:
    from django.core.exceptions import ImproperlyConfigured

    if isinstance(error, AttributeError) and _LACKING.match(str(error)):
        return True
    return isinstance(error, (*_CODE, ImproperlyConfigured)) or _is_refused_by_django(error)


def _is_about_a_value(error: BaseException) -> bool:
    # Not json's, say: what answered with no JSON may be a service that is down.
    return isinstance(error, _VALUES) and type(error).__module__ == "builtins"


def _is_refused_by_django(error: BaseException) -> bool:
    """Whether the line that raised it is one of those modules'."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    return place is not None and bool(_REFUSING.match(place.tb_frame.f_globals.get("__name__", "")))


def _import() -> None:
    from django.conf import settings

    if getattr(settings, "ROOT_URLCONF", None):
        from django.urls import get_resolver

        get_resolver().url_patterns  # noqa: B018  reading it imports them
