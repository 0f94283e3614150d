"""Publishing the exported dashboard: what goes up, in which order and with which headers, what goes away.

Files whose name holds their content's hash never change, so browsers keep them for a year and nobody has to be told.
The page keeps its name: it goes up last, when all it names is there, and is asked for again every time.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

from opsctl.deploy.events import Emit, Progress
from opsctl.paths import below, portable

PAGE = "index.html"
# What an export names after its content, and so the only names that publishing ever removes.
_HASHED = re.compile(r"(data/[0-9a-z]+|chart|dashboard)\.[0-9a-f]{12}\.(js|css)")
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
}


class SiteBucket(Protocol):
    """What publishing needs of S3."""

    def etags(self, bucket: str, prefix: str) -> Mapping[str, str]: ...
    def upload(self, bucket: str, key: str, path: Path, *, content_type: str, cache_control: str) -> None: ...
    def delete(self, bucket: str, key: str) -> None: ...


@dataclass(frozen=True, slots=True)
class PublishPlan:
    """Keys to upload and then to delete, each in order; what is there already; paths that CloudFront has to forget."""

    upload: tuple[str, ...]
    delete: tuple[str, ...]
    unchanged: int
    invalidate: tuple[str, ...]


def is_hashed(key: str) -> bool:
    """Whether this name stands for this content for ever."""
    return _HASHED.fullmatch(key) is not None


def content_type(key: str) -> str:
    """The type that browsers need; they refuse a script of another one."""
    return _TYPES.get(Path(key).suffix.lower(), "application/octet-stream")


def cache_control(key: str) -> str:
    """How long browsers and edges may keep it without asking."""
    return "public, max-age=31536000, immutable" if is_hashed(key) else "no-cache"


def site_files(folder: Path) -> dict[str, str]:
    """Keys and MD5 sums of a folder's files; hidden ones and links are no part of a site."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if path.is_file() and not path.is_symlink() and not any(part.startswith(".") for part in name.parts):
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, partial(hashlib.md5, usedforsecurity=False))
            found[portable(path, folder)] = digest.hexdigest()
    return found


def plan_publish(files: Mapping[str, str], there: Mapping[str, str]) -> PublishPlan:
    """From a site's MD5 sums and a bucket's ETags, by key. An object that was put in one piece has its MD5 as ETag."""
    changed = [key for key, digest in files.items() if there.get(key, "").strip('"') != digest]
    upload = sorted(changed, key=lambda key: (not is_hashed(key), key == PAGE, key))
    return PublishPlan(
        upload=tuple(upload),
        delete=tuple(sorted(key for key in there if is_hashed(key) and key not in files)),
        unchanged=len(files) - len(changed),
        invalidate=tuple(path for key in upload if not is_hashed(key) for path in _paths(key)),
    )


def _paths(key: str) -> Iterator[str]:
    if key == PAGE:
        yield "/"  # kept apart from the page that answers there [UG CloudFront Invalidation]
    yield f"/{quote(key)}"


def publish(
    plan: PublishPlan,
    folder: Path,
    store: SiteBucket,
    bucket: str,
    *,
    forget: Callable[[Sequence[str]], None],
    emit: Emit,
) -> None:
    """Carry the plan out; interrupted anywhere, the page names only files that are there.

    `forget` tells the edges, before the files go that their page may still name.
    """
    for done, key in enumerate(plan.upload, 1):
        store.upload(bucket, key, below(folder, key), content_type=content_type(key), cache_control=cache_control(key))
        emit(Progress("publish", key, done, len(plan.upload), "files"))
    if plan.invalidate:
        forget(plan.invalidate)
    for key in plan.delete:
        store.delete(bucket, key)
