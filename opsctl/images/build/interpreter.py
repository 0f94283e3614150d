"""Running the base image's own Python without a container, to compile byte code and collect static files for it.

Byte code fits one version of Python only, and a container on a read-only root can't write its own: without it every
start compiles Django and boto3 again. The base's files are unpacked once into the cache, and its dynamic loader starts
its interpreter with its libraries. That needs Linux and a base for this machine's processor; byte code itself is the
same for all processors, so images for others are compiled with it too.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from opsctl.images.caching import whole_folder
from opsctl.images.errors import BuildError, last_words
from opsctl.images.oci.base import Base, clean

_LOADERS = {"linux/amd64": "lib64/ld-linux-x86-64.so.2", "linux/arm64": "lib/ld-linux-aarch64.so.1"}
_TRIPLES = {"linux/amd64": "x86_64-linux-gnu", "linux/arm64": "aarch64-linux-gnu"}
_WANTED = ("usr/bin", "usr/lib", "usr/lib64", "usr/local", "lib", "lib64", "bin", "etc/ld.so.conf.d")
_SECONDS = 600


@dataclass(frozen=True)
class Interpreter:
    """The Python of an unpacked base."""

    root: Path
    platform: str
    python: PurePosixPath

    @classmethod
    def unpacked(cls, base: Base, cache: Path) -> Interpreter:
        """Unpack the base, or find it unpacked."""
        root = cache / "bases" / base.digest.removeprefix("sha256:")[:20]
        if not root.is_dir():
            with whole_folder(root) as partial:
                for layer in base.layers:
                    with base.open(layer) as archive:
                        _unpack(archive, partial)
        os.utime(root)
        return cls(root, base.platform, base.python)

    def run(self, arguments: list[str], *, cwd: Path, environment: Mapping[str, str]) -> str:
        """Run it; answers what it printed. Raises BuildError with its last lines."""
        relative = self.python.relative_to("/")
        folders = [f"usr/local/lib/{_TRIPLES[self.platform]}", "usr/local/lib", f"lib/{_TRIPLES[self.platform]}",
                   f"usr/lib/{_TRIPLES[self.platform]}", "usr/lib", "lib"]  # fmt: skip
        command = [
            str(self.root / _LOADERS[self.platform]), "--library-path", ":".join(str(self.root / f) for f in folders),
            "--argv0", str(self.root / relative), str(self.root / relative), *arguments,
        ]  # fmt: skip
        given = {
            "PYTHONHOME": str(self.root / relative.parent.parent), "PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8",
            "PATH": "/usr/bin:/bin", "PYTHONNOUSERSITE": "1", **environment,
        }  # fmt: skip
        try:
            done = subprocess.run(
                command,
                cwd=cwd,
                env=given,
                capture_output=True,
                text=True,
                encoding="utf-8",
                errors="replace",
                timeout=_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise BuildError(
                f"The base image's Python does not run on this machine ({error}).",
                hint="The native engine needs Linux; build with --engine docker here.",
            ) from error
        if done.returncode:
            lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
            raise BuildError(
                f"`python {shlex.join(arguments[:3])}` of the base image failed with {done.returncode}"
                f"{last_words(lines)}.",
                detail=tuple(lines[-15:]),
            )
        return done.stdout


def compile_tree(interpreter: Interpreter, folder: Path, installed: str) -> None:
    """Write byte code for every module of a folder that will be `installed` there.

    Byte code that is never checked against its source holds no time, so it is the same every time.
    """
    interpreter.run(
        ["-I", "-m", "compileall", "-q", "-f", "--invalidation-mode", "unchecked-hash", "-s", str(folder), "-p",
         installed, str(folder)],
        cwd=folder, environment={},
    )  # fmt: skip


def _unpack(archive: tarfile.TarFile, root: Path) -> None:
    """What an interpreter needs of a layer. Nothing is written outside `root`, through links neither."""
    for member in archive:
        name = clean(member.name)
        if member.name.startswith("/") or ".." in name.split("/"):
            raise _leads_out(member.name)
        if not any(name == wanted or name.startswith(f"{wanted}/") for wanted in _WANTED):
            continue
        target = root / name
        if not target.parent.resolve().is_relative_to(root.resolve()):
            raise _leads_out(name)
        if target.name.startswith(".wh."):
            hidden = target.name.removeprefix(".wh.")
            if hidden in {"", ".", ".."}:
                raise _leads_out(name)
            gone = target.with_name(hidden)
            shutil.rmtree(gone) if gone.is_dir() and not gone.is_symlink() else gone.unlink(missing_ok=True)
        elif member.isdir():
            target.mkdir(parents=True, exist_ok=True)
        elif member.issym():
            _link(target, _inside(root, target, _within(name, member.linkname)))
        elif member.islnk():
            _link(target, os.path.relpath(root / clean(_within(name, f"/{member.linkname}")), target.parent))
        elif member.isfile():
            _write(archive, member, target)
        else:
            raise BuildError(f"The base image holds {name}, which is a device or a pipe.", code="image-unsafe")


def _within(name: str, link: str) -> str:
    """A link's text, when it doesn't climb higher than the root that it lies in."""
    depth = 0 if link.startswith("/") else name.count("/")
    for part in link.split("/"):
        depth += {"": 0, ".": 0, "..": -1}.get(part, 1)
        if depth < 0:
            raise _leads_out(f"{name} → {link}")
    return link


def _leads_out(name: str) -> BuildError:
    return BuildError(f"The base image holds {name}, which leads out of it.", code="image-unsafe")


def _write(archive: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    stream = archive.extractfile(member)
    with target.open("wb") as copy:
        if stream is not None:
            shutil.copyfileobj(stream, copy)
    target.chmod(member.mode & 0o755 | 0o600)


def _inside(root: Path, target: Path, link: str) -> str:
    """A link's text, absolute ones made relative to the unpacked root."""
    return os.path.relpath(root / link.lstrip("/"), target.parent) if link.startswith("/") else link


def _link(target: Path, text: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.is_dir() and not target.is_symlink():
        return
    target.unlink(missing_ok=True)
    target.symlink_to(text)
