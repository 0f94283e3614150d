"""Locked wheels, for the platform of the image instead of this machine's, unpacked as pip would.

pip downloads and checks the hashes; unpacking is ours, since pip installs for the interpreter it runs under.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from opsctl import room
from opsctl.images.caching import whole_folder
from opsctl.images.errors import BuildError
from opsctl.images.limits import check_zip, zip_member

_SECONDS = 600
# One requirement with the lines that belong to it.
_BLOCK = re.compile(r"^[A-Za-z0-9][^\n]*(?:\n[ \t#][^\n]*)*\n?", re.MULTILINE)
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
# glibc 2.28 is older than that of every base that carries Python 3.13; pip wants each acceptable name spelled out.
_GLIBCS = ("manylinux_2_28", "manylinux_2_27", "manylinux_2_26", "manylinux_2_24", "manylinux_2_17", "manylinux2014")
_MACHINES = {"linux/amd64": "x86_64", "linux/arm64": "aarch64"}
PLATFORMS = tuple(_MACHINES)
"""Platforms for which packages publish wheels and AWS runs tasks."""

Downloader = Callable[[Path, Path, str, str], None]
"""`(lock, folder, platform, python version)` puts the wheels of a lock into a folder."""


def locked_wheels(
    lock: Path, cache: Path, platform: str, python: str, download: Downloader | None = None
) -> tuple[Path, ...]:
    """The wheels that a lock file has hashes of, sorted by name; downloaded once per lock, platform and Python.

    Raises BuildError when pip can't get them, or a file is none that the lock names.
    """
    text = hashed_lines(wanted_lines(lock.read_text(encoding="utf-8"), platform, python))
    if not text:
        return ()
    key = hashlib.sha256(f"{text}\0{platform}\0{python}".encode()).hexdigest()[:20]
    folder = cache / "wheels" / key
    if not folder.is_dir():
        with whole_folder(folder) as partial, tempfile.TemporaryDirectory(prefix="opsctl-lock-") as temporary:
            filtered = Path(temporary, lock.name)
            filtered.write_text(text, encoding="utf-8")
            (download or pip_download)(filtered, partial, platform, python)
    os.utime(folder)
    wheels = tuple(sorted(folder.glob("*.whl")))
    allowed = set(_HASH.findall(text))
    strange = [wheel.name for wheel in wheels if _sha256(wheel) not in allowed]
    if strange or not wheels:
        raise BuildError(
            f"Wheels in {folder} are not those that {lock.name} locks: {', '.join(strange) or 'there are none'}.",
            hint=f"Remove {folder} and build again.",
        )
    return wheels


def wanted_lines(text: str, platform: str, python: str) -> str:
    """The lock without what is for other systems: pip judges markers by the machine that it runs on."""
    from packaging.markers import Marker

    environment = {
        "python_version": python, "python_full_version": f"{python}.0", "sys_platform": "linux", "os_name": "posix",
        "platform_system": "Linux", "platform_machine": _MACHINES.get(platform, ""), "implementation_name": "cpython",
        "platform_python_implementation": "CPython", "extra": "",
    }  # fmt: skip
    kept = []
    for block in _BLOCK.findall(text):
        head = block.split("\n", 1)[0].rstrip(" \\")
        marker = head.partition(" ; ")[2]
        if marker and not Marker(marker).evaluate(environment):
            continue
        kept.append(block.replace(f" ; {marker}", "", 1) if marker else block)
    return "".join(kept)


def hashed_lines(text: str) -> str:
    """The lock without what stands at a commit of a Git repository, which is built instead of downloaded."""
    return "".join(block for block in _BLOCK.findall(text) if " @ git+" not in block)


def pip_download(lock: Path, folder: Path, platform: str, python: str) -> None:
    """Let this interpreter's pip download. Raises BuildError with pip's own last lines."""
    machine = _MACHINES.get(platform)
    if machine is None:
        raise BuildError(f"There are no images for {platform}.", hint=f"Choose from {', '.join(PLATFORMS)}.")
    command = [
        sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
        "--require-hashes", "--only-binary=:all:", "--implementation=cp", f"--python-version={python}",
        *(f"--platform={glibc}_{machine}" for glibc in _GLIBCS), f"--dest={folder}", f"--requirement={lock}",
    ]  # fmt: skip
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, encoding="utf-8", errors="replace", timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BuildError(
            f"pip did not download the application's packages ({type(error).__name__}).", hint="Check the network."
        ) from error
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        raise BuildError(
            f"pip could not download the application's packages for {platform}: {lines[-1] if lines else 'no reason'}",
            hint=room.hint(done.stderr)
            or "Check that a package index can be reached, and that every locked package has a wheel for it.",
            detail=tuple(lines[-10:-1]),
        )


def unpack(wheels: tuple[Path, ...], site: Path) -> None:
    """Unpack wheels into site-packages. Scripts are left out: those that are announced are written anew."""
    made: set[Path] = set()
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            check_zip(archive, wheel.name, wheel.stat().st_size)
            for info in archive.infolist():
                target = _place(info.filename)
                if target is None or info.is_dir():
                    continue
                path = site / target
                if path.parent not in made:  # asking the disk for each of thousands of files takes seconds
                    path.parent.mkdir(parents=True, exist_ok=True)
                    made.add(path.parent)
                path.write_bytes(zip_member(archive, info))
                if info.external_attr >> 16 & 0o100:
                    path.chmod(0o755)


def _place(name: str) -> PurePosixPath | None:
    """Where a file of a wheel goes below site-packages; None when it is not installed."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise BuildError(f"A wheel holds the path {name}, which leaves its folder.")
    if path.parts[0].endswith(".data"):
        return PurePosixPath(*path.parts[2:]) if path.parts[1] in {"purelib", "platlib"} else None
    return path


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
