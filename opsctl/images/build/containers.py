"""Running a program in a container of an image from the store, locked down as a task of a careful environment is."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from opsctl.images.build.contract import Engine
from opsctl.images.build.engines import answers, run_shown
from opsctl.images.errors import BuildError
from opsctl.images.listener import Listener, Silent
from opsctl.images.oci.store import Descriptor, ImageStore

RUNNERS = ("docker", "podman")
"""Engines whose containers can have a read-only root; buildah's can't."""
_LOCKED_DOWN = (
    "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--network", "none", "--no-healthcheck",
    "--tmpfs", "/tmp:rw,noexec,nosuid,nodev",  # noqa: S108 - a path of the container
)  # fmt: skip
_NOT_STARTED = {125, 126, 127}  # the engine's own codes, which pytest never ends with


def find_runner(engine: Engine, works: Callable[[str], bool] = answers) -> str:
    """The program that runs containers of what `engine` builds. Raises BuildError when there is none that works."""
    candidates = ("podman",) if engine == "podman" else RUNNERS
    found = next((name for name in candidates if works(name)), None)
    if found is None:
        raise BuildError(
            f"No {' or '.join(candidates)} works on this machine, and tests inside the image need a container.",
            code="engine-missing",
            hint=f"Start one of them (`{candidates[-1]} info` tells what is wrong), or build without --test.",
        )
    return found


@dataclass(frozen=True)
class Container:
    """What to run: a configuration and the layers below it. Only /tmp and the image's volumes can be written to."""

    config: dict[str, Any]
    layers: tuple[Descriptor, ...]


@dataclass(frozen=True)
class ContainerRunner:
    """Runs containers with `command`, docker or podman."""

    store: ImageStore
    command: str
    listener: Listener = field(default_factory=Silent)

    def run(self, container: Container, name: str) -> tuple[int, tuple[str, ...]]:
        """Run it to its end; answers exit code and output. The engine forgets container and image afterwards.

        Raises BuildError when the engine does not take the image, or starts no container.
        """
        image = f"localhost/{name}:opsctl"
        try:
            self._load(container, image)
            code, lines = run_shown([self.command, "run", "--rm", "--name", name, *_LOCKED_DOWN, image], self.listener)
        finally:
            for leftover in (["rm", "--force", name], ["rmi", "--force", image]):
                with suppress(OSError):
                    subprocess.run([self.command, *leftover], capture_output=True, check=False)
        if code in _NOT_STARTED:
            raise self._refused("run", code, lines)
        return code, lines

    def _load(self, container: Container, image: str) -> None:
        with tempfile.TemporaryDirectory(prefix="opsctl-load-") as temporary:
            archive = Path(temporary, "image.tar")
            write_archive(self.store, container, image, archive)
            code, lines = run_shown([self.command, "load", "--input", str(archive)], self.listener)
        if code:
            raise self._refused("load", code, lines)

    def _refused(self, verb: str, code: int, lines: tuple[str, ...]) -> BuildError:
        return BuildError(
            f"`{self.command} {verb}` failed with {code}; its output is above.",
            code="engine-failed",
            hint=f"See whether `{self.command} run` works on this machine; if so, the image can't start its Python.",
            detail=lines,
        )


def write_archive(store: ImageStore, container: Container, image: str, target: Path) -> None:
    """Write what `docker load` reads; engines unpack compressed layers themselves."""
    config = json.dumps(container.config).encode()
    names = [f"{layer.digest.removeprefix('sha256:')}.tar" for layer in container.layers]
    manifest = json.dumps([{"Config": "config.json", "RepoTags": [image], "Layers": names}]).encode()
    with tarfile.open(target, "w") as archive:
        for name, data in (("manifest.json", manifest), ("config.json", config)):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        for name, layer in zip(names, container.layers, strict=True):
            archive.add(store.blob(layer.digest), name)
