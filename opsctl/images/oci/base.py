"""The base image: fetched from its registry for one platform, and looked into for the interpreter it carries."""

from __future__ import annotations

import re
import sys
import tarfile
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cached_property
from gzip import GzipFile
from pathlib import Path, PurePosixPath
from typing import Any

from opsctl.images.errors import BuildError
from opsctl.images.limits import ANSWER_LIMIT, IMAGE_LIMIT, Bounded, tar_stream, whole
from opsctl.images.listener import ByteCounter, Listener
from opsctl.images.names import ImageName
from opsctl.images.oci.store import Descriptor, ImageStore, platform_name
from opsctl.images.registry.repository import INDEX, INDEXES, MANIFEST, Manifest, Opener

if sys.version_info >= (3, 14):
    from compression.zstd import ZstdError, ZstdFile
else:
    from backports.zstd import ZstdError, ZstdFile

_DOCKER_LAYERS = {
    "application/vnd.docker.image.rootfs.diff.tar.gzip": "application/vnd.oci.image.layer.v1.tar+gzip",
    "application/vnd.docker.image.rootfs.diff.tar.zstd": "application/vnd.oci.image.layer.v1.tar+zstd",
    "application/vnd.docker.image.rootfs.diff.tar": "application/vnd.oci.image.layer.v1.tar",
}
GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
KEPT_FILES = ("etc/passwd", "etc/group")
"""Files of a base that are read, not only seen."""
_PYTHON = re.compile(r"usr/(?:local/)?bin/python3\.(\d+)")
_PINNED = re.compile(r"^ARG PYTHON_IMAGE=(\S+)$", re.MULTILINE)


@dataclass(frozen=True)
class Base:
    """A base image on disk. `layers` are descriptors in OCI's terms; `config` is its configuration."""

    name: ImageName
    platform: str
    digest: str
    config: dict[str, Any]
    layers: tuple[Descriptor, ...]
    store: ImageStore

    @cached_property
    def python(self) -> PurePosixPath:
        """The interpreter's file, `/usr/local/bin/python3.13`. Raises BuildError when there is none."""
        found = [path for path in self.paths if _PYTHON.fullmatch(path)]
        if not found:
            raise BuildError(
                f"The base image {self.name} holds no Python 3.", hint="Name one such as python:3.13-slim with --base."
            )
        # One below /usr/local shadows the distribution's.
        return PurePosixPath("/", max(found, key=lambda path: ("local" in path, path)))

    @property
    def python_version(self) -> str:
        """`3.13`."""
        return self.python.name.removeprefix("python")

    @property
    def paths(self) -> frozenset[str]:
        """Every path of its file system, without leading slash, links included."""
        return self._scanned[0]

    def file(self, path: str) -> bytes | None:
        """The content of one of KEPT_FILES; None when it is not there."""
        return self._scanned[1].get(path)

    @cached_property
    def _scanned(self) -> tuple[frozenset[str], dict[str, bytes]]:
        """One walk through all layers, since each has to be decompressed."""
        paths: set[str] = set()
        files: dict[str, bytes] = {}
        for layer in self.layers:
            with self.open(layer) as archive:
                for member in archive:
                    path = clean(member.name)
                    _apply(paths, path)
                    if path in KEPT_FILES and member.isfile():
                        stream = archive.extractfile(member)
                        files[path] = whole(stream, path) if stream else b""
        return frozenset(paths), {path: data for path, data in files.items() if path in paths}

    def open(self, layer: Descriptor) -> AbstractContextManager[tarfile.TarFile]:
        """A layer as a tar stream."""
        return open_layer(self.store, layer)


@contextmanager
def open_layer(store: ImageStore, layer: Descriptor) -> Iterator[tarfile.TarFile]:
    """A layer as a tar stream, to be read once from its start, however it is compressed: gzip, zstd or not at all."""
    path = store.blob(layer.digest)
    with path.open("rb") as packed:
        start = packed.read(4)
        packed.seek(0)
        unpacked = ZstdFile(packed) if start == _ZSTD else GzipFile(fileobj=packed) if start[:2] == GZIP else packed
        stream = Bounded(unpacked, f"A layer of {layer.size:,} bytes", packed=path.stat().st_size)
        try:
            with tar_stream(stream) as archive:
                yield archive
        except (tarfile.TarError, EOFError, OSError, zlib.error, ZstdError) as error:
            raise BuildError(f"A layer can't be unpacked ({error}).", code="image-damaged") from error


def pins_base(dockerfile: Path) -> bool:
    """Whether a Dockerfile names its base image where opsctl looks for it."""
    try:
        return _PINNED.search(dockerfile.read_text(encoding="utf-8")) is not None
    except (OSError, UnicodeDecodeError):
        return False


def pinned_base(dockerfile: Path) -> ImageName:
    """The base image that the Dockerfile's `ARG PYTHON_IMAGE` names. Raises BuildError when it names no digest."""
    try:
        found = _PINNED.search(dockerfile.read_text(encoding="utf-8"))
    except OSError as error:
        raise BuildError(f"{dockerfile} can't be read: {error.strerror}.") from error
    name = ImageName.parse(found[1]) if found else None
    if name is None or name.digest is None:
        raise BuildError(
            f"{dockerfile.name} does not pin its base image: `ARG PYTHON_IMAGE=` must name one by digest.",
            hint="Write ARG PYTHON_IMAGE=python:3.13-slim@sha256:DIGEST.",
        )
    return name


def fetch_base(store: ImageStore, name: ImageName, platform: str, opener: Opener, listener: Listener) -> Base:
    """The base image for a platform (`linux/arm64`); nothing is fetched that is here.

    Raises RegistryError and BuildError.
    """
    cached = _Fetcher(store, name, opener, listener)
    digest, manifest = cached.manifest(platform)
    values = manifest.json()
    try:
        config = Descriptor.from_dict(values["config"])
        layers = [Descriptor.from_dict(each) for each in values["layers"]]
    except (KeyError, TypeError) as error:
        raise BuildError(f"{name} names no configuration and layers.", code="image-damaged") from error
    if config.size > ANSWER_LIMIT:
        raise BuildError(f"The configuration of {name} has {config.size:,} bytes.", code="answer-too-long")
    size = sum(each.size for each in layers)
    if size > IMAGE_LIMIT:
        raise BuildError(f"{name} says that it has {size:,} bytes, and no more than {IMAGE_LIMIT:,} are fetched.",
                         code="too-large")  # fmt: skip
    cached.blobs([config, *layers])
    return Base(
        name, platform, digest, store.json(config.digest),
        tuple(Descriptor(_DOCKER_LAYERS.get(each.media_type, each.media_type), each.digest, each.size)
              for each in layers),
        store,
    )  # fmt: skip


@dataclass(frozen=True)
class _Fetcher:
    store: ImageStore
    name: ImageName
    opener: Opener
    listener: Listener

    def manifest(self, platform: str) -> tuple[str, Manifest]:
        """Digest and manifest of the image for this platform."""
        top = self._one(self.name.reference)
        if top.media_type not in INDEXES:
            return top.digest, top
        listed = top.json().get("manifests")
        if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
            raise BuildError(f"{self.name} is an index that lists no images.", code="image-damaged")
        offered = [Descriptor.from_dict(each) for each in listed]
        found = next((each for each in offered if each.platform == platform), None)
        if found is None:
            names = ", ".join(sorted({each.platform for each in offered if "unknown" not in each.platform}))
            raise BuildError(f"{self.name} is not made for {platform}.", hint=f"It is there for {names}.")
        return found.digest, self._one(found.digest)

    def blobs(self, wanted: list[Descriptor]) -> None:
        """Fetch what is not here yet, at the same time."""
        missing = [each for each in wanted if not self.store.blob(each.digest).is_file()]
        if not missing:
            return
        repository = self.opener(self.name)
        counter = ByteCounter(self.listener, "fetched", sum(each.size for each in missing))
        self.listener.line(f"fetching {self.name}")
        with ThreadPoolExecutor(4, thread_name_prefix="opsctl-pull") as pool:
            jobs = [
                pool.submit(repository.download, each.digest, each.size, self.store.blob(each.digest), counter.add)
                for each in missing
            ]
            for job in jobs:
                job.result()

    def _one(self, reference: str) -> Manifest:
        """From disk when named by digest and fetched before: a build needs no registry the second time."""
        if reference.startswith("sha256:") and self.store.blob(reference).is_file():
            body = self.store.read(reference)
            kind = Manifest(body, "").json().get("mediaType")
            return Manifest(body, kind or (INDEX if b'"manifests"' in body else MANIFEST))
        found = self.opener(self.name).manifest(reference)
        self.store.add(found.body, found.media_type)
        return found


def clean(name: str) -> str:
    """A layer's path without leading `./` or `/`."""
    return name.removeprefix("./").strip("/")


def _apply(paths: set[str], path: str) -> None:
    """What a layer's entry does to the paths below it: `.wh.name` removes, `.wh..wh..opq` empties."""
    folder, _, name = path.rpartition("/")
    if name == ".wh..wh..opq":
        paths.difference_update([each for each in paths if each.startswith(f"{folder}/")])
    elif name.startswith(".wh."):
        gone = f"{folder}/{name.removeprefix('.wh.')}".lstrip("/")
        paths.difference_update([each for each in paths if each == gone or each.startswith(f"{gone}/")])
    elif path:
        paths.add(path)


def host_platform() -> str:
    """The platform whose programs run here."""
    import platform

    machine = platform.machine().lower()
    return platform_name({"os": "linux", "architecture": {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)})
