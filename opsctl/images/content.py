"""What an image is made of, as one hash: equal content needs no second build."""

from __future__ import annotations

import hashlib
import os
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from opsctl.images.contract import shipped_files
from opsctl.images.layers import file_mode
from opsctl.images.names import ImageName

# What decides the bytes of an image: another line in one of these may make another image of the same files.
BUILDER = ("base", "contract", "interpreter", "layers", "native", "store", "wheels")


def content_key(root: Path, base: ImageName, platforms: tuple[str, ...]) -> str:
    """SHA-256 (hex) of everything that decides the image: files, base, platforms, and the code of the builder.

    Raises BuildError when set-up has not put the assets there.
    """
    digest = hashlib.sha256(f"{builder_digest()}\0{base}\0{','.join(platforms)}\0".encode())
    for name, path in shipped_files(root):
        data = path.read_bytes()
        digest.update(os.fsencode(f"{name}\0{file_mode(path):o}\0{len(data)}\0"))
        digest.update(data)
    return digest.hexdigest()


def builder_digest(sources: Traversable | None = None) -> str:
    """SHA-256 (hex) of the builder's own sources, so that nobody has to count its versions."""
    folder = sources or resources.files("opsctl.images")
    digest = hashlib.sha256()
    for name in BUILDER:
        data = folder.joinpath(f"{name}.py").read_bytes()
        digest.update(f"{name}\0{len(data)}\0".encode() + data)
    return digest.hexdigest()


def content_tag(key: str) -> str:
    """The tag under which a registry knows this content."""
    return f"content-{key[:16]}"
