"""What no release may touch, bad or good: people who ask for pages while it is deployed."""

from __future__ import annotations

import re
import threading
import time
import urllib.request
from pathlib import Path
from urllib.parse import urljoin

from tests.soak import WHOLE

# Seconds between a visitor's pages. All visitors share the machine with what they visit.
_PAUSE = 0.02 if WHOLE else 0.2
# What a browser asks for by itself when it shows a page.
_FILES = re.compile(r'<(?:script|link|img)[^>]* (?:src|href)="(?!data:)([^"]+)"')


class Visitors:
    """Ask the service for a page, and for the files it names, until the block ends; note what did not answer 200."""

    def __init__(self, url: str, *, people: int = 1) -> None:
        self._url = url
        self._end = threading.Event()
        self._threads = [threading.Thread(target=self._visit, daemon=True) for _ in range(people)]
        self._lock = threading.Lock()
        self.asked = 0
        self.files = 0
        self.failed: list[str] = []
        self.seen: set[str] = set()

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
        while not self._end.wait(_PAUSE):
            problems: list[str] = []
            page = _get(self._url, problems)
            names = _FILES.findall(page)
            for name in names:
                _get(urljoin(self._url, name), problems, page=self._url)
            with self._lock:
                self.asked += 1
                self.files += len(names)
                self.failed += problems
                self.seen.add(page)


class _Redirects(urllib.request.HTTPRedirectHandler):
    max_redirections = 20  # as browsers have it


_OPENER = urllib.request.build_opener(_Redirects)


def _get(url: str, problems: list[str], page: str = "") -> str:
    """The body of `url`, which `page` may name; what was wrong with the answer is added to `problems`."""
    request = urllib.request.Request(url, headers={"Referer": page} if page else {})  # noqa: S310
    try:
        with _OPENER.open(request, timeout=10) as answer:
            if answer.status != 200:
                problems.append(f"{url}: {answer.status}")
            return str(answer.read().decode())
    except OSError as error:
        problems.append(f"{url}: {error!r}")
        return ""


def broken(path: Path, text: str) -> str:
    """Put `text` in the file's place and return what was there."""
    before = path.read_text()
    path.write_text(text)
    return before
