"""Turn a received file into the CSV files it stands for, within limits, and check that they are what they should be."""

from __future__ import annotations

import codecs
import gzip
import shutil
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from salaries.ingest.errors import IngestError
from salaries.ingest.kinds import ZIP_START, foreign_kind
from salaries.ingest.mapping import Mapping
from salaries.ingest.records import ENCODINGS, glance_at, records
from salaries.ingest.workbook import is_workbook
from salaries.ingest.workspace import name_trouble
from salaries.ingest.zips import opened_zip

_CHUNK = 1 << 20
_GZIP = b"\x1f\x8b"
# UnicodeDecodeError: a name that is said to be UTF-8 and is not.
_DAMAGED = (
    gzip.BadGzipFile, zipfile.BadZipFile, EOFError, zlib.error, NotImplementedError, RuntimeError,
    UnicodeDecodeError,
)  # fmt: skip


@dataclass(frozen=True)
class UnpackLimits:
    """How much a packed file may grow to; a ratio counts only above a size where it matters."""

    unpacked_bytes: int = 1 << 30
    ratio: int = 200
    ratio_from_bytes: int = 10 << 20
    members: int = 100


@dataclass(frozen=True)
class Unpacked:
    """Files to publish, by their place under the destination; a single file has the place ""."""

    files: dict[str, Path]


def unpack(
    received: Path, *, target: Path, encoding: str, folder: Path, limits: UnpackLimits, mapping: Mapping | None = None
) -> Unpacked:
    """Return the checked CSV files of `received`; a zip of several becomes several, a workbook stays one.

    Raises:
        IngestError: it is empty, no table, without a row, damaged, too large when unpacked, or not in its encoding.
    """
    keep_gzip = target.name.lower().endswith(".gz")
    with received.open("rb") as handle:
        magic = handle.read(4)
    if not magic:
        raise IngestError("the file is empty")
    if is_workbook(target):
        book = folder / "received.xlsx"
        received.rename(book)
        _check_rows(book, encoding, mapping)
        return Unpacked({"": book})
    try:
        if magic == ZIP_START:
            files = _unzip(received, folder, limits)
        elif magic[:2] == _GZIP:
            plain = folder / "unpacked.csv"
            with gzip.open(received, "rb") as packed:
                _copy(packed, plain, packed_bytes=received.stat().st_size, room=limits.unpacked_bytes, limits=limits)  # type: ignore[arg-type]
            files = {"": plain}
        else:
            files = {"": received}
    except _DAMAGED as error:
        raise IngestError(f"damaged archive: {error}") from error
    for path in files.values():
        _check_csv(path, encoding)
        _check_rows(path, encoding, mapping)
    if keep_gzip and len(files) == 1:
        files = {"": received if magic[:2] == _GZIP else _gzipped(files[""], folder)}
    return Unpacked(files)


def _unzip(received: Path, folder: Path, limits: UnpackLimits) -> dict[str, Path]:
    files: dict[str, Path] = {}
    room = limits.unpacked_bytes
    with opened_zip(received, "the archive", "pack it anew") as archive:
        infos = archive.infolist()
        if len(infos) > limits.members:
            raise IngestError(f"the archive has {len(infos)} members; the limit is {limits.members}")
        for info in infos:
            name = PurePosixPath(info.filename.replace("\\", "/")).name
            if name.startswith(".") or not name.lower().endswith(".csv") or info.is_dir():  # which takes no empty name
                continue
            if trouble := name_trouble(name):
                raise IngestError(f"the name {name!a} in the archive {trouble}")
            # Only base names are used, so a member can't name a place; equal ones are told apart by number.
            place = f"{len(files):03d}-{name}"
            files[place] = folder / place
            with archive.open(info) as packed:
                room -= _copy(packed, files[place], packed_bytes=info.compress_size, room=room, limits=limits)
    if not files:
        if any(name.startswith("xl/") for name in archive.namelist()):
            raise IngestError("it is an Excel workbook; give the source a 'dest' that ends in .xlsx")
        raise IngestError("the archive holds no CSV file")
    return {"": next(iter(files.values()))} if len(files) == 1 else files


def _copy(packed: IO[bytes], target: Path, *, packed_bytes: int, room: int, limits: UnpackLimits) -> int:
    written = 0
    with target.open("wb") as sink:
        while chunk := packed.read(_CHUNK):
            written += len(chunk)
            if written > room:
                raise IngestError(f"more than {limits.unpacked_bytes:,} bytes when unpacked")
            if written > limits.ratio_from_bytes and written > limits.ratio * max(packed_bytes, 1):
                raise IngestError(f"unpacks to more than {limits.ratio} times its size")
            sink.write(chunk)
    return written


def _gzipped(plain: Path, folder: Path) -> Path:
    target = folder / "packed.csv.gz"
    with plain.open("rb") as source, target.open("wb") as raw, gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as sink:
        shutil.copyfileobj(source, sink)
    return target


def _check_rows(path: Path, encoding: str, mapping: Mapping | None) -> None:
    """Refuse a table without a row: what was there before is better than nothing."""
    raw = glance_at(path, name="the file", encoding=encoding, mapping=mapping)
    if next(records(raw), None) is None:
        raise IngestError("the file holds no row below its header")


def _check_csv(path: Path, encoding: str) -> None:
    codec = ENCODINGS[encoding]
    with path.open("rb") as handle:
        first = handle.read(_CHUNK)
        if kind := foreign_kind(first):
            raise IngestError(f"the file is {kind}, not a CSV")
        if not first.strip():
            raise IngestError("the file is empty")
        if codec == "utf-8-sig" and first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            codec = "utf-16"
        decoder = codecs.getincrementaldecoder(codec)("strict")
        position, chunk = 0, first
        try:
            while chunk:
                decoder.decode(chunk)
                position += len(chunk)
                chunk = handle.read(_CHUNK)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            raise IngestError(
                f"not {encoding}: wrong byte near position {position + error.start}; declare its 'encoding'"
            ) from error
