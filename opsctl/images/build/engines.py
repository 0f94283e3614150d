"""Building with a container engine: docker, podman or buildah, through its command line, from the project's Dockerfile.

The finished image is taken out of the engine into opsctl's own store, so that it is pushed, listed and described like
one of the native engine. Engines write times into layers: two builds give two digests.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, cast

from opsctl.images.build.contract import COMPATIBLE
from opsctl.images.build.native import copy_files, notes_of
from opsctl.images.checkout.project import Project
from opsctl.images.errors import BuildError
from opsctl.images.limits import Bounded, whole
from opsctl.images.listener import Listener, Silent
from opsctl.images.names import ImageName
from opsctl.images.oci.base import GZIP
from opsctl.images.oci.layers import compress
from opsctl.images.oci.store import Descriptor, ImageStore
from opsctl.images.registry.repository import CONFIG


def answers(command: str) -> bool:
    """Whether an engine works: docker's program is often there without the service behind it."""
    try:
        return subprocess.run([command, "info"], capture_output=True, timeout=30, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def find_command(
    engine: str, which: Callable[[str], str | None] = shutil.which, works: Callable[[str], bool] = answers
) -> str:
    """The engine's program. `docker` means the first that works of those that take docker's options.

    When none works it is the first one there, whose own words say why. Raises BuildError when there is none.
    """
    candidates = COMPATIBLE if engine == "docker" else (engine,)
    there = [name for name in candidates if which(name)]
    if not there:
        raise BuildError(
            f"There is no {' or '.join(candidates)} on this machine.",
            code="engine-missing",
            hint="Build with --engine native, which needs none.",
        )
    return next((name for name in there if works(name)), there[0])


@dataclass(frozen=True)
class EngineBuilder:
    """Builds with `command`, a program that takes docker's options."""

    project: Project
    store: ImageStore
    command: str
    base: ImageName | None
    listener: Listener = field(default_factory=Silent)

    def build(self, platform: str) -> Descriptor:
        """Build for one platform and take the image over; names nothing. Raises BuildError with the engine's output."""
        name = f"localhost/opsctl-build:{platform.replace('/', '-')}"
        verb = ["bud"] if self.command == "buildah" else ["build"]
        # Health checks are docker's, so podman and buildah leave them out of their own format.
        form = [] if self.command == "docker" else ["--format", "docker"]
        file = self.file
        with tempfile.TemporaryDirectory(prefix="opsctl-context-") as context:
            self._fill(Path(context))
            self._run([
                self.command, *verb, *form, "--platform", platform, *self._arguments(), "--file", str(file),
                "--tag", name, context,
            ])  # fmt: skip
        with tempfile.TemporaryDirectory(prefix="opsctl-save-") as temporary:
            archive = Path(temporary, "image.tar")
            if self.command == "buildah":
                self._run([self.command, "push", "--quiet", name, f"docker-archive:{archive}"])
            else:
                self._run([self.command, "save", "--output", str(archive), name])
            self.listener.line("taking the image over")
            return import_archive(self.store, archive, platform, notes_of(self.project))

    @property
    def file(self) -> Path:
        """The Dockerfile: the configured one, else the one in the project's folder. Raises BuildError without."""
        named = self.project.application.dockerfile
        path = self.project.root / named if named else self.project.folder / "Dockerfile"
        if not path.is_file():
            raise BuildError(
                f"There is no {path.relative_to(self.project.root)} to build from.",
                code="dockerfile-missing",
                hint="Name it as application.dockerfile, have one written by `opsctl init --dockerfile`, "
                "or build with --engine native, which needs none.",
            )
        return path

    def _fill(self, context: Path) -> None:
        """Put exactly what is shipped into the context, and the list of what of it the engine shall overlook.

        A Dockerfile that is configured finds the project's folder; another one the repository that it stands in.
        """
        project = self.project
        configured = project.application.dockerfile is not None
        named = ((name if configured else project.from_root(name, path), path) for name, path in project.files)
        copy_files(named, context)
        ignored = (project.folder if configured else project.root) / ".dockerignore"
        if ignored.is_file():
            shutil.copy(ignored, context)

    def _arguments(self) -> list[str]:
        application = self.project.application
        given = [part for name, value in application.args.items() for part in ("--build-arg", f"{name}={value}")]
        if application.target is not None:
            given += ["--target", application.target]
        if self.base is not None:
            given += ["--build-arg", f"PYTHON_IMAGE={_pullable(self.base)}"]
        return given

    def _run(self, command: list[str]) -> None:
        code, lines = run_shown(command, self.listener)
        if code:
            raise BuildError(
                f"`{' '.join(command[:2])}` failed with {code}; its output is above.",
                hint="Is the engine running, and can it reach the base image's registry and a package index? "
                "A file that it misses has to be tracked by git or named in application.include. "
                "`--engine native` needs no engine.",
                detail=lines,
            )


def run_shown(command: list[str], listener: Listener) -> tuple[int, tuple[str, ...]]:
    """Run to the end, each line shown as it comes; answers exit code and all lines. Interrupting us ends it as well."""
    lines: list[str] = []
    try:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            encoding="utf-8", errors="replace", bufsize=1,
        )  # fmt: skip
    except OSError as error:
        raise BuildError(f"{command[0]} can't be started: {error.strerror}.") from error
    try:
        assert child.stdout is not None
        for line in child.stdout:
            lines.append(line.rstrip())
            listener.line(line.rstrip())
        return child.wait(), tuple(lines)
    except BaseException:
        _end(child)
        raise


def import_archive(store: ImageStore, archive: Path, platform: str, notes: Mapping[str, str]) -> Descriptor:
    """Store an image that `docker save` (or podman, buildah) wrote, its layers compressed, with `notes` on it."""
    with tarfile.open(archive, "r:") as tar:
        try:
            image = json.loads(whole(_member(tar, "manifest.json"), "manifest.json"))[0]
            config = whole(_member(tar, image["Config"]), "The configuration")
            known = store.layers_by_content()  # compressing is most of the work when little has changed
            layers = [
                known.get(content) or _layer(store, _member(tar, name), content)
                for content, name in zip(json.loads(config)["rootfs"]["diff_ids"], image["Layers"], strict=True)
            ]
        except (KeyError, IndexError, ValueError, OSError) as error:
            raise BuildError(f"The engine saved an image that can't be read ({error}).") from error
    _check_platform(json.loads(config), platform)
    return store.add_manifest(store.add(config, CONFIG), layers, dict(notes), platform)


def _layer(store: ImageStore, stream: IO[bytes], content: str) -> Descriptor:
    """Store a layer whose plain bytes have the digest `content`; docker with containerd saves compressed ones."""
    packed = stream.read(2) == GZIP
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    plain = Bounded(gzip.GzipFile(fileobj=stream) if packed else stream, "A layer", packed=size if packed else 0)
    layer = compress(store, cast("IO[bytes]", plain))
    if layer.diff_id != content:
        raise ValueError(f"a layer is {layer.diff_id[:19]} instead of {content[:19]}")
    return layer.descriptor


def _member(tar: tarfile.TarFile, name: str) -> IO[bytes]:
    found = tar.extractfile(name)
    if found is None:
        raise KeyError(name)
    return found


def _check_platform(config: dict[str, Any], platform: str) -> None:
    """An engine that can't build for a platform may silently build for its own."""
    made = f"{config.get('os')}/{config.get('architecture')}"
    if made != platform:
        raise BuildError(
            f"The engine built for {made} instead of {platform}.",
            code="wrong-platform",
            hint="Build with --engine native, which builds for any platform on any machine.",
        )


def _pullable(name: ImageName) -> str:
    """The base by digest alone: engines differ in whether they take tag and digest together."""
    return str(name.at(digest=name.digest)) if name.digest else str(name)


def _end(child: subprocess.Popen[str]) -> None:
    child.terminate()
    with suppress(subprocess.TimeoutExpired):
        child.wait(10)
    child.kill()
    child.wait()
