"""What the operating system refused: a sentence with the path and the reason, and what helps. It is no bug of opsctl.

Every OSError and UnicodeError that nobody nearer to it explains ends here, as does stdout's.
"""

from __future__ import annotations

import errno
import io
import os
import pwd
import stat
import traceback
from pathlib import Path
from types import FrameType

from opsctl.cli import output
from opsctl.errors import OpsctlError

_HINTS = {
    errno.ENOSPC: "Make room there (`df -h` shows where), then run it again.",
    errno.EDQUOT: "Your quota there is used up (`quota -s`): make room, then run it again.",
    errno.EFBIG: "Files may not get larger here (`ulimit -f`, or the file system): raise that, then run it again.",
    errno.EROFS: "The file system there is read-only: mount it for writing, or work in a copy elsewhere.",
    errno.ENOEXEC: "It is no program for this machine; a script needs a first line such as #!/bin/sh.",
    errno.EMFILE: "Too few files may be open at once: raise the limit with `ulimit -n 4096`, then run it again.",
    errno.ENFILE: "This machine has too many files open: end some programs, then run it again.",
    errno.ENOMEM: "This machine is out of memory: end some programs, then run it again.",
    errno.EIO: "The disk or its file system fails: see `dmesg`.",
    errno.ENAMETOOLONG: "Give it a shorter name, or work in a folder with a shorter path.",
    errno.ENOENT: "See whether it was deleted or moved, then run it again.",
    errno.EADDRINUSE: "Another program listens there: end it, then run it again.",
}
_REFUSED = (errno.EACCES, errno.EPERM)
_OF_DISKS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO, *_REFUSED)
"""What a write or a read can be refused with; others come from the network, which files are sent through."""
_AROUND = 60  # characters shown on each side of one that can't be written


def explained(error: OSError | UnicodeError) -> OpsctlError:
    """The error as a person sees it."""
    if isinstance(error, UnicodeError):
        return _not_text(error)
    reason = error.strerror or str(error) or type(error).__name__
    path = _named(error)
    if path is not None:
        hint = _HINTS.get(error.errno or 0, "") if error.errno not in _REFUSED else _permission(path)
        return OpsctlError(f"opsctl can't use {path}: {reason}.", code="system", hint=hint or "Look at what is there.")
    if _modules(error)[-1:] == ["typer"]:  # which prints nothing but help
        return output.unwritten(error)
    if error.errno == errno.ENOENT and not _here():
        return OpsctlError(
            "The folder in which opsctl was started is gone.", code="system", hint="Change to one that exists."
        )
    return OpsctlError(
        f"The system refused what opsctl asked of it: {reason}.", code="system", hint=_HINTS.get(error.errno or 0, "")
    )


def _named(error: OSError) -> Path | None:
    """The file it is about; of two (a rename, a link) the one that is to be made."""
    for name in (error.filename2, error.filename):
        if isinstance(name, (str, bytes)) and name:
            return Path(os.fsdecode(name))
    return _in_use(error) if error.errno in _OF_DISKS else None


def _in_use(error: OSError) -> Path | None:
    """The file that was read or written when the system refused more, which no error names: the innermost open one,
    of several one that is written.
    """
    for frame in reversed(_frames(error)):
        files = [each for each in frame.f_locals.values() if isinstance(each, io.IOBase)]
        names = {name: _mode(each) for each in files if isinstance(name := getattr(each, "name", None), (str, bytes))}
        if names:
            written = [name for name, mode in names.items() if set("wax+") & set(mode)]
            found = Path(os.fsdecode((written or list(names))[0]))
            return None if str(found).startswith("<") else found  # <stdout>, <stdin>
    return None


def _mode(file: io.IOBase) -> str:
    return str(getattr(file, "mode", ""))


def _permission(path: Path) -> str:
    """Who is in the way. A folder of another user among one's own is what `sudo` leaves behind."""
    there = [each for each in (path.absolute(), *path.absolute().parents) if os.path.lexists(each)]
    foreign: list[Path] = []
    for each in there:
        if each.lstat().st_uid == os.geteuid():
            break
        foreign.append(each)
    if not foreign:
        return f"Its mode is {stat.filemode(there[0].lstat().st_mode)}; change that with chmod, or work elsewhere."
    owner = _user(foreign[-1].lstat().st_uid)
    if len(foreign) == len(there):
        return f"It belongs to {owner}: ask for the right to use it, or work elsewhere."
    return f"{foreign[-1]} belongs to {owner}, as after sudo: `sudo chown -R {_user(os.geteuid())} {foreign[-1]}`."


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def _here() -> bool:
    try:
        os.getcwd()  # noqa: PTH109 - to see whether it can be asked
    except OSError:
        return False
    return True


def _not_text(error: UnicodeError) -> OpsctlError:
    if not isinstance(error, UnicodeEncodeError):
        path = _read(error)
        what = f"{path} is not UTF-8" if path else "Something that was read is not UTF-8"
        return OpsctlError(f"{what} ({error}).", code="not-utf-8", hint="Save it as UTF-8.")
    around = error.object[max(0, error.start - _AROUND) : error.end + _AROUND].strip("\0\n")
    if 0xDC80 <= ord(error.object[error.start]) <= 0xDCFF:
        return OpsctlError(f"{around} is no name in UTF-8.", code="not-utf-8", hint="Rename the file.")
    return OpsctlError(
        f"The locale's encoding, {error.encoding}, can't write {around}.",
        code="not-utf-8",
        hint="Set LC_ALL=C.UTF-8, then run it again.",
    )


def _read(error: UnicodeError) -> Path | None:
    """The file whose text was asked for: it stands in pathlib's frame alone."""
    owners = [frame.f_locals.get("self") for frame in _frames(error) if _module(frame) == "pathlib"]
    return next((each for each in reversed(owners) if isinstance(each, Path)), None)


def _modules(error: Exception) -> list[str]:
    return [_module(frame) for frame in _frames(error)]


def _module(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]


def _frames(error: Exception) -> list[FrameType]:
    """Where it came through, the innermost last."""
    return [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
