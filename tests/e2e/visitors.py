"""What a bad release must not touch: people who ask for pages while it is deployed."""

from __future__ import annotations

import threading
import time
import urllib.request
from pathlib import Path


class Visitors:
    """Ask the service for a page until the block ends, and count what did not answer 200."""

    def __init__(self, url: str, *, people: int = 1) -> None:
        self._url = url
        self._end = threading.Event()
        self._threads = [threading.Thread(target=self._visit, daemon=True) for _ in range(people)]
        self._lock = threading.Lock()
        self.asked = 0
        self.failed: list[str] = []

    def __enter__(self) -> Visitors:
        for each in self._threads:
            each.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        for each in self._threads:
            each.join()

    def wait_until_asked(self, times: int) -> None:
        """Go on until so many pages were asked for."""
        while self.asked < times:
            time.sleep(0.05)

    def _visit(self) -> None:
        while not self._end.wait(0.02):
            problem = self._problem()
            with self._lock:
                self.asked += 1
                if problem:
                    self.failed.append(problem)

    def _problem(self) -> str:
        try:
            with urllib.request.urlopen(self._url, timeout=10) as answer:  # noqa: S310
                return "" if answer.status == 200 else str(answer.status)
        except OSError as error:
            return repr(error)


def broken(path: Path, text: str) -> str:
    """Put `text` in the file's place and return what was there."""
    before = path.read_text()
    path.write_text(text)
    return before
