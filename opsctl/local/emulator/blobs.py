"""Long values of bytes, above all layers of images, in files of their own beside a service's state.

In the state itself they would be encoded and written with every change: with one image of 100 MB that alone took half
a core while stacks were at work.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from opsctl import private

LEAST = 64 * 1024  # bytes; what is shorter stays in the state
_KEY = "__opsctl_blob__"


class Blobs:
    """Those of one service: files of `folder`, named by their SHA-256."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        # By identity, which holds as long as the value is kept here: a name is computed once.
        self._names: dict[int, tuple[bytes, str]] = {}
        self._used: dict[int, tuple[bytes, str]] = {}

    def begin(self) -> None:
        """The state is read from its start."""
        self._used = {}

    def reference(self, value: bytes) -> dict[str, str]:
        """What stands for it in the state; its file is there after this. Raises OSError."""
        known = self._names.get(id(value))
        name = known[1] if known else hashlib.sha256(value).hexdigest()
        if not known and not (self._folder / name).is_file():
            self._folder.mkdir(exist_ok=True)
            private.replace_file(self._folder / name, value)
        self._used[id(value)] = (value, name)
        return {_KEY: f"{self._folder.name}/{name}"}

    def sweep(self) -> None:
        """The state is written: remove the files that it doesn't name."""
        self._names = self._used
        if self._folder.is_dir():
            kept = {name for _value, name in self._names.values()}
            for path in self._folder.iterdir():
                if path.name not in kept:
                    path.unlink(missing_ok=True)


def resolve(persistence: Any, directory: Path) -> None:
    """Make ministack read what stands in `directory` for such values."""
    restore = persistence._json_object_hook

    def hook(read: dict[str, Any]) -> Any:
        return (directory / str(read[_KEY])).read_bytes() if _KEY in read else restore(read)

    persistence._json_object_hook = hook
