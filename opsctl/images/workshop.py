"""Where a checkout builds images and keeps them."""

from __future__ import annotations

import os
import time
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from opsctl.errors import OpsctlError, UsageError
from opsctl.images.base import host_platform, pinned_base
from opsctl.images.containers import ContainerRunner, find_runner
from opsctl.images.content import content_key
from opsctl.images.engines import Engine, EngineBuilder, find_command
from opsctl.images.listener import Listener
from opsctl.images.logins import stored_login
from opsctl.images.names import ImageName, check_tag
from opsctl.images.native import NativeBuilder
from opsctl.images.registry import Repository
from opsctl.images.sbom import write_sbom
from opsctl.images.service_tests import ServiceTests
from opsctl.images.store import CONTENT, ENGINE, Descriptor, ImageStore
from opsctl.images.transport import Transport

BASE_VARIABLE = "OPSCTL_BASE_IMAGE"
"""Another base image than the Dockerfile's, such as the same one in a mirror."""


@dataclass(frozen=True, slots=True)
class Built:
    """An image on disk. `size` is compressed bytes of all platforms, shared layers once; `sbom` the bills beside it.

    `tested` is how many of the service's tests ran inside it; None when nobody asked.
    """

    tag: str
    digest: str
    engine: str
    platforms: tuple[str, ...]
    base: str
    content: str
    size: int
    unchanged: bool
    seconds: float
    sbom: tuple[str, ...]
    tested: int | None

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Workshop:
    """Where a checkout builds images and keeps them."""

    root: Path

    @cached_property
    def store(self) -> ImageStore:
        """`.opsctl/images`: an OCI layout."""
        return ImageStore(self.root / ".opsctl" / "images")

    def base(self, given: str | None = None) -> ImageName:
        """The base image, by digest: the one named, else the environment variable's, else the Dockerfile's."""
        text = given or os.environ.get(BASE_VARIABLE)
        if not text:
            return pinned_base(self.root / "service" / "Dockerfile")
        name = ImageName.parse(text)
        if name.digest:
            return name
        return ImageName(
            name.registry, name.repository, name.tag, open_repository(name).manifest(name.reference).digest
        )

    @property
    def cache(self) -> Path:
        """What later builds are faster with."""
        return self.root / ".opsctl" / "cache" / "images"

    def build(
        self, tag: str, platforms: tuple[str, ...], engine: Engine, base: ImageName, listener: Listener,
        *, test: bool = False,
    ) -> Built:  # fmt: skip
        """Build and name an image. Content that the native engine has built before is only named again.

        With `test` it gets its name after the service's tests ran inside it.
        """
        started = time.monotonic()
        check_tag(tag)
        tests = self._service_tests(engine, platforms, listener) if test else None
        content = content_key(self.root, base, platforms)
        known = self._known(content) if engine == "native" else None
        image = known or self._make(platforms, engine, base, listener)
        manifests = self.store.platforms(image)
        tested = tests.run(manifests[platforms.index(host_platform())], host_platform()) if tests else None
        self.store.name(tag, image, engine=engine, content=content)
        blobs = {each.digest: each.size for manifest in manifests for each in self.store.blobs(manifest)}
        return Built(
            tag=tag,
            digest=image.digest,
            engine=engine,
            platforms=platforms,
            base=str(base),
            content=content,
            size=sum(blobs.values()),
            unchanged=known is not None,
            sbom=tuple(str(write_sbom(self.store, each, f"{self.root.name}:{tag}")) for each in manifests),
            seconds=round(time.monotonic() - started, 2),
            tested=tested,
        )

    def find(self, tag: str) -> Descriptor:
        """A built image. Raises OpsctlError when there is none under this tag."""
        found = self.store.find(tag)
        if found is None:
            raise OpsctlError(
                f"No image {tag} has been built here.",
                code="image-not-built",
                hint=f"Run `opsctl image build --tag {tag}` first; `opsctl image list --local` shows what there is.",
            )
        return found

    def _known(self, content: str) -> Descriptor | None:
        for image in self.store.images():
            same = image.annotations.get(CONTENT) == content and image.annotations.get(ENGINE) == "native"
            if same and self._whole(image):
                return image
        return None

    def _whole(self, image: Descriptor) -> bool:
        if not self.store.blob(image.digest).is_file():
            return False
        return all(
            self.store.blob(manifest.digest).is_file()
            and all(self.store.blob(each.digest).is_file() for each in self.store.blobs(manifest))
            for manifest in self.store.platforms(image)
        )

    def _make(self, platforms: tuple[str, ...], engine: Engine, base: ImageName, listener: Listener) -> Descriptor:
        if engine == "native":
            return NativeBuilder(self.root, self.store, self.cache, base, open_repository, listener).build(platforms)
        if len(platforms) != 1:
            raise UsageError(
                f"{engine} builds for one platform at a time.", hint="Use --engine native for several platforms."
            )
        return EngineBuilder(self.root, self.store, find_command(engine), base, listener).build(platforms[0])

    def _service_tests(self, engine: Engine, platforms: tuple[str, ...], listener: Listener) -> ServiceTests:
        if host_platform() not in platforms:
            raise UsageError(
                f"--test runs the image, and {', '.join(platforms)} does not run on this machine.",
                hint=f"Build for {host_platform()} as well, or without --test.",
            )
        return ServiceTests(
            self.root, self.store, self.cache, ContainerRunner(self.store, find_runner(engine), listener)
        )


def open_repository(name: ImageName) -> Repository:
    """A repository to read from, with the login that this machine keeps for it."""
    return Repository(name, Transport(name.url, lambda: stored_login(name.registry)))
