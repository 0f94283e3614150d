"""Where the local target keeps its files, and how they are written.

One directory, `<root>/.opsctl/local/`, holds everything: deleting it is a complete clean-up, because every process
of the target stops when it vanishes. Nothing beyond the standard library and `opsctl.errors`: `target` imports this on
its fast path.
"""

from __future__ import annotations

import errno
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opsctl import private

Json = dict[str, Any]
_MANY_FILES = frozenset({"images", "environments", "layers", "cache"})


@dataclass(frozen=True)
class StateDir:
    """Names of everything under `.opsctl/local/`."""

    path: Path

    @classmethod
    def of(cls, root: Path) -> StateDir:
        return cls(private.state_folder(root.resolve()) / "local")

    @property
    def lock(self) -> Path:
        return self.path / "lock"

    @property
    def ports(self) -> Path:
        """`{"emulator": port, "postgres": port}`, written by the starter and kept for the next start."""
        return self.path / "ports.json"

    @property
    def key(self) -> Path:
        """`{"id", "secret"}` of the access key that the emulator asks for; see `keys`."""
        return self.path / "key.json"

    @property
    def runtime(self) -> Path:
        """`{"runtime", "engine"}`: what its tasks are, from the first start on; see `runtime.recorded`."""
        return self.path / "runtime.json"

    @property
    def emulator(self) -> Path:
        """`{"pid", "started", "version"}` of the running emulator, written by itself."""
        return self.path / "emulator.json"

    @property
    def refusal(self) -> Path:
        """`{"message", "hint"}`: why the emulator that was started last ended at once, written by itself."""
        return self.path / "refusal.json"

    @property
    def postgres(self) -> Path:
        """`{"pid", "started"}` of the first PostgreSQL server."""
        return self.path / "postgres.json"

    @property
    def listeners(self) -> Path:
        """`{"<load balancer DNS name>:<listener port>": loopback port}`."""
        return self.path / "listeners.json"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def servers(self) -> Path:
        """Which PostgreSQL server holds which DB instance: see `servers.Servers`."""
        return self.path / "servers.json"

    @property
    def aws(self) -> Path:
        return self.path / "aws"

    @property
    def objects(self) -> Path:
        return self.path / "s3"

    @property
    def images(self) -> Path:
        return self.path / "images"

    @property
    def volumes(self) -> Path:
        return self.path / "volumes"

    @property
    def tasks(self) -> Path:
        return self.path / "tasks"

    @property
    def temporary(self) -> Path:
        return self.path / "tmp"

    def create(self) -> None:
        """Make the directory."""
        private.make_folder(self.path)  # by itself: a refusal names it, not what would lie in it
        for each in (self.logs, self.aws, self.objects, self.images, self.volumes, self.tasks, self.temporary):
            private.make_folder(each)

    def refuse_foreign(self) -> None:
        """Raise the OSError that making it would meet, for whoever makes nothing: another user's folder, a file, or a
        file system that is read-only.
        """
        nearest = next(each for each in (self.path, *self.path.parents) if each.exists())
        if not nearest.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(self.path))
        if not os.access(nearest, os.W_OK | os.X_OK):
            number = errno.EROFS if os.statvfs(nearest).f_flag & os.ST_RDONLY else errno.EACCES
            raise OSError(number, os.strerror(number), str(self.path))

    def tighten(self) -> None:
        """Close what an earlier version left open to other users of this machine.

        Images and environments are copies of what lies open in the checkout, and many files: their folders are closed.
        """
        private.tighten(self.path.parent, but=_MANY_FILES)


def read_json(path: Path) -> Json:
    """The object in `path`; empty when the file is missing or was cut off."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def write_json(path: Path, value: Json) -> None:
    """Replace `path` in one step."""
    private.replace_file(path, json.dumps(value, sort_keys=True).encode())
