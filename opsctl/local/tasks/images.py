"""Local images: a copy of the application's files instead of a container build, and the Python they run under.

An image lies under `.opsctl/local/images/<digest>/`. Its digest is that of an OCI manifest whose config is the hash of
what it is made from, so the same id names the manifest in the emulator's ECR (`DescribeImages`, `repository@sha256:...`
in a task definition) and the directory that a task runs from. The same source always has one digest.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import stat
import sys
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from opsctl.config import naming
from opsctl.errors import OpsctlError
from opsctl.local.state import StateDir
from opsctl.paths import below

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
_CONFIG_TYPE = "application/vnd.opsctl.source-tree.v1"
_START = ".start"
_KEEP = 5
_ABANDONED_SECONDS = 3600.0  # age at which a partial copy belongs to nobody any more


@dataclass(frozen=True)
class Source:
    """What a local image is made from: `(path in it, file)` of each file, and in `made_with` a hash of the rest.

    `build` is called with the copied files before anything runs from them.
    """

    files: Sequence[tuple[str, Path]]
    made_with: str
    build: Callable[[Path], None]


@dataclass(frozen=True)
class Start:
    """How processes of an image are started: their Python, the folder of manage.py, and opsctl's layer, if any."""

    python: str = sys.executable
    folder: str = ""
    layer: str = ""

    def words(self, command: Sequence[str]) -> list[str]:
        """A container's command as a process of this machine: its Python, and opsctl's files where they are here."""
        layer = f"{naming.LAYER}/"
        here = [f"{self.layer}/{each.removeprefix(layer)}" if each.startswith(layer) else each for each in command]
        return [self.python if here[0] in {"python", "python3"} else here[0], *here[1:]]


class EcrPutImage(Protocol):
    """The one call of boto3's ECR client that `push_image` needs."""

    @property
    def put_image(self) -> Callable[..., Any]: ...


def tree_hash(source: Source) -> str:
    """SHA-256 (hex) over paths, executable bits and contents of the files, and the rest; no times, no owners."""
    total = hashlib.sha256(f"{source.made_with}\0".encode())
    for relative, path in source.files:
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


def image_digest(source: Source) -> str:
    """`sha256:...` that `snapshot_image` gives this source; writes nothing."""
    return _digest(manifest(tree_hash(source)))


def snapshot_image(
    source: Source, start: Start, root: Path, *, spared: Callable[[], Collection[str]] = frozenset
) -> str:
    """Copy the files under `root`'s local state, build, and answer the image's digest, `sha256:...`.

    What was copied before is left as it is, but for how it is started: `start` holds paths of this machine. The five
    newest (by last use) are kept, and those whose digests `spared` answers: it is asked where one would go. Raises
    OpsctlError when `source` holds no file.
    """
    state = StateDir.of(root)
    state.create()
    text = manifest(tree_hash(source))
    digest = _digest(text)
    target = _directory(state, digest)
    if not target.is_dir():
        if not source.files:
            raise OpsctlError(
                f"There is nothing to make a local image of in {root}.",
                code="empty-image",
                hint="Let application.path name the folder that holds manage.py.",
            )
        _make(source, target)
        target.with_suffix(".json").write_text(text, encoding="utf-8")
    started = target.with_suffix(_START)
    partial = started.with_name(f".{started.name}.{os.getpid()}")
    partial.write_text(json.dumps(asdict(start)), encoding="utf-8")
    partial.replace(started)
    os.utime(target)
    _prune(state, target, spared)
    return digest


def push_image(client: EcrPutImage, *, root: Path, repository: str, tag: str, digest: str) -> None:
    """Register a snapshot in the emulator's ECR under `repository:tag`. Errors are the client's own."""
    text = _directory(StateDir.of(root), digest).with_suffix(".json").read_text(encoding="utf-8")
    client.put_image(repositoryName=repository, imageManifest=text, imageManifestMediaType=MANIFEST_TYPE, imageTag=tag)


def find_snapshot(state: StateDir, digest: str) -> Path | None:
    """The directory of the image with this digest; using it counts as its newest use."""
    target = _directory(state, digest)
    if not is_kept(state, digest):
        return None
    os.utime(target)
    return target


def is_kept(state: StateDir, digest: str) -> bool:
    """Whether there is an image with this digest; asking is no use of it."""
    return bool(re.fullmatch(r"sha256:[0-9a-f]{64}", digest)) and _directory(state, digest).is_dir()


def _digest(text: str) -> str:
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def _directory(state: StateDir, digest: str) -> Path:
    return state.images / digest.removeprefix("sha256:")


def start_of(image: Path) -> Start:
    """How processes of the image in this directory are started."""
    try:
        return Start(**json.loads(image.with_suffix(_START).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return Start()


def pythons_of(state: StateDir, digests: Iterable[str]) -> set[Path]:
    """The Python that processes of each of these images run under."""
    return {Path(start_of(_directory(state, digest)).python) for digest in digests}


def _make(source: Source, target: Path) -> None:
    """Copy and build beside the place and move there, so that an interrupted copy never looks like an image."""
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    shutil.rmtree(partial, ignore_errors=True)
    for relative, path in source.files:
        copy = below(partial, relative)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, copy, follow_symlinks=False)
    source.build(partial)
    try:
        partial.rename(target)
    except OSError:
        # Another deploy of the same tree was faster.
        shutil.rmtree(partial, ignore_errors=True)
        if not target.is_dir():
            raise


def _prune(state: StateDir, keep: Path, spared: Callable[[], Collection[str]]) -> None:
    for partial in state.images.glob(".*"):
        if time.time() - partial.stat().st_mtime > _ABANDONED_SECONDS:
            shutil.rmtree(partial, ignore_errors=True)
    snapshots = [each for each in state.images.iterdir() if each.is_dir() and not each.name.startswith(".")]
    newest = sorted(snapshots, key=lambda each: each.stat().st_mtime, reverse=True)
    older = [each for each in newest if each != keep][_KEEP - 1 :]
    kept = {_directory(state, digest) for digest in spared()} if older else set()
    for old in [each for each in older if each not in kept]:
        shutil.rmtree(old, ignore_errors=True)
        for suffix in (".json", _START):
            old.with_suffix(suffix).unlink(missing_ok=True)
