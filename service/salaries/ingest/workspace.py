"""Scratch files under DATA_DIR, files that are replaced whole, and names that files may have.

A killed process may leave scratch behind; the next run sweeps it. Readers only ever see the old or the new file.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import tempfile
import unicodedata
from collections.abc import Iterator
from pathlib import Path

_SCRATCH = "tmp"
# Control characters, line and paragraph separators; what stands for a byte that is not UTF-8.
_CONTROLS, _NOT_UTF8 = ("Cc", "Zl", "Zp"), "Cs"


@contextlib.contextmanager
def scratch(data_dir: Path, purpose: str) -> Iterator[Path]:
    """Yield an empty folder of this run; folders whose owner is gone are removed first.

    Each folder is held by a lock on its `lock` file, which the kernel drops when its process dies, however it dies.
    """
    parent = data_dir / _SCRATCH
    with contextlib.ExitStack() as stack:
        # Between making a folder and locking it another run could sweep it, hence one lock around both.
        with exclusive(data_dir / ".scratch.lock"):
            parent.mkdir(exist_ok=True)
            _sweep(parent)
            folder = Path(tempfile.mkdtemp(prefix=f"{purpose}-", dir=parent))
            lock = stack.enter_context((folder / "lock").open("w", encoding="utf-8"))
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            yield folder
        finally:
            with exclusive(data_dir / ".scratch.lock"):
                shutil.rmtree(folder, ignore_errors=True)
                with contextlib.suppress(OSError):
                    parent.rmdir()


def _sweep(parent: Path) -> None:
    """Remove the folders of dead runs. One without a lock file is dead too: cut at birth, or in death."""
    for folder in parent.iterdir():
        try:
            with (folder / "lock").open("r", encoding="utf-8") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        except FileNotFoundError:
            pass
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold the lock file `path`, waiting for its holder; the kernel drops it when the process dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def name_trouble(name: str) -> str:
    """Return why nobody could tell, log or list a file of this name, as the end of a sentence; "" when one can."""
    kinds = {unicodedata.category(character) for character in name}
    if _NOT_UTF8 in kinds:
        return "is not valid UTF-8"
    return "" if kinds.isdisjoint(_CONTROLS) else "holds a control character"


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal digits."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def replace_file(temporary: Path, target: Path) -> None:
    """Put `temporary` in place of `target` so that a reader, or a power cut, finds one of the two whole."""
    with temporary.open("rb") as handle:
        os.fsync(handle.fileno())
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary.replace(target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
