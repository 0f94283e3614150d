"""Files that no other user of this machine may read, whatever the umask: those in `.opsctl` and `~/.aws`.

Nothing beyond the standard library and `opsctl.errors`: the local target imports this on its fast path.
"""

from __future__ import annotations

import contextlib
import functools
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Literal

from opsctl.errors import OpsctlError

UMASK = 0o077
"""For a process all of whose files are private."""

Mode = Literal["w", "a"]

_FLAGS = {"w": os.O_TRUNC, "a": os.O_APPEND}
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def make_folder(path: Path) -> Path:
    """The folder, made with those above it that are missing, 0700 each. One that was there stays as it is."""
    try:
        path.mkdir(mode=0o700, exist_ok=True)
    except FileNotFoundError:
        make_folder(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)
    return path


@functools.cache
def state_folder(root: Path) -> Path:
    """`.opsctl` of a project, looked through once in a process. Raises OpsctlError when it, or what lies in it, is a
    link: a checkout can bring one, and what is written or deleted there would be another folder's.
    """
    folder = root / ".opsctl"
    inside: list[Path] = []
    if not folder.is_symlink():
        with contextlib.suppress(OSError):  # not there yet, or another user's: told when it is used
            inside = list(folder.iterdir())
    for path in (folder, *inside):
        if path.is_symlink():
            raise OpsctlError(
                f"{path} is a symbolic link, and opsctl would write and delete where it leads.",
                code="state-is-a-link",
                hint=f"Delete the link: rm {path}",
            )
    return folder


def open_file(path: Path, mode: Mode) -> IO[bytes]:
    """The file, opened to be written from its start or at its end, 0600 also when it was there with another mode. A
    link is not followed.
    """

    def opened(name: str, _flags: int) -> int:
        descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | _FLAGS[mode], 0o600)
        if stat.S_IMODE(os.fstat(descriptor).st_mode) != 0o600:  # a disk that is full may refuse even this
            os.fchmod(descriptor, 0o600)
        return descriptor

    # NOTE: by its path, not by the descriptor: what a full disk refuses is told by the file's name.
    return open(path, f"{mode}b", opener=opened)


def replace_file(path: Path, data: bytes) -> None:
    """Put a file there in one step: a reader or a `kill -9` sees the old file or the new one."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open_file(temporary, "w") as file:
            file.write(data)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        error.filename = error.filename or str(path)  # which a refused write does not tell
        raise


def tighten(folder: Path, *, but: frozenset[str] = frozenset()) -> None:
    """Take others' rights from a folder and all in it; of those called as in `but`, from the folder alone."""
    for path in (folder, *_below(folder, but)):
        close(path)


def close(path: Path) -> None:
    """Take others' rights from a file or folder, if it is there; what lies in a folder is out of their reach then."""
    with contextlib.suppress(OSError):  # gone by now, or another user's, who has to see to it
        mode = path.lstat().st_mode
        if mode & _OTHERS and not stat.S_ISLNK(mode):
            path.chmod(stat.S_IMODE(mode) & ~_OTHERS)


def _below(folder: Path, but: frozenset[str]) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        yield from (Path(place, name) for name in (*folders, *files))
        folders[:] = [name for name in folders if name not in but]
