"""What goes to the dataset task and comes back: raw files up, the list of releases down."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opsctl.aws.s3 import file_sha256
from opsctl.deploy.events import Emit, Progress
from opsctl.deploy.graph import step
from opsctl.errors import OpsctlError
from opsctl.paths import portable

if TYPE_CHECKING:
    from opsctl.aws.s3 import S3

PREFIX = "raw/"
_SUFFIXES = (".csv", ".csv.gz", ".zip", ".xlsx", ".tsv", ".txt")
_NAMED = 5
# Control characters, line and paragraph separators.
_CONTROLS = {"Cc", "Zl", "Zp"}


@dataclass(frozen=True, slots=True)
class Synced:
    """How many raw files went up and how many were there already."""

    uploaded: int
    unchanged: int


def raw_files(folder: Path) -> Iterator[Path]:
    """Raw files below `folder`, sorted by path; links are not followed, as a raw file comes from anywhere.

    Hidden ones are none: a build reads no name that begins with a dot.
    """
    if folder.is_dir():
        found = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
        named = (path for path in found if path.name.lower().endswith(_SUFFIXES))
        yield from sorted(path for path in named if "/." not in f"/{portable(path, folder)}")


def is_nobodys(name: str) -> bool:
    """Whether a name is nobody's data: in a hidden folder, or hidden and without the end of a data file."""
    folder, _, last = name.rpartition("/")
    return "/." in f"/{folder}" or (last.startswith(".") and not last.lower().endswith(_SUFFIXES))


def passed_over(folder: Path) -> list[str]:
    """Files below `folder` that are no raw files: links, names that end otherwise, and hidden ones that end like data.

    What else is hidden, and what lies in a hidden folder, is nobody's data.
    """
    taken = set(raw_files(folder))
    found = [path for path in folder.rglob("*") if path.is_symlink() or path.is_file()] if folder.is_dir() else []
    names = [portable(path, folder) for path in found if path not in taken]
    return sorted(name for name in names if not is_nobodys(name))


def sync(store: S3, bucket: str, folder: Path, emit: Emit) -> Synced:
    """Upload what differs. Nothing is deleted: what was fetched on AWS stays, so a nightly run loses nothing.

    A listing tells sizes; only for an object of the same size is its digest asked for.
    """
    with step(emit, "sync", "data/raw/ to the dataset bucket") as ending:
        there = store.sizes(bucket, PREFIX)
        uploaded = unchanged = 0
        files = {_key(path, folder): path for path in raw_files(folder)}
        for key, path in files.items():
            if is_same(store, bucket, key, there.get(key), path):
                unchanged += 1
            else:
                store.upload(bucket, key, path)
                uploaded += 1
            emit(Progress("sync", key, uploaded + unchanged, len(files), "files"))
        left = passed_over(folder)
        ending.changed, ending.text = uploaded > 0, f"{uploaded:,} uploaded, {unchanged:,} there already"
        if left:
            more = f" and {len(left) - _NAMED:,} more" if len(left) > _NAMED else ""
            shown = ", ".join(name if name.isprintable() else ascii(name) for name in left[:_NAMED])
            ending.text += f"; left here, as links, hidden or of another kind: {shown}{more}"
    return Synced(uploaded, unchanged)


def _key(path: Path, folder: Path) -> str:
    """Refuses what the task would: a name that could write lines of its own into a log ends every build."""
    name = portable(path, folder)
    if not _CONTROLS.isdisjoint(map(unicodedata.category, name)):
        raise OpsctlError(
            f"The name of the raw file {name!a} holds a control character.",
            code="name-with-control-character",
            hint="Rename it.",
        )
    return PREFIX + name


def is_same(store: S3, bucket: str, key: str, size: int | None, path: Path) -> bool:
    """Whether an object of this size (None: there is none) holds what the file does."""
    return size == path.stat().st_size and store.digest(bucket, key) == file_sha256(path)


def releases_in(log: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """Releases and activations that `salary_releases --json` printed, out of its task's log.

    Lines are joined from where it begins: a log driver may cut a long line into pieces.
    """
    start = next((at for at, line in enumerate(log) if line.startswith('{"releases":')), None)
    if start is not None:
        with suppress(ValueError):
            found = json.JSONDecoder().raw_decode("".join(log[start:]))[0]
            # A service that was deployed before there was a history tells none.
            return {"releases": found["releases"], "activations": found.get("activations", [])}
    raise OpsctlError(
        "The task ended well, but its list of releases is not in the log yet.",
        code="log-incomplete",
        hint="CloudWatch Logs can be late; run the command again.",
    )
