"""Write the emulator's state to disk soon after every change, so that `kill -9` loses next to nothing.

NOTE: ministack 1.5.33 writes its state only when it is told to stop. Object bodies of S3 are the exception
(S3_PERSIST). Here a thread asks the loaded services for their state shortly after something changed, and replaces
the file of each one whose state differs, in ministack's own format, which it reads at the next start; only long
values of bytes are files of their own, see `blobs`.
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from opsctl import private
from opsctl.local.emulator import blobs
from opsctl.local.lasting import LastingFailure

logger = logging.getLogger("opsctl.persistence")

_DEBOUNCE = 0.3
_LOG_SECONDS = 5.0  # how often log lines alone are worth a write
_FAILED = "The emulator's state could not be written"
_TAIL = 1.5  # seconds after which a change is written again, for what it set off in the background


class Snapshots:
    """`changes` and `lines` answer numbers that grow with every change and every log line; `busy` says whether a stack
    operation is running.
    """

    def __init__(
        self,
        directory: Path,
        app: Any,
        persistence: Any,
        *,
        changes: Callable[[], int],
        lines: Callable[[], int],
        busy: Callable[[], bool],
    ) -> None:
        self._directory = directory
        self._app = app
        self._persistence = persistence
        self._changes = changes
        self._lines = lines
        self._busy = busy
        self._written: dict[str, str] = {}
        self._blobs: dict[str, blobs.Blobs] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()

    def install(self) -> None:
        """Put this in the place of ministack's own writing, when it is told to stop, and reading."""
        blobs.resolve(self._persistence, self._directory)
        self._app.save_all = lambda _services: self._try_to_flush(LastingFailure(logger, _FAILED))

    def start(self) -> None:
        threading.Thread(target=self._run, daemon=True, name="opsctl-snapshots").start()

    def stop(self) -> None:
        """No more writes from here."""
        with self._lock:
            self._stop.set()

    def flush(self) -> None:
        """Write what differs from the last time; services that change while they are read are read again."""
        with self._lock:
            for name, get_state in self._app._build_persistence_save_dict().items():
                data = self._serialise(name, get_state)
                if data is None or self._stop.is_set() or not self._directory.is_dir():
                    continue
                digest = hashlib.blake2b(data, digest_size=16).hexdigest()
                if self._written.get(name) != digest:
                    private.replace_file(self._directory / f"{name}.json", data)
                    self._written[name] = digest
                    self._blobs[name].sweep()

    def _serialise(self, name: str, get_state: Callable[[], Any]) -> bytes | None:
        held = self._blobs.setdefault(name, blobs.Blobs(self._directory / f"{name}.blobs"))

        def default(value: Any) -> Any:
            if isinstance(value, bytes) and len(value) >= blobs.LEAST:
                return held.reference(value)
            return self._persistence._json_default(value)

        for attempt in range(5):
            try:
                held.begin()
                state = get_state()
                if state is None:
                    return None
                document = {"__ministack_format__": self._persistence._state_format_version(name), "payload": state}
                return json.dumps(document, default=default).encode()
            except RuntimeError:
                # A dictionary grew while it was copied: another thread is at work in this service.
                time.sleep(0.02 * (attempt + 1))
        logger.warning("The state of %s kept changing; it is written the next time", name)
        return None

    def _run(self) -> None:
        seen = -1
        seen_lines = 0
        repeat_at = 0.0
        lines_at = 0.0
        failure = LastingFailure(logger, _FAILED)
        while not self._stop.wait(_DEBOUNCE):
            changes, lines, now = self._changes(), self._lines(), time.monotonic()
            repeat = bool(repeat_at) and now >= repeat_at
            logged = lines != seen_lines and now >= lines_at
            if changes == seen and not repeat and not logged and not self._busy():
                continue
            if changes != seen:
                repeat_at = now + _TAIL
            elif repeat:
                repeat_at = 0.0
            seen, seen_lines, lines_at = changes, lines, now + _LOG_SECONDS
            if not self._try_to_flush(failure):
                repeat_at = now + _LOG_SECONDS  # nothing else may change, and the disk may have room then

    def _try_to_flush(self, failure: LastingFailure) -> bool:
        try:
            self.flush()
        except OSError as error:
            failure.log(error)
            return False
        failure.over()
        return True
