"""What goes to the dataset task and comes back: raw files up, the list of releases down."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from opsctl.deploy.events import Emit, Progress
from opsctl.errors import OpsctlError
from opsctl.paths import portable

PREFIX = "raw/"
_SUFFIXES = (".csv", ".csv.gz", ".zip")


class Bucket(Protocol):
    """What syncing needs of S3."""

    def etags(self, bucket: str, prefix: str) -> Mapping[str, str]: ...
    def upload(self, bucket: str, key: str, path: Path) -> None: ...


@dataclass(frozen=True, slots=True)
class Synced:
    """How many raw files went up and how many were there already."""

    uploaded: int
    unchanged: int


def raw_files(folder: Path) -> Iterator[Path]:
    """Raw files below `folder`, sorted by path; links are not followed, as a raw file comes from anywhere."""
    if folder.is_dir():
        found = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
        yield from sorted(path for path in found if path.name.endswith(_SUFFIXES))


def sync(store: Bucket, bucket: str, folder: Path, emit: Emit) -> Synced:
    """Upload what differs. Nothing is deleted: what was fetched on AWS stays, so a nightly run loses nothing."""
    there = store.etags(bucket, PREFIX)
    uploaded = unchanged = 0
    files = list(raw_files(folder))
    for path in files:
        key = PREFIX + portable(path, folder)
        # The ETag of an object that was put in one piece is its MD5.
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, partial(hashlib.md5, usedforsecurity=False)).hexdigest()
        if there.get(key, "").strip('"') == digest:
            unchanged += 1
        else:
            store.upload(bucket, key, path)
            uploaded += 1
        emit(Progress("sync", key, uploaded + unchanged, len(files), "files"))
    return Synced(uploaded, unchanged)


def releases_in(log: Sequence[str]) -> list[dict[str, Any]]:
    """What `salary_releases --json` printed, out of its task's log.

    Lines are joined from where it begins: a log driver may cut a long line into pieces.
    """
    start = next((at for at, line in enumerate(log) if line.startswith('{"releases":')), None)
    if start is not None:
        with suppress(ValueError):
            found: list[dict[str, Any]] = json.JSONDecoder().raw_decode("".join(log[start:]))[0]["releases"]
            return found
    raise OpsctlError(
        "The task ended well, but its list of releases is not in the log yet.",
        code="log-incomplete",
        hint="CloudWatch Logs can be late; run the command again.",
    )
