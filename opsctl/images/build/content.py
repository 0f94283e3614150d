"""What an image is made of, as one hash: equal content needs no second build."""

from __future__ import annotations

import hashlib
import json
from importlib import resources
from importlib.resources.abc import Traversable

from opsctl.images.build.contract import own_layer
from opsctl.images.checkout.project import Project
from opsctl.images.names import ImageName
from opsctl.images.oci.layers import file_mode
from opsctl.images.python.harmless import build_environment

# What decides the bytes of an image: another line in one of these may make another image of the same files.
BUILDER = (
    "build/commands", "build/contract", "build/interpreter", "build/native", "oci/base", "oci/layers", "oci/store",
    "python/commits", "python/harmless", "python/pythons", "python/uv", "python/wheels",
)  # fmt: skip


def content_key(project: Project, requirements: str, base: ImageName | None, platforms: tuple[str, ...]) -> str:
    """SHA-256 (hex) of everything that decides the image: files, requirements, what the application says of its build,
    base, platforms, opsctl's layer, and the code of the builder.

    Raises BuildError when something included, or the certificates, are missing.
    """
    digest = hashlib.sha256(f"{builder_digest()}\0{base}\0{','.join(platforms)}\0{_said(project)}\0".encode())
    digest.update(requirements.encode() + b"\0")
    for entry in own_layer():
        digest.update(f"{entry.path}\0".encode() + (entry.data or b""))
    for name, path in project.files:
        data = path.read_bytes()
        digest.update(f"{name}\0{file_mode(path):o}\0{len(data)}\0".encode())
        digest.update(data)
    return digest.hexdigest()


def _said(project: Project) -> str:
    """What of the application block gets into an image: values of an environment do not."""
    application = project.application
    said = {
        "commands": None if application.dockerfile or application.image else application.build.commands,
        "environment": build_environment(application),
        "dockerfile": application.dockerfile,
        "target": application.target,
        "args": application.args,
        "image": application.image,
    }
    return json.dumps(said, sort_keys=True)


def builder_digest(sources: Traversable | None = None) -> str:
    """SHA-256 (hex) of the builder's own sources, so that nobody has to count its versions."""
    folder = sources or resources.files("opsctl.images")
    digest = hashlib.sha256()
    for name in BUILDER:
        data = folder.joinpath(f"{name}.py").read_bytes()
        digest.update(f"{name}\0{len(data)}\0".encode() + data)
    for each in sorted(resources.files("opsctl.migrations").iterdir(), key=lambda item: item.name):
        if each.name.endswith(".py"):  # its verdicts stand in the manifest
            digest.update(f"{each.name}\0".encode() + each.read_bytes())
    return digest.hexdigest()


def content_tag(key: str) -> str:
    """The tag under which a registry knows this content."""
    return f"content-{key[:16]}"
