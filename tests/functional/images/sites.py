"""Folders in which `opsctl image build` runs as in a checkout, with a base image and container engines."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opsctl.images.oci.base import open_layer
from opsctl.images.oci.store import Descriptor, ImageStore
from tests.functional.cli import ROOT, Ran, opsctl
from tests.functional.images.bases import serve_base
from tests.functional.images.engines import Engines, engines
from tests.functional.images.servers import registry

_FILES = ("environments.yaml", ".dockerignore", "pyproject.toml", "scripts/requirements/service-tests.txt")
# Enough to see PostgreSQL, SQLite, Django and a process of its own inside an image; the soak run takes all.
_SOME_TESTS = (
    "tests/*.py",
    "tests/service/[!t]*.py",
    *(f"tests/service/test_service_{name}.py" for name in ("api_salaries", "probes", "settings")),
)
_ALL_TESTS = ("tests/*.py", "tests/service/*.py")


@dataclass(frozen=True)
class Site:
    """Checkouts that share nothing but their sources, a base image and container engines."""

    folder: Path
    base: str
    engines: Engines

    def checkout(self, name: str, *, all_tests: bool = False) -> Path:
        """A project folder with copies of the sources: engines follow no link out of it."""
        folder = self.folder / name
        if not folder.is_dir():
            folder.mkdir()
            for source in ("service", "data"):
                shutil.copytree(ROOT / source, folder / source, ignore=shutil.ignore_patterns("__pycache__", "raw"))
            for pattern in (*_FILES, *(_ALL_TESTS if all_tests else _SOME_TESTS)):
                for path in ROOT.glob(pattern):
                    target = folder / path.relative_to(ROOT)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(path, target)
        return folder

    def build(self, name: str, *arguments: str) -> dict[str, Any]:
        """Run `opsctl image build` in a checkout; answers what it told."""
        ran = self.try_build(name, *arguments)
        assert ran.code == 0, ran.err
        built = ran.json
        assert isinstance(built, dict)
        return built

    def try_build(self, name: str, *arguments: str, path: str | None = None) -> Ran:
        """The same, whether it works or not; `path` is where programs are looked for."""
        environment = {**self.engines.environment, "OPSCTL_BASE_IMAGE": self.base}
        environment |= {"PATH": path} if path else {}
        return opsctl(
            "image", "build", "--env", "local", "--json", *arguments, cwd=self.checkout(name), env=environment
        )

    def store(self, name: str) -> ImageStore:
        """A checkout's images."""
        return ImageStore(self.checkout(name) / ".opsctl" / "images")

    def load(self, name: str, tag: str) -> str:
        """Hand an image to podman; answers its name there."""
        image = f"localhost/{name}:{tag}"
        self.engines.run("skopeo", "copy", f"oci:{self.store(name).root}:{tag}", f"containers-storage:{image}")
        return image


@contextmanager
def new_site(folder: Path) -> Iterator[Site]:
    """With a registry that serves the base; removed at the end."""
    with registry(folder / "registry", protected=False) as running, engines(folder / "engines") as tools:
        tools.trust(running.host)
        yield Site(folder, str(serve_base(running, folder / "base")), tools)
    shutil.rmtree(folder, ignore_errors=True)


def contents(store: ImageStore, manifest: Descriptor, folder: str) -> dict[str, str]:
    """SHA-256 of each file below a folder of an image."""
    found = {}
    for layer in store.blobs(manifest)[1:]:
        with open_layer(store, layer) as archive:
            for member in archive:
                stream = archive.extractfile(member) if member.isfile() else None
                if stream is not None and member.name.removeprefix("./").startswith(folder):
                    found[member.name.removeprefix("./")] = hashlib.sha256(stream.read()).hexdigest()
    return found
