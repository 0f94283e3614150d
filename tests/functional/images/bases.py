"""A base image with Python 3.13 made from Debian packages, for machines that reach no public registry of images.

It is what `python:3.13-slim` is to the Dockerfile: made once into the cache folder, served from a loopback registry.
arm64 is unpacked without running anything of it.
"""

from __future__ import annotations

from pathlib import Path

from opsctl.images.names import ImageName
from opsctl.images.oci.layers import compress
from opsctl.images.oci.push import push
from opsctl.images.oci.store import ImageStore
from opsctl.images.registry.repository import Repository
from opsctl.images.registry.transport import Transport
from scripts.tools import alone
from tests.functional.cli import ROOT
from tests.functional.images.samples import index, manifest
from tests.functional.images.servers import Registry, run

CACHE = ROOT / ".cache" / "test-bases"
_PACKAGES = "python3,python3-venv,ca-certificates,tzdata"
# In the base that the Dockerfile names, `python` is there as well.
_OPTIONS = {
    "amd64": ("--variant=minbase", '--customize-hook=ln -s python3 "$1/usr/bin/python"'),
    "arm64": ("--variant=extract",),
}
_SMALLER = ("--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/locale/*")


def archive(arch: str) -> Path:
    """The root file system as a tar."""
    target = CACHE / f"{arch}.tar"
    with alone(target):
        if not target.is_file():
            partial = CACHE / f"{arch}.part.tar"
            options = [*_OPTIONS[arch], *_SMALLER, f"--architectures={arch}", f"--include={_PACKAGES}"]
            run("mmdebstrap", *options, "trixie", str(partial))
            partial.rename(target)
    return target


def serve_base(registry: Registry, folder: Path) -> ImageName:
    """Push the base for both platforms; answers its name with digest."""
    store = ImageStore(folder)
    images = []
    for arch in ("amd64", "arm64"):
        with archive(arch).open("rb") as stream:
            images.append(manifest(store, [compress(store, stream)], arch))
    name = ImageName(registry.host, "library/python", "3.13-slim")
    pushed = push(store, index(store, images), Repository(name, Transport(name.url), push=True), "3.13-slim")
    return name.at(tag="3.13-slim", digest=pushed.digest)
