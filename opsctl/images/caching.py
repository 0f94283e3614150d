"""Folders of a cache: there whole or not at all, and not for ever."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_KEEP = 4
_ABANDONED_SECONDS = 3600.0  # age at which what another build makes belongs to nobody any more


@contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """A folder to fill, which becomes `target` when the block ends well. Another build may have been faster."""
    partial = target.with_name(f".{target.name}.{os.getpid()}.{threading.get_ident()}")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
        try:
            partial.rename(target)
        except OSError:
            if not target.is_dir():
                raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def prune(folder: Path, keep: int = _KEEP) -> None:
    """Remove all but the `keep` folders that were used last, and what an interrupted build left."""
    if not folder.is_dir():
        return
    found = sorted(folder.iterdir(), key=lambda each: each.stat().st_mtime, reverse=True)
    finished = [each for each in found if not each.name.startswith(".")]
    left = [each for each in found if each.name.startswith(".")]
    old = [each for each in left if time.time() - each.stat().st_mtime > _ABANDONED_SECONDS]
    for each in [*finished[keep:], *old]:
        shutil.rmtree(each, ignore_errors=True)
