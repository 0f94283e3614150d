"""The service's tests inside its own image: the final image, one more layer with tests and their packages, a read-only
root, no network, no capabilities.

What is tested is the image that is pushed: the layer on top is never part of it. Its packages come from a lock of their
own and stand behind the image's, which therefore wins where both have one. PostgreSQL's binaries are among them, so the
tests run on the database that the service has on AWS, too.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from opsctl.images.build.containers import Container, ContainerRunner
from opsctl.images.checkout.source import source_files
from opsctl.images.errors import BuildError
from opsctl.images.oci.base import clean, open_layer
from opsctl.images.oci.layers import Entry, Layer, entries_of, write_layer
from opsctl.images.oci.store import Descriptor, ImageStore
from opsctl.images.python.wheels import locked_wheels, unpack

_TESTS = "tests/service"
_LOCK = "scripts/requirements/service-tests.txt"
# A browser and what only set-up can install are no part of the service; the long proofs prove nothing about an image.
_SELECTION = (
    "-m", "not browser and not soak", "--ignore", f"{_TESTS}/test_service_fuzzing.py", "-p", "no:cacheprovider", "-q",
    _TESTS,
)  # fmt: skip
_CHOOSING = {"PYTEST_ADDOPTS", "OPSCTL_SOAK", "DJANGO_SETTINGS_MODULE"}
"""Variables by which this machine would collect other tests than run inside, or none; there they are not set."""
_PLACE = "src"
_START = f"import sys; sys.path.append('/{_PLACE}/packages'); import pytest; sys.exit(pytest.main())"
_PYTHON = re.compile(r"venv/lib/python(\d\.\d+)/site-packages")
_COLLECTED = re.compile(r"^(\d+)(?:/\d+)? tests? collected", re.MULTILINE)
_RAN = re.compile(r"(\d+) (?:passed|xfailed|xpassed)\b")


@dataclass(frozen=True)
class ServiceTests:
    """Tests images of `root`'s service."""

    root: Path
    store: ImageStore
    cache: Path
    runner: ContainerRunner

    def run(self, image: Descriptor, platform: str) -> int:
        """The number of tests that ran inside the image. Raises BuildError when one failed or was left out."""
        wanted = count_collected(self.root)
        self.runner.listener.line(f"running {wanted} tests inside the image with {self.runner.command}")
        code, lines = self.runner.run(self._container(image, platform), f"opsctl-test-{os.getpid()}")
        return judged(code, lines, wanted)

    def _container(self, image: Descriptor, platform: str) -> Container:
        described, *layers = self.store.blobs(image)
        added = self._layer(platform, image_python(self.store, layers))
        config = self.store.json(described.digest)
        # pytest-django would read the settings of a release before the tests have set theirs.
        environment = [each for each in config["config"]["Env"] if not each.startswith("DJANGO_SETTINGS_MODULE=")]
        command = ["python", "-c", _START, *_SELECTION]
        config["config"] |= {"WorkingDir": f"/{_PLACE}", "Cmd": command, "Env": environment}
        config["rootfs"]["diff_ids"].append(added.diff_id)
        config.pop("history", None)  # counts layers, and nobody reads it here
        return Container(config, (*layers, added.descriptor))

    def _layer(self, platform: str, python: str) -> Layer:
        """Tests and packages in /src, which looks like the checkout."""
        wheels = locked_wheels(self.root / _LOCK, self.cache, platform, python)
        with tempfile.TemporaryDirectory(prefix="opsctl-tests-") as temporary:
            unpack(wheels, Path(temporary))
            return write_layer(self.store, [*entries_of(Path(temporary), f"{_PLACE}/packages"), *_sources(self.root)])


def count_collected(root: Path) -> int:
    """How many tests this machine collects for the same selection. Raises BuildError when it can't."""
    environment = {name: value for name, value in os.environ.items() if name not in _CHOOSING}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", *_SELECTION], cwd=root, env=environment,
        capture_output=True, text=True, encoding="utf-8", errors="replace", check=False,
    )  # fmt: skip
    found = _COLLECTED.search(done.stdout)
    if done.returncode or found is None:
        raise BuildError(
            f"The tests in {_TESTS} can't be collected on this machine, so nobody knows how many there are.",
            code="image-tests",
            hint="Run make setup, which installs pytest beside opsctl, or build without --test.",
            detail=tuple((done.stdout + done.stderr).splitlines()),
        )
    return int(found[1])


def judged(code: int, lines: tuple[str, ...], wanted: int) -> int:
    """How many tests pytest's closing line says ran; one that was skipped did not.

    Raises BuildError when one failed, or when they are not as many as `wanted`.
    """
    if code:
        raise BuildError(
            f"The service's tests failed inside the image (pytest ended with {code}); their output is above.",
            code="image-tests",
            hint=f"`pytest {_TESTS}` runs them on this machine. What was built now got no name.",
            detail=lines,
        )
    closing = next((line for line in reversed(lines) if _RAN.search(line)), "")
    ran = sum(int(count) for count in _RAN.findall(closing))
    if ran != wanted:
        raise BuildError(
            f"{ran} tests ran inside the image, and this machine collects {wanted}.",
            code="image-tests",
            hint="A test that is skipped inside the image proves nothing about it; pytest's reasons are above.",
            detail=lines,
        )
    return ran


def image_python(store: ImageStore, layers: list[Descriptor]) -> str:
    """`3.13`: the Python of the image's virtual environment. Raises BuildError when there is none."""
    for layer in reversed(layers):
        with open_layer(store, layer) as archive:
            found = next((match for member in archive if (match := _PYTHON.match(clean(member.name)))), None)
        if found:
            return found[1]
    raise BuildError("The image holds no /venv, so it is none of the service's.")


def _sources(root: Path) -> list[Entry]:
    files = [root / "pyproject.toml", *(root / "tests").glob("*.py"), *source_files(root / _TESTS, new=True)]
    copied = [Entry(f"{_PLACE}/{path.relative_to(root).as_posix()}", source=path) for path in files]
    links = {"service": "/app", "data": "/app/data"}
    return [*copied, *(Entry(f"{_PLACE}/{name}", 0o777, link=target) for name, target in links.items())]
