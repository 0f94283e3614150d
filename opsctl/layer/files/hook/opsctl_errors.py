"""Exceptions that a view let through, in the log of a project that configured no logging.

Django mails them to ADMINS where DEBUG is off, so that of a fresh project's 500 the log would hold a status alone.
Standard library only, Python 3.8 and later, as everything beside it.
"""

from __future__ import annotations

import logging
import sys

_OWN = "opsctl"
_REFUSED = "django.security"
_DEFAULT = "logging.config.dictConfig"


def show_errors() -> None:
    """Write what Django logs as an error to stderr, unless the project says itself where it goes.

    What Django refuses, such as a wrong Host, is an error to it with a traceback as well. Whoever tries addresses would
    fill the log, so that is left out.
    """
    from django.conf import settings

    # Where one is missing, there is no project whose errors could be told of.
    silent = not getattr(settings, "DEBUG", True)
    default = not getattr(settings, "LOGGING", None) and getattr(settings, "LOGGING_CONFIG", None) == _DEFAULT
    if not silent or not default or logging.getLogger().handlers:
        return
    logger = logging.getLogger("django")
    if any(each.get_name() == _OWN for each in logger.handlers):
        return
    handler = logging.StreamHandler(sys.stderr)
    handler.set_name(_OWN)
    handler.setLevel(logging.ERROR)
    handler.addFilter(lambda record: not record.name.startswith(_REFUSED))
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    logger.addHandler(handler)
