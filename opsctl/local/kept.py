"""What the local target left on the disk, for whoever reads while it does not run.

The emulator writes objects of S3 as files, and its other services' state as a JSON file each. Nothing here starts or
changes anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from opsctl.aws.logs import EventPage, LogEvent, LogStream
from opsctl.aws.s3 import StoredObject
from opsctl.local.state import StateDir, read_json

_ACCOUNT = re.compile(r"\d{12}")
_NOTES = ".meta.json"


class KeptObjects:
    """Objects of the buckets, read as `aws.s3.S3` does."""

    def __init__(self, state: StateDir) -> None:
        self._buckets = {
            bucket.name: bucket
            for account in _folders(state.objects)
            if _ACCOUNT.fullmatch(account.name)
            for bucket in _folders(account)
        }

    def bucket_with(self, key: str) -> str | None:
        """The bucket that has an object under this key."""
        return next((name for name in self._buckets if self._path(name, key) is not None), None)

    def get(self, bucket: str, key: str) -> StoredObject | None:
        """An object; None where there is none."""
        path = self._path(bucket, key)
        return StoredObject(path.read_bytes(), etag="") if path is not None else None

    def sizes(self, bucket: str, prefix: str) -> dict[str, int]:
        """Sizes by key of the objects whose keys begin so."""
        folder = self._buckets.get(bucket)
        if folder is None:
            return {}
        found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
        return {
            key: path.stat().st_size
            for key, path in found.items()
            if key.startswith(prefix) and not key.endswith(_NOTES)
        }

    def _path(self, bucket: str, key: str) -> Path | None:
        folder = self._buckets.get(bucket)
        if folder is None:
            return None
        path = folder / key
        return path if path.is_file() and path.resolve().is_relative_to(folder.resolve()) else None


class KeptLogs:
    """Lines of CloudWatch Logs, read as `aws.logs.Logs` does; a page holds all there is."""

    def __init__(self, state: StateDir) -> None:
        found = read_json(state.aws / "cloudwatch_logs.json")
        # Keys are `account NUL region NUL 'name'`.
        groups = _dict(_dict(_dict(found.get("payload")).get("log_groups")).get("data"))
        self._streams = {
            key.rpartition("\0")[2].strip("'"): _dict(_dict(group).get("streams")) for key, group in groups.items()
        }

    def events(
        self, group: str, *, start: int | None, prefix: str = "", streams: Sequence[str] = (), token: str | None = None
    ) -> EventPage:
        """Lines of the streams named, else of those whose names begin with `prefix`, in order of time."""
        assert token is None
        chosen = {
            name: stream
            for name, stream in self._streams.get(group, {}).items()
            if (name in streams if streams else name.startswith(prefix))
        }
        found = [
            LogEvent(f"{name} {number}", time, name, str(event.get("message", "")))
            for name, stream in chosen.items()
            for number, event in enumerate(_events(stream))
            if (time := int(event.get("timestamp", 0))) >= (start or 0)
        ]
        return EventPage(tuple(sorted(found, key=lambda event: event.time)), None)

    def list_streams(self, group: str, prefix: str = "") -> list[LogStream]:
        """Streams whose names begin so."""
        return [
            LogStream(name, int(stream.get("creationTime", 0)), int(stream.get("lastEventTimestamp") or 0))
            for name, stream in self._streams.get(group, {}).items()
            if name.startswith(prefix)
        ]


def _events(stream: Any) -> list[dict[str, Any]]:
    return [each for each in _dict(stream).get("events") or [] if isinstance(each, dict)]


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _folders(path: Path) -> Iterator[Path]:
    try:
        yield from sorted(each for each in path.iterdir() if each.is_dir())
    except OSError:
        return
