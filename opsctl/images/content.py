"""What an image is made of, as one hash: equal content needs no second build."""

from __future__ import annotations

import hashlib
from pathlib import Path

from opsctl.images.contract import shipped_files
from opsctl.images.layers import file_mode
from opsctl.images.names import ImageName
from opsctl.images.native import FORMAT


def content_key(root: Path, base: ImageName, platforms: tuple[str, ...]) -> str:
    """SHA-256 (hex) of everything that decides the image: files, base, platforms, how the builder works.

    Raises BuildError when set-up has not put the assets there.
    """
    digest = hashlib.sha256(f"{FORMAT}\0{base}\0{','.join(platforms)}\0".encode())
    for name, path in shipped_files(root):
        data = path.read_bytes()
        digest.update(f"{name}\0{file_mode(path):o}\0{len(data)}\0".encode())
        digest.update(data)
    return digest.hexdigest()


def content_tag(key: str) -> str:
    """The tag under which a registry knows this content."""
    return f"content-{key[:16]}"
