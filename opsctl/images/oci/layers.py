"""Layers from files, the same bytes every time: sorted entries, owner root, one fixed time, no names of users.

The tar stream depends on nothing but paths, modes and contents. Its compressed form depends on the zlib as well: two
machines agree when theirs compress alike, which zlib 1.2 and 1.3 do and zlib-ng does not.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import shutil
import stat
import tarfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from opsctl.images.oci.store import Descriptor, ImageStore

LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
MTIME = 315_532_800
"""1980-01-01: what zips can hold too; browsers get it as Last-Modified of files whose names hold no hash."""
_LEVEL = 6


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing in a layer. `path` has no leading slash; content comes from `data` or `source`; `link` is a symlink."""

    path: str
    mode: int = 0o644
    data: bytes | None = None
    source: Path | None = None
    link: str = ""
    directory: bool = False
    uid: int = 0


@dataclass(frozen=True, slots=True)
class Layer:
    """A stored layer; `diff_id` is the digest of its tar stream before compression."""

    descriptor: Descriptor
    diff_id: str


def write_layer(store: ImageStore, entries: Iterable[Entry]) -> Layer:
    """Store the entries as a layer, with the directories that lead to them."""
    with _writing(store) as written, _archive(written.plain) as archive:
        for entry in with_parents(entries):
            _add(archive, entry)
    return written.layer


def compress(store: ImageStore, stream: IO[bytes]) -> Layer:
    """Store a layer's tar stream, compressed."""
    with _writing(store) as written:
        shutil.copyfileobj(stream, cast("IO[bytes]", written.plain), 1024 * 1024)
    return written.layer


@dataclass
class _Written:
    """`plain` takes the tar stream; `layer` is there when the block has ended."""

    plain: _Digest
    found: Layer | None = None

    @property
    def layer(self) -> Layer:
        assert self.found is not None
        return self.found


@contextmanager
def _writing(store: ImageStore) -> Iterator[_Written]:
    with store.staging() as temporary:
        with temporary.open("wb") as raw:
            packed = _Digest(raw)
            # GzipFile writes no name and, with mtime 0, no time.
            with gzip.GzipFile(filename="", mode="wb", fileobj=packed, compresslevel=_LEVEL, mtime=0) as zipped:
                written = _Written(_Digest(cast("IO[bytes]", zipped)))
                yield written
        store.adopt(temporary, packed.digest)
    written.found = Layer(Descriptor(LAYER, packed.digest, packed.size), written.plain.digest)


def with_parents(entries: Iterable[Entry]) -> list[Entry]:
    """Sorted by path, each directory once and before what it holds; a later entry of the same path counts."""
    found = {entry.path: entry for entry in entries}
    for path in list(found):
        parts = path.split("/")[:-1]
        for depth in range(1, len(parts) + 1):
            parent = "/".join(parts[:depth])
            found.setdefault(parent, Entry(parent, 0o755, directory=True))
    return [found[path] for path in sorted(found)]


def entries_of(folder: Path, prefix: str) -> list[Entry]:
    """Every file and link of a folder. What its owner may execute everyone may; only the owner may write."""
    found = []
    for path in sorted(folder.rglob("*")):
        name = f"{prefix}/{path.relative_to(folder).as_posix()}"
        if path.is_symlink():
            found.append(Entry(name, 0o777, link=str(path.readlink())))
        elif path.is_file():
            found.append(Entry(name, file_mode(path), source=path))
    return found


def file_mode(path: Path) -> int:
    """0755 or 0644."""
    return 0o755 if path.stat().st_mode & stat.S_IXUSR else 0o644


def _archive(target: _Digest) -> tarfile.TarFile:
    return tarfile.open(fileobj=cast("IO[bytes]", target), mode="w", format=tarfile.PAX_FORMAT)


def _add(archive: tarfile.TarFile, entry: Entry) -> None:
    info = tarfile.TarInfo(entry.path)
    info.mode, info.mtime, info.uid, info.gid = entry.mode, MTIME, entry.uid, entry.uid
    if entry.directory:
        info.type = tarfile.DIRTYPE
        archive.addfile(info)
    elif entry.link:
        info.type, info.linkname = tarfile.SYMTYPE, entry.link
        archive.addfile(info)
    elif entry.source is not None:
        info.size = entry.source.stat().st_size
        with entry.source.open("rb") as stream:
            archive.addfile(info, stream)
    else:
        data = entry.data or b""
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))


class _Digest:
    """A stream that hashes and counts what is written through it."""

    def __init__(self, target: IO[bytes]) -> None:
        self._target = target
        self._hash = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> int:
        self._hash.update(data)
        self.size += len(data)
        return self._target.write(data)

    def tell(self) -> int:
        return self.size

    def flush(self) -> None:
        self._target.flush()

    @property
    def digest(self) -> str:
        return "sha256:" + self._hash.hexdigest()
