"""How much is read of what others made: their answers, and what is unpacked of them. docs/images.md names the figures.

A registry answers what it likes, and a few kilobytes of gzip can hold gigabytes: nothing is read to its end unseen.
"""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from typing import IO, Protocol, cast

from opsctl.images.errors import ImageError

MIB = 1024 * 1024
ANSWER_LIMIT = 4 * MIB
"""Manifests, configurations, lists, errors: what the OCI specification wants every registry to take of a manifest."""
TOKEN_LIMIT = MIB
LAYER_LIMIT = 10 * 1024 * MIB
"""One layer as it is sent."""
IMAGE_LIMIT = 40 * 1024 * MIB
"""All layers of an image as they are sent."""
UNPACKED_LIMIT = 20 * 1024 * MIB
"""One layer as it is unpacked."""
PACKAGES_LIMIT = 64 * MIB
"""One file of an image that names its packages."""
RATIO_LIMIT = 100
"""How many times as large as what was read; gzip reaches 1032 with zeros, and programs stay below 10."""
_RATIO_FROM = 64 * MIB  # a few files of zeros are no bomb


class BombError(ImageError):
    """Something holds more than anybody would send who means well."""

    code = "too-large"


class Readable(Protocol):
    """What can be read bytewise."""

    def read(self, size: int = -1, /) -> bytes: ...


class Bounded:
    """A stream of unpacked bytes that ends in BombError once there are too many of them.

    `packed` is how many bytes it is unpacked from; 0 asks for no ratio.
    """

    def __init__(self, stream: Readable, what: str, *, packed: int = 0, limit: int = UNPACKED_LIMIT) -> None:
        self._stream = stream
        self._what = what
        self._most = _most(packed, limit)
        self.seen = 0

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        left = self._most - self.seen
        data = self._stream.read(left + 1 if size < 0 else min(size, left + 1))
        self.seen += len(data)
        if self.seen > self._most:
            raise _bomb(self._what, self._most)
        return data


def tar_stream(stream: Bounded) -> tarfile.TarFile:
    """Read a tar archive from its start to its end, never back."""
    return tarfile.open(fileobj=cast("IO[bytes]", stream), mode="r|", bufsize=MIB)


def whole(stream: IO[bytes], what: str, limit: int = ANSWER_LIMIT) -> bytes:
    """All bytes of what is short. Raises BombError when it is not."""
    return Bounded(stream, what, limit=limit).read()


def check_zip(archive: zipfile.ZipFile, what: str, packed: int) -> None:
    """Raise BombError when a zip says that it holds too much; `zip_member` reads none of what a file has beyond that.

    Raises ImageError for a file packed otherwise than zips are: Python unpacks bzip2 and LZMA as far as they go, a
    kilobyte to a gigabyte, before it asks how much was wanted.
    """
    most = _most(packed, UNPACKED_LIMIT)
    if sum(entry.file_size for entry in archive.infolist()) > most:
        raise _bomb(what, most)
    for entry in archive.infolist():
        if entry.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
            raise ImageError(
                f"{what} holds {entry.filename!a}, which is packed by another method than deflate, so it was not read.",
                code="odd-archive",
                hint="Find out who made it, and have it packed as zips usually are.",
            )


def zip_member(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    """A file of a zip that was checked. `ZipFile.read` would unpack up to 2 GiB of one that says it has ten bytes."""
    with archive.open(entry) as stream:
        return stream.read(entry.file_size)


def gunzipped(data: bytes, what: str) -> bytes:
    """What gzip holds, in memory. Raises BombError."""
    return Bounded(gzip.GzipFile(fileobj=io.BytesIO(data)), what, packed=len(data)).read()


def _most(packed: int, limit: int) -> int:
    return min(limit, max(packed * RATIO_LIMIT, _RATIO_FROM)) if packed else limit


def _bomb(what: str, most: int) -> BombError:
    return BombError(
        f"{what} holds more than {most:,} bytes when it is unpacked, so it was given up.",
        hint="Nobody needs that for a service; find out who made it before you use it.",
    )
