"""What lies in the layer, for an image and for processes on this machine, and the variable that switches it on."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path

from opsctl.config import naming

LAYER = naming.LAYER.removeprefix("/")
"""As archives name it."""
_FILES = Path(__file__).parent / "files"
_LICENCE = "LICENSE"


def files(certificates: Path | None) -> dict[str, bytes]:
    """Path in the image, without leading slash, and content of each file, sorted."""
    found = {f"{LAYER}/{path.relative_to(_FILES).as_posix()}": path.read_bytes() for path in _FILES.rglob("*.py")}
    found |= {f"{LAYER}/lib/whitenoise/{name}": content for name, content in _white_noise()}
    if certificates is not None:
        found[f"{LAYER}/rds.pem"] = certificates.read_bytes()
    return dict(sorted(found.items()))


def environment(existing: Mapping[str, str], folder: Path | None = None) -> dict[str, str]:
    """PYTHONPATH with the hook in front of what is there; `folder` is where `unpack` put the layer, if it did."""
    hook = f"{folder or naming.LAYER}/hook"
    before = existing.get("PYTHONPATH")
    # An empty element means the working directory, so it is kept.
    others = [each for each in before.split(os.pathsep) if each != hook] if before else []
    return {"PYTHONPATH": os.pathsep.join([hook, *others])}


def unpack(folder: Path, certificates: Path | None) -> Path:
    """Put the layer below `folder` for processes on this machine; returns what is `/opt/opsctl` in an image.

    Its name is a hash of its content, so any number of processes may do this at once and an older one keeps its own.
    """
    content = {name.removeprefix(f"{LAYER}/"): data for name, data in files(certificates).items()}
    digest = hashlib.sha256()
    for name, data in content.items():
        digest.update(f"{name}\0{len(data)}\0".encode() + data)
    target = folder / f"layer-{digest.hexdigest()[:16]}"
    if target.is_dir():
        return target
    folder.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=folder, prefix=".layer-"))
    try:
        for name, data in content.items():
            path = temporary / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        temporary.chmod(0o755)
        temporary.rename(target)
    except OSError:
        # Somebody else was faster: a folder that holds something is never replaced.
        if not target.is_dir():
            raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return target


def _white_noise() -> Iterator[tuple[str, bytes]]:
    """Name below `whitenoise/` and content, of the distribution that is installed beside opsctl."""
    for path in metadata.files("whitenoise") or []:
        if path.parts[0] == "whitenoise" and path.suffix == ".py":
            yield "/".join(path.parts[1:]), Path(str(path.locate())).read_bytes()
        elif path.name == _LICENCE:
            yield _LICENCE, Path(str(path.locate())).read_bytes()
