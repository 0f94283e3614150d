"""Where a checkout builds images and keeps them."""

from __future__ import annotations

import os
import tempfile
import time
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from opsctl import room
from opsctl.config.naming import VERDICTS_ANNOTATION
from opsctl.images.build.content import content_key
from opsctl.images.build.contract import Engine
from opsctl.images.checkout.project import Project
from opsctl.images.listener import Listener
from opsctl.images.names import ImageName, check_tag
from opsctl.images.oci.base import host_platform, pinned_base, pins_base
from opsctl.images.oci.sbom import write_sbom
from opsctl.images.oci.store import CONTENT, ENGINE, Descriptor, ImageStore
from opsctl.images.python.lock import Tell, pin_base, read_lock
from opsctl.images.registry.logins import stored_login
from opsctl.images.registry.repository import Repository
from opsctl.images.registry.transport import Transport
from opsctl.migrations.verdict import from_text, in_the_way

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


def _unheard(_: str) -> None:
    return None


@dataclass(frozen=True)
class Workshop:
    """Where a checkout builds images of its application and keeps them. `frozen`: the lock is taken as it is."""

    project: Project
    frozen: bool = False

    @property
    def root(self) -> Path:
        """The folder of the environments file."""
        return self.project.root

    @cached_property
    def store(self) -> ImageStore:
        """Where they are kept."""
        return ImageStore.of(self.root)

    def base(self, given: str | None = None, tell: Tell = _unheard) -> ImageName | None:
        """What an image is built on, as `found_base` says. Raises BuildError for what nobody can have meant to ship,
        before a registry is asked anything: whoever builds, or asks what would be built, needs the base first.
        """
        self._refuse_suspects()
        return self.found_base(given, tell)

    def found_base(self, given: str | None = None, tell: Tell = _unheard) -> ImageName | None:
        """The base image, by digest: the one named, else the environment variable's, else a pinned one.

        A Dockerfile of the project pins it by `ARG PYTHON_IMAGE`; without one opsctl.lock does. `application.image`
        is a base itself. None where a Dockerfile alone says what it builds on.
        """
        application = self.project.application
        if application.image is not None:
            return _pinned(application.image)
        text = given or os.environ.get(BASE_VARIABLE)
        if text:
            return _pinned(text)
        named = application.dockerfile
        dockerfile = self.project.root / named if named else self.project.folder / "Dockerfile"
        if pins_base(dockerfile):
            return pinned_base(dockerfile)
        if application.dockerfile is not None:
            return None
        return pin_base(self.project, _pinned, frozen=self.frozen, tell=tell)

    @property
    def cache(self) -> Path:
        """What later builds are faster with."""
        return self.project.cache

    def _refuse_suspects(self) -> None:
        if self.project.application.image is None:
            self.project.shipment.check()

    def content_key(self, base: ImageName | None, platforms: tuple[str, ...], tell: Tell = _unheard) -> str:
        """What the image would be made of, as one hash."""
        return content_key(self.project, self._requirements(tell), base, platforms)

    def build(
        self, tag: str, platforms: tuple[str, ...], engine: Engine, base: ImageName | None, listener: Listener,
        *, test: bool = False,
    ) -> Built:  # fmt: skip
        """Build and name an image. Content that the native engine has built before is only named again.

        With `test` it gets its name after the service's tests ran inside it.
        """
        from opsctl.images.build.making import Making  # much to load, and a push has no use for it

        started = time.monotonic()
        check_tag(tag)
        making = Making(self.project, self.store, engine, listener, frozen=self.frozen)
        tests = making.service_tests(platforms) if test else None
        content = self.content_key(base, platforms, listener.line)
        known = self.built(content, native=True) if engine == "native" else None
        warnings = self.warnings() if known is None else []
        if known is None:
            room.require(self.store.root, room.IMAGE, "Building an image")
            room.require(Path(tempfile.gettempdir()), room.SCRATCH, "Building an image")
        image = known or making.make(platforms, base, open_repository)
        for text in warnings:
            listener.line(f"warning: {text}")
        manifests = self.store.platforms(image)
        tested = tests.run(manifests[platforms.index(host_platform())], host_platform()) if tests else None
        self.store.name(tag, image, engine=engine, content=content)
        blobs = {each.digest: each.size for manifest in manifests for each in self.store.blobs(manifest)}
        return Built(
            tag=tag,
            digest=image.digest,
            engine=engine,
            platforms=platforms,
            base=str(base or ""),
            content=content,
            size=sum(blobs.values()),
            unchanged=known is not None,
            sbom=tuple(str(write_sbom(self.store, each, f"{self.root.name}:{tag}")) for each in manifests),
            seconds=round(time.monotonic() - started, 2),
            tested=tested,
        )

    def _requirements(self, tell: Tell) -> str:
        application = self.project.application
        if application.image is not None or application.dockerfile is not None:
            return ""
        return read_lock(self.project, frozen=self.frozen, tell=tell).text

    def warnings(self) -> list[str]:
        """Migrations that came since the image that was built here last, and that its code may not live with."""
        for image in self.store.images()[:1]:
            if self.store.blob(image.digest).is_file():
                noted = self.store.json(image.digest).get("annotations") or {}
                before = from_text(noted.get(VERDICTS_ANNOTATION, ""))
                had, names = [each.id for each in before], [each.name for each in before]
                return [each.sentence() for each in in_the_way(self.project.verdicts, had, names)] if before else []
        return []

    def settle(self, tell: Tell = _unheard) -> None:
        """Have the lock written, where it is not up to date: it is part of what a tag of the checkout says.

        Raises BuildError as `base` does, before an index is asked anything.
        """
        if self.project.application.image is None:
            self._refuse_suspects()
            self._requirements(tell)
            if not os.environ.get(BASE_VARIABLE):
                self.found_base(None, tell)

    def built(self, content: str, *, native: bool) -> Descriptor | None:
        """The newest image of this content that is here, of the native engine or of another."""
        for image in self.store.images():
            same = image.annotations.get(CONTENT) == content and (image.annotations.get(ENGINE) == "native") == native
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


def _pinned(text: str) -> ImageName:
    """The image with its digest, which a registry is asked for where the text has none."""
    name = ImageName.parse(text)
    if name.digest:
        return name
    found = open_repository(name).manifest(name.reference)
    return ImageName(name.registry, name.repository, name.tag, found.digest)


def open_repository(name: ImageName) -> Repository:
    """A repository to read from, with the login that this machine keeps for it."""
    return Repository(name, Transport(name.url, lambda: stored_login(name.registry)))
