"""The seam between ministack's ECS and what runs a task's containers.

ministack's ECS drives a docker-py client. What it calls of one is written down here, so that the same scheduler,
circuit breaker and log forwarding work over `processes.ProcessEngine`, whose children are commands or containers.
"""

from __future__ import annotations

import importlib
import sys
import types
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol


class Container(Protocol):
    """One running or ended container; `status` is `running` or `exited`."""

    @property
    def id(self) -> str: ...
    @property
    def status(self) -> str: ...
    @property
    def labels(self) -> Mapping[str, str]: ...
    @property
    def attrs(self) -> Mapping[str, Any]: ...
    def reload(self) -> None: ...
    def wait(self) -> Mapping[str, int]: ...
    def logs(self, **options: object) -> bytes | Iterator[bytes]: ...
    def stop(self, timeout: float = ...) -> None: ...
    def remove(self, **options: object) -> None: ...


class Image(Protocol):
    """An image as its registry describes it; `id` is the digest of its manifest."""

    @property
    def id(self) -> str: ...
    def tag(self, repository: str, tag: str | None = None) -> bool: ...


class Containers(Protocol):
    def run(self, image: str, command: Sequence[str] | None = None, **options: Any) -> Container: ...
    def get(self, container_id: str) -> Container: ...
    def list(self, **options: object) -> Sequence[Container]: ...


class Images(Protocol):
    def get(self, name: str) -> Image: ...
    def pull(self, name: str, **options: object) -> Image: ...
    def get_registry_data(self, name: str, **options: object) -> Image: ...


class Engine(Protocol):
    """What ECS needs of a container engine."""

    @property
    def containers(self) -> Containers: ...
    @property
    def images(self) -> Images: ...


class NotFound(Exception):  # noqa: N818  docker-py's name
    """No such container."""


class ImageNotFound(NotFound):
    """No such image. Named as docker-py names it: ministack's ECS tells it apart from other failures."""


def provide_docker_errors() -> type[Exception]:
    """The ImageNotFound class that ministack imports from `docker.errors`, ours when docker-py is not installed.

    Only the one submodule is provided: `import docker` goes on failing, so that nothing takes an engine for granted.
    """
    try:
        installed: type[Exception] = importlib.import_module("docker.errors").ImageNotFound
    except ImportError:
        module = types.ModuleType("docker.errors")
        vars(module).update(ImageNotFound=ImageNotFound, NotFound=NotFound)
        sys.modules["docker.errors"] = module
        return ImageNotFound
    return installed
