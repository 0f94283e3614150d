"""Local images: `source:service/` instead of a container build.

An image is a copy of the service's source tree, kept under `.opsctl/local/images/<digest>/`. Its digest is that of
an OCI manifest whose config is the hash of the tree, so the same id names the manifest in the emulator's ECR
(`DescribeImages`, `repository@sha256:...` in a task definition) and the directory that a task runs from. A tree
always has one digest.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

from opsctl.errors import OpsctlError
from opsctl.local.state import StateDir
from opsctl.paths import below, portable

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
_CONFIG_TYPE = "application/vnd.opsctl.source-tree.v1"
_KEEP = 5
_ABANDONED_SECONDS = 3600.0  # age at which a partial copy belongs to nobody any more
# Caches and what a run leaves behind: never part of an image, here or in the container build.
_SKIPPED_DIRECTORIES = frozenset(
    {"__pycache__", ".git", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis", ".venv", "node_modules"}
)
_SKIPPED_SUFFIXES = (".pyc", ".pyo", ".sqlite3", ".sqlite3-journal", ".sqlite3-wal", ".sqlite3-shm", ".swp", "~")
# Beside service/ the image holds the list of sources and the sample, as the container build copies them.
_SHIPPED_DATA = ("salary_sources.json", "sample_*.csv")
_SKIPPED_NAMES = frozenset({".DS_Store", ".coverage"})


class EcrPutImage(Protocol):
    """The one call of boto3's ECR client that `push_image` needs."""

    @property
    def put_image(self) -> Callable[..., Any]: ...


def tree_hash(source: Path) -> str:
    """SHA-256 (hex) over paths, executable bits and contents of the tree, in sorted order; no times, no owners."""
    total = hashlib.sha256()
    for relative, path in _files(source):
        if path.is_symlink():
            kind, content = "l", os.fsencode(os.readlink(path))  # noqa: PTH115  the bytes as they are stored
        else:
            kind, content = ("x" if path.stat().st_mode & stat.S_IXUSR else "f"), path.read_bytes()
        total.update(f"{kind} {relative}\0{len(content)}\0".encode())
        total.update(content)
    return total.hexdigest()


def manifest(tree: str) -> str:
    """The OCI manifest of the tree with this hash; its bytes decide the image's digest, so its form is fixed."""
    return json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": {"mediaType": _CONFIG_TYPE, "digest": f"sha256:{tree}", "size": 0},
            "layers": [],
        },
        sort_keys=True,
        separators=(",", ":"),
    )


def image_digest(source: Path) -> str:
    """`sha256:...` that `snapshot_image` gives this tree; writes nothing."""
    return _digest(manifest(tree_hash(source)))


def snapshot_image(source: Path, root: Path) -> str:
    """Copy the tree under `root`'s local state and answer the image's digest, `sha256:...`.

    A tree that was copied before is left as it is. The five newest (by last use) are kept. Raises OpsctlError when
    `source` holds no file.
    """
    state = StateDir.of(root)
    state.create()
    text = manifest(tree_hash(source))
    digest = _digest(text)
    target = _directory(state, digest)
    if not target.is_dir():
        files = list(_files(source))
        if not files:
            raise OpsctlError(
                f"There is nothing to make a local image of in {source}.",
                code="empty-image",
                hint="Run opsctl in the directory that holds service/.",
            )
        _copy(files, target)
        target.with_suffix(".json").write_text(text, encoding="utf-8")
    os.utime(target)
    _prune(state, keep=target)
    return digest


def push_image(ecr: EcrPutImage, *, root: Path, repository: str, tag: str, digest: str) -> None:
    """Register a snapshot in the emulator's ECR under `repository:tag`. Errors are the client's own."""
    text = _directory(StateDir.of(root), digest).with_suffix(".json").read_text(encoding="utf-8")
    ecr.put_image(repositoryName=repository, imageManifest=text, imageManifestMediaType=MANIFEST_TYPE, imageTag=tag)


def find_snapshot(state: StateDir, digest: str) -> Path | None:
    """The directory of the image with this digest; using it counts as its newest use."""
    target = _directory(state, digest)
    if not re.fullmatch(r"sha256:[0-9a-f]{64}", digest) or not target.is_dir():
        return None
    os.utime(target)
    return target


def _digest(text: str) -> str:
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def _directory(state: StateDir, digest: str) -> Path:
    return state.images / digest.removeprefix("sha256:")


def _files(source: Path) -> Iterator[tuple[str, Path]]:
    """`(relative path with /, path)` of every file and link that belongs to the image, sorted."""
    found = []
    for directory, names, files in os.walk(source):
        names[:] = [each for each in names if each not in _SKIPPED_DIRECTORIES and not each.endswith(".egg-info")]
        links = [each for each in names if (Path(directory) / each).is_symlink()]
        for name in [*files, *links]:
            if name in _SKIPPED_NAMES or name.endswith(_SKIPPED_SUFFIXES):
                continue
            path = Path(directory) / name
            found.append((portable(path, source), path))
    shipped = (path for pattern in _SHIPPED_DATA for path in (source.parent / "data").glob(pattern))
    found += [(f"data/{path.name}", path) for path in shipped]
    return iter(sorted(found))


def _copy(files: list[tuple[str, Path]], target: Path) -> None:
    """Copy beside the place and move there, so that an interrupted copy never looks like an image."""
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    shutil.rmtree(partial, ignore_errors=True)
    for relative, path in files:
        copy = below(partial, relative)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, copy, follow_symlinks=False)
    try:
        partial.rename(target)
    except OSError:
        # Another deploy of the same tree was faster.
        shutil.rmtree(partial, ignore_errors=True)
        if not target.is_dir():
            raise


def _prune(state: StateDir, keep: Path) -> None:
    for partial in state.images.glob(".*"):
        if time.time() - partial.stat().st_mtime > _ABANDONED_SECONDS:
            shutil.rmtree(partial, ignore_errors=True)
    snapshots = [each for each in state.images.iterdir() if each.is_dir() and not each.name.startswith(".")]
    newest = sorted(snapshots, key=lambda each: each.stat().st_mtime, reverse=True)
    for old in [each for each in newest if each != keep][_KEEP - 1 :]:
        shutil.rmtree(old, ignore_errors=True)
        old.with_suffix(".json").unlink(missing_ok=True)
