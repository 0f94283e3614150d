"""A failure that goes on is logged once: who tries again every second would fill the log with it."""

from __future__ import annotations

import logging


class LastingFailure:
    """Logs, under `text`, an error with its traceback, and no other like it until it was over."""

    def __init__(self, logger: logging.Logger, text: str) -> None:
        self._logger = logger
        self._text = text
        self._last = ""

    def log(self, error: Exception) -> None:
        """Call it where the error is handled."""
        # An OSError names files, such as temporary ones that have another name each time.
        kind = f"{type(error).__name__} {error.errno if isinstance(error, OSError) else error}"
        if kind != self._last:
            self._last = kind
            self._logger.error(self._text, exc_info=error)

    def over(self) -> None:
        """It went well; said once, where it was logged."""
        if self._last:
            self._last = ""
            self._logger.warning("%s: that is over", self._text)
