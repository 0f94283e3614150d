"""The exported dashboard on its way from the task that makes it: one archive in the dataset bucket, so that two exports
at once never mix, and its files in a folder here.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

from opsctl.errors import OpsctlError
from opsctl.images.limits import check_zip, zip_member
from opsctl.operate.publishing import PAGE, is_hashed

# ValueError: of places before the archive's beginning, and of names that are no UTF-8.
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError)
_NAME = re.compile(r"(data/)?[0-9a-z][0-9a-z.-]*")


@dataclass(frozen=True, slots=True)
class Unpacked:
    """What an export wrote."""

    files: int
    size: int


def unpack(archive: bytes, folder: Path, filename: str = PAGE) -> Unpacked:
    """Write the files to `folder`, the page last and as `filename`; then drop files of an earlier export."""
    bodies = _bodies(archive)
    try:
        _write(bodies, folder, filename)
    except OSError as error:
        raise OpsctlError(
            f"{error.filename2 or error.filename or folder} can't be written: {error.strerror}.",
            code="not-written",
            hint="Choose another --output-dir or --filename.",
        ) from error
    return Unpacked(len(bodies), sum(len(body) for body in bodies.values()))


def _bodies(archive: bytes) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as found:
            check_zip(found, "The archive of the site", len(archive))
            bodies = {entry.filename: zip_member(found, entry) for entry in found.infolist()}
    except _DAMAGED as error:
        raise _strange(str(error)) from error
    names = sorted(name for name in bodies if not _NAME.fullmatch(name))
    if names:
        raise _strange(names[0])
    if PAGE not in bodies:
        raise _strange(f"it has no {PAGE}")
    return bodies


def _strange(why: str) -> OpsctlError:
    return OpsctlError(
        f"The archive is no exported dashboard ({why}).",
        code="bad-bundle",
        hint="Deploy the current release, then export again.",
    )


def _write(bodies: dict[str, bytes], folder: Path, filename: str) -> None:
    (folder / "data").mkdir(parents=True, exist_ok=True)
    for name in sorted(bodies, key=lambda name: name == PAGE):
        _replace(folder / (filename if name == PAGE else name), bodies[name])
    for path in [*folder.glob("*"), *(folder / "data").glob("*")]:
        name = path.relative_to(folder).as_posix()
        if is_hashed(name) and name not in bodies:
            path.unlink()


def _replace(path: Path, body: bytes) -> None:
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(body)
    partial.replace(path)
