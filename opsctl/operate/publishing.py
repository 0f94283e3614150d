"""Publishing the exported dashboard: what goes up, in which order and with which headers, what goes away.

Files whose name holds their content's hash never change, so browsers keep them for a year and nobody has to be told.
The page keeps its name: it goes up last, when all it names is there, and is asked for again every time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from opsctl.aws.s3 import file_sha256
from opsctl.deploy.events import Emit, Progress
from opsctl.paths import below, portable

if TYPE_CHECKING:
    from opsctl.aws.s3 import S3

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


@dataclass(frozen=True, slots=True)
class SiteFile:
    """A file of the site: bytes and SHA-256, in hex."""

    size: int
    digest: str


@dataclass(frozen=True, slots=True)
class PublishPlan:
    """Keys to upload and then to delete, each in order; what is there already; paths that CloudFront invalidates."""

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


def site_files(folder: Path) -> dict[str, SiteFile]:
    """A folder's files by key; hidden ones and links are no part of a site."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if path.is_file() and not path.is_symlink() and not any(part.startswith(".") for part in name.parts):
            found[portable(path, folder)] = SiteFile(path.stat().st_size, file_sha256(path))
    return found


def published(store: S3, bucket: str, files: Mapping[str, SiteFile]) -> dict[str, str]:
    """What the bucket holds, by key: the digest of what may be one of `files`, "" for anything else.

    A name that stands for its content says enough; any other object of the same size is asked for its digest.
    """
    found = {}
    for key, size in store.sizes(bucket, "").items():
        file = files.get(key)
        same_size = file is not None and file.size == size
        found[key] = (
            "" if file is None or not same_size else file.digest if is_hashed(key) else store.digest(bucket, key)
        )
    return found


def plan_publish(files: Mapping[str, SiteFile], there: Mapping[str, str]) -> PublishPlan:
    """From a site's files and the digests that its bucket holds, by key."""
    changed = [key for key, file in files.items() if there.get(key) != file.digest]
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
    store: S3,
    bucket: str,
    *,
    invalidate: Callable[[Sequence[str]], None],
    emit: Emit,
) -> None:
    """Carry the plan out; interrupted anywhere, the page names only files that are there.

    `invalidate` tells the edges, before the files go that their page may still name.
    """
    for done, key in enumerate(plan.upload, 1):
        store.upload(bucket, key, below(folder, key), content_type=content_type(key), cache_control=cache_control(key))
        emit(Progress("publish", key, done, len(plan.upload), "files"))
    if plan.invalidate:
        invalidate(plan.invalidate)
    for key in plan.delete:
        store.delete(bucket, key)
