"""The native engine: an image without any container engine. Same input, same bytes.

Layers: those of the base, the locked packages in /venv, the code in /app with what the build commands made of it, and
opsctl's own.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from opsctl.config.naming import MIGRATIONS_ANNOTATION, VERDICTS_ANNOTATION
from opsctl.config.pinned import pinned_in
from opsctl.images.build import contract
from opsctl.images.build.commands import run_commands, scripts
from opsctl.images.build.content import builder_digest
from opsctl.images.build.interpreter import Interpreter, compile_tree
from opsctl.images.caching import prune, whole_folder
from opsctl.images.checkout.project import Project
from opsctl.images.errors import BuildError
from opsctl.images.listener import Listener, Silent
from opsctl.images.names import ImageName
from opsctl.images.oci.base import Base, fetch_base, host_platform
from opsctl.images.oci.layers import Layer, entries_of, write_layer
from opsctl.images.oci.store import Descriptor, ImageStore
from opsctl.images.python.commits import CommitBuilder
from opsctl.images.python.lock import Locked
from opsctl.images.python.wheels import PLATFORMS, Downloader, locked_wheels, unpack, wanted_lines
from opsctl.images.registry.repository import CONFIG, Opener
from opsctl.migrations.verdict import to_text

_KEPT_COMMITS = 50  # each is one package, and an application may have several


@dataclass(frozen=True)
class NativeBuilder:
    """Builds a project with its locked packages. `opener` reaches the registry of the base image."""

    project: Project
    locked: Locked
    store: ImageStore
    cache: Path
    base: ImageName
    opener: Opener
    listener: Listener = field(default_factory=Silent)
    download: Downloader | None = None

    def build(self, platforms: tuple[str, ...]) -> Descriptor:
        """Build for one platform (a manifest) or several (an index), without naming it.

        Raises BuildError and RegistryError.
        """
        strange = [each for each in platforms if each not in PLATFORMS]
        if strange or not platforms:
            raise BuildError(
                f"There are no images for {', '.join(strange) or 'no platform'}.",
                code="bad-platform",
                hint=f"Choose from {', '.join(PLATFORMS)}.",
            )
        manifests = [self._platform(each) for each in platforms]
        for kind in ("wheels", "sites", "bases"):
            prune(self.cache / kind)
        prune(self.cache / "commits", keep=_KEPT_COMMITS)
        return self.store.add_image(manifests, notes_of(self.project))

    def _platform(self, platform: str) -> Descriptor:
        base = fetch_base(self.store, self.base, platform, self.opener, self.listener)
        home = self._interpreter(base)
        site = self._site(base, home)
        with ThreadPoolExecutor(2) as pool:
            packages = pool.submit(self._packages, base, site)
            code = pool.submit(self._code, base, home, site)
            layers = [packages.result(), code.result(), write_layer(self.store, contract.own_layer())]
        described = contract.image_config(base.config, [each.diff_id for each in layers], folder=self.project.manage)
        notes = {
            **notes_of(self.project),
            "org.opencontainers.image.base.name": f"{base.name.registry}/{base.name.repository}:{base.name.tag}",
            "org.opencontainers.image.base.digest": base.digest,
        }
        return self.store.add_manifest(
            self.store.add_json(described, CONFIG),
            (*base.layers, *(layer.descriptor for layer in layers)),
            notes,
            platform,
        )

    def _interpreter(self, base: Base) -> Interpreter:
        here = host_platform()
        same = base if base.platform == here else fetch_base(self.store, self.base, here, self.opener, self.listener)
        if same.python_version != base.python_version:
            raise BuildError(f"{self.base} carries another Python for {here} than for {base.platform}.")
        return Interpreter.unpacked(same, self.cache)

    def _site(self, base: Base, interpreter: Interpreter) -> Path:
        """The locked packages with byte code, unpacked; kept, since they change rarely and are most of the work."""
        parts = (builder_digest(), base.platform, base.python_version, interpreter.root.name, self.locked.text)
        site = self.cache / "sites" / hashlib.sha256(repr(parts).encode()).hexdigest()[:20]
        if not site.is_dir():
            self.listener.line(f"packages for {base.platform}, Python {base.python_version}")
            wheels = self._wheels(base.platform, base.python_version)
            with whole_folder(site) as partial:
                unpack(wheels, partial)
                compile_tree(interpreter, partial, f"/{contract.site_packages(base.python_version)}")
        os.utime(site)
        return site

    def _wheels(self, platform: str, python: str) -> tuple[Path, ...]:
        builder = CommitBuilder(self.project, python, self.listener.line)
        built = [builder.wheel(each) for each in pinned_in(wanted_lines(self.locked.text, platform, python))]
        return (*locked_wheels(self.locked.path, self.cache, platform, python, self.download), *built)

    def _packages(self, base: Base, site: Path) -> Layer:
        """/venv."""
        parts = (builder_digest(), site.name, base.platform, str(base.python))
        kept = self.cache / "layers" / f"{hashlib.sha256(repr(parts).encode()).hexdigest()[:32]}.json"
        found = _kept_layer(kept, self.store)
        if found is not None:
            return found
        layer = write_layer(
            self.store,
            [*entries_of(site, contract.site_packages(base.python_version)), *contract.venv(base), *scripts(site)],
        )
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps({**layer.descriptor.to_dict(), "diff_id": layer.diff_id}), encoding="utf-8")
        return layer

    def _code(self, base: Base, interpreter: Interpreter, site: Path) -> Layer:
        """/app, with collected static files and byte code, and what the base lacks or has too much of."""
        self.listener.line(f"code for {base.platform}")
        with tempfile.TemporaryDirectory(prefix="opsctl-app-") as temporary:
            app = Path(temporary, "app")
            copy_files(self.project.files, app)
            self._run_commands(app, site, interpreter)
            compile_tree(interpreter, app, "/app")
            return write_layer(self.store, [*entries_of(app, "app"), *contract.system_entries(base)])

    def _run_commands(self, app: Path, site: Path, interpreter: Interpreter) -> None:
        """What collects static files is pure Python: packages for another processor serve as well."""
        own = {"PYTHONPATH": str(site), "PYTHONDONTWRITEBYTECODE": "1"}

        def run(arguments: list[str], cwd: Path, variables: dict[str, str]) -> None:
            interpreter.run(arguments, cwd=cwd, environment=variables | own)

        run_commands(self.project, app, self.listener.line, run)


def notes_of(project: Project) -> dict[str, str]:
    """What the manifest notes for whoever deploys the image without its sources."""
    return {MIGRATIONS_ANNOTATION: project.migrations, VERDICTS_ANNOTATION: to_text(project.verdicts)}


def copy_files(files: Iterable[tuple[str, Path]], target: Path) -> None:
    """Copy `(path below target, file)`; modes are made 0644 or 0755 when the layer is written."""
    for relative, path in files:
        copy = target / relative
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)


def _kept_layer(kept: Path, store: ImageStore) -> Layer | None:
    try:
        values = json.loads(kept.read_text(encoding="utf-8"))
        descriptor = Descriptor.from_dict(values)
    except (OSError, ValueError, KeyError):
        return None
    return Layer(descriptor, values["diff_id"]) if store.blob(descriptor.digest).is_file() else None
