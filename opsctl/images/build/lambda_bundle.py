"""Build the DbInit Lambda's bundle: a zip of opsctl/dbroles and psycopg2, without docker and without a build step.

Same input, same bytes: entries are sorted, times and permissions fixed. `Bundle.sha256` covers names, permissions and
contents, not the compressed stream, so that two machines with different zlib versions agree on the artifact's key.

- target "local": psycopg2 of the running interpreter, because the emulator runs functions under its own.
- target "aws": the wheel that `dbroles/lambda-requirements.txt` locks by hash, downloaded once into `cache_dir`.

RDS's certificates go in as certs/rds.pem where they are beside opsctl; "aws" needs them.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, assert_never

import opsctl
from opsctl import room
from opsctl.errors import OpsctlError
from opsctl.images.limits import check_zip, zip_member
from opsctl.paths import certificates

Target = Literal["aws", "local"]
Architecture = Literal["x86_64", "arm64"]
Downloader = Callable[[Path, Path, Architecture], None]

RUNTIME_PYTHON = "3.13"
"""The Lambda runtime's version; the function's `Runtime` in the functions stack says the same."""

_PACKAGE = Path(opsctl.__file__).parent.parent
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip can hold
_FILE_MODE = 0o644
_LIBRARY_MODE = 0o755
_CERTIFICATE = "certs/rds.pem"
_DOWNLOAD_SECONDS = 180


class BundleError(OpsctlError):
    """The Lambda bundle can't be built."""

    code = "lambda-bundle"


@dataclass(frozen=True)
class Bundle:
    """A finished zip. `sha256` (hex) is its content hash and part of its file name."""

    path: Path
    sha256: str
    has_certificate: bool


def build_bundle(
    root: Path = _PACKAGE,
    *,
    target: Target,
    cache_dir: Path,
    certificate: Path | None = None,
    architecture: Architecture = "x86_64",
    download: Downloader | None = None,
) -> Bundle:
    """Build the bundle from the opsctl package below `root`, or find it in `cache_dir` if it was built before.

    Raises BundleError when psycopg2 or, for AWS, the CA bundle can't be had.
    """
    files = dict(_package_files(root))
    match target:
        case "local":
            files |= dict(_installed_psycopg2())
        case "aws":
            files |= _wheel_files(_wheel(root, cache_dir, architecture, download or download_wheel))
        case _:
            assert_never(target)
    certificate = certificate or certificates()
    if certificate is not None and certificate.is_file():
        files[_CERTIFICATE] = certificate.read_bytes()
    elif target == "aws":
        raise BundleError(
            "The certificates of RDS are not beside opsctl, so the function could not verify the database.",
            hint="Run make setup, which puts them there.",
        )
    digest = content_hash(files)
    path = cache_dir / f"db-init-{target}-{digest[:32]}.zip"
    if not path.is_file():
        _write(path, files)
    return Bundle(path, digest, _CERTIFICATE in files)


def content_hash(files: Mapping[str, bytes]) -> str:
    """SHA-256 over names, permissions and contents, in the order of the names."""
    digest = hashlib.sha256()
    for name in sorted(files):
        head = f"{name}\0{_mode(name):o}\0{len(files[name])}\0"
        digest.update(head.encode())
        digest.update(files[name])
    return digest.hexdigest()


def download_wheel(lock: Path, directory: Path, architecture: Architecture) -> None:
    """Let pip download the locked wheel into `directory`. Raises BundleError with pip's last line."""
    machine = "aarch64" if architecture == "arm64" else "x86_64"
    command = [
        sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
        "--require-hashes", "--only-binary=:all:", "--implementation=cp", f"--python-version={RUNTIME_PYTHON}",
        # Python 3.13 runs on Amazon Linux 2023 (glibc 2.34), so both names of a platform fit.
        f"--platform=manylinux_2_28_{machine}", f"--platform=manylinux2014_{machine}",
        f"--dest={directory}", f"--requirement={lock}",
    ]  # fmt: skip
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=_DOWNLOAD_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BundleError(
            f"pip did not download psycopg2 for Lambda ({type(error).__name__}).", hint="Check the network."
        ) from error
    if done.returncode != 0:
        lines = [line for line in done.stderr.strip().splitlines() if line.strip()]
        raise BundleError(
            f"pip could not download psycopg2 for Lambda: {lines[-1] if lines else 'it gave no reason'}",
            hint=room.hint(done.stderr)
            or "Check that this Python has pip and reaches a package index, then try again.",
        )


def _package_files(root: Path) -> Iterator[tuple[str, bytes]]:
    """opsctl/__init__.py and the sources of opsctl/dbroles, nothing else of opsctl."""
    sources = [root / "opsctl" / "__init__.py", *(root / "opsctl" / "dbroles").rglob("*.py")]
    for path in sources:
        yield path.relative_to(root).as_posix(), path.read_bytes()


def _installed_psycopg2() -> Iterator[tuple[str, bytes]]:
    spec = find_spec("psycopg2")
    if spec is None or spec.origin is None:
        raise BundleError("psycopg2 is not installed beside opsctl.", hint="Run make setup.")
    site = Path(spec.origin).parent.parent
    # The wheel keeps the libraries it brings along (libpq, OpenSSL) in a folder of their own beside the package.
    for name in ("psycopg2", "psycopg2_binary.libs"):
        for path in (site / name).rglob("*"):
            if path.is_file() and _belongs(path.name) and "__pycache__" not in path.parts:
                yield path.relative_to(site).as_posix(), path.read_bytes()


def _belongs(name: str) -> bool:
    return name.endswith(".py") or ".so" in name


def _wheel(root: Path, cache_dir: Path, architecture: Architecture, download: Downloader) -> Path:
    """The locked wheel, from the cache or downloaded; its hash is checked either way."""
    lock = root / "opsctl" / "dbroles" / "lambda-requirements.txt"
    text = lock.read_text(encoding="utf-8")
    locked = set(re.findall(r"--hash=sha256:([0-9a-f]{64})", text))
    key = hashlib.sha256(text.encode()).hexdigest()[:16]
    store = cache_dir / "wheels" / f"{key}-{architecture}"
    found = _locked_wheel(store, locked)
    if found is None:
        store.mkdir(parents=True, exist_ok=True)
        download(lock, store, architecture)
        found = _locked_wheel(store, locked)
    if found is None:
        raise BundleError(
            f"No downloaded wheel has a hash that {lock.name} locks.", hint=f"Remove {store} and try again."
        )
    return found


def _locked_wheel(store: Path, locked: set[str]) -> Path | None:
    for path in sorted(store.glob("*.whl")):
        if hashlib.sha256(path.read_bytes()).hexdigest() in locked:
            return path
    return None


def _wheel_files(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        check_zip(archive, wheel.name, wheel.stat().st_size)
        wanted = [entry for entry in archive.infolist() if _belongs(entry.filename.rpartition("/")[2])]
        return {entry.filename: zip_member(archive, entry) for entry in wanted}


def _mode(name: str) -> int:
    return _LIBRARY_MODE if ".so" in name.rpartition("/")[2] else _FILE_MODE


def _write(path: Path, files: Mapping[str, bytes]) -> None:
    """Write beside the target and rename: another process never sees half a zip."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
    os.close(handle)
    temporary = Path(name)
    try:
        with temporary.open("wb") as stream, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            for each in sorted(files):
                entry = zipfile.ZipInfo(each, _EPOCH)
                entry.create_system = 3  # Unix, so that the permissions count
                entry.external_attr = (0o100000 | _mode(each)) << 16
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, files[each], compresslevel=6)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
