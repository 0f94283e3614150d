"""Whether a disk has room and runs programs, asked before what takes long: one that fills up in the middle costs
minutes and leaves half-made things, and of one that runs no programs the linker says what nobody understands.

An estimate, not a promise: whoever writes meets the end of the disk, or of a quota, all the same (`cli/system.py`).
"""

from __future__ import annotations

import errno
import os
import re
import shutil
from pathlib import Path

from opsctl.errors import OpsctlError

LOCAL_TARGET = 150 * 1024**2
"""Bytes that a new local target fills: PostgreSQL's first files, the emulator's state, logs."""
ENVIRONMENT = 300 * 1024**2
"""Bytes of an application's packages, installed for processes of this machine."""
IMAGE = 500 * 1024**2
"""Bytes of an image in the store, with its base and the caches of the build."""
SCRATCH = 100 * 1024**2
"""Bytes that a build puts into the folder for temporary files."""

# In the words of C's library and of Rust's, as in uv.
_TOLD = (
    (r"No space left on device|os error 28\b", "Make room on the disk (`df -h` shows where), then run it again."),
    (r"Disk quota exceeded|os error 122\b", "Your quota there is used up (`quota -s`): make room, then run it again."),
    (r"Read-only file system|os error 30\b",
     "The file system there is read-only: mount it for writing, or work in a copy elsewhere."),
    (r"Permission denied \(os error 13\)",
     "Its owner or its mode keeps you out, or it is mounted noexec: `ls -ld` and `findmnt -T` show which."),
)  # fmt: skip


def require(folder: Path, size: int, what: str) -> None:
    """Raise OpsctlError when the file system of `folder`, which need not be there yet, has less than `size` bytes, and
    OSError where nothing can be written.
    """
    require_writable(folder)
    try:
        found = shutil.disk_usage(_there(folder))
    except OSError:  # told by whoever uses it
        return
    if found.total and found.free < size:  # some file systems count nothing
        raise OpsctlError(
            f"{what} needs about {_size(size)} in {folder}, and {_size(found.free)} are free there.",
            code="no-room",
            hint="Make room there (`df -h` shows where), then run it again.",
        )


def require_programs(folder: Path, what: str) -> None:
    """Raise OpsctlError when nothing can be run from the file system of `folder`, which need not be there yet."""
    try:
        flags = os.statvfs(_there(folder)).f_flag
    except OSError:  # told by whoever uses it
        return
    if flags & getattr(os, "ST_NOEXEC", 0):
        raise OpsctlError(
            f"{what} runs programs from {folder}, and its file system is mounted noexec.",
            code="no-programs",
            hint="Work in a copy elsewhere, or mount it with exec (`findmnt -T` names the mount).",
        )


def require_writable(folder: Path) -> None:
    """Raise what making a file in `folder`, which need not be there yet, would raise where nobody may."""
    there = _there(folder)
    if os.access(there, os.W_OK):
        return
    read_only = os.statvfs(there).f_flag & getattr(os, "ST_RDONLY", 0)
    refused = errno.EROFS if read_only else errno.EACCES
    raise OSError(refused, os.strerror(refused), str(folder))


def _there(folder: Path) -> Path:
    """The folder, or the nearest above it that is there."""
    path = folder.absolute()
    return next((each for each in (path, *path.parents) if os.path.lexists(each)), path)


def hint(text: str) -> str:
    """What helps where another program's last words say that the system refused it something; "" for any others."""
    return next((what for pattern, what in _TOLD if re.search(pattern, text)), "")


def _size(size: int) -> str:
    return f"{size / 1024**2:.0f} MiB"
