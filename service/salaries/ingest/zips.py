"""Zips, opened so that their members can be unpacked in small parts: archives that are received, and workbooks."""

from __future__ import annotations

import errno
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from salaries.ingest.errors import IngestError


@contextmanager
def opened_zip(path: Path, name: str, remedy: str) -> Iterator[zipfile.ZipFile]:
    """Open a zip to read it. Its list may name places before the file's beginning, which only the disk refuses.

    Args:
        path: the file.
        name: what it is called in an error.
        remedy: what its owner can do about a method that is not read.

    Raises:
        BadZipFile: it is none, or damaged.
        IngestError: a member is packed by bzip2 or LZMA, which Python unpacks as far as they go, a kilobyte to a
            gigabyte, before anybody could count; or by a method that it does not know.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            for each in archive.infolist():
                if each.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
                    raise IngestError(
                        f"{name} holds {each.filename!a}, which is packed by another method than deflate; {remedy}"
                    )
            yield archive
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        raise zipfile.BadZipFile("it names places outside itself") from error
