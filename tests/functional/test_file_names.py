"""Names of files: any that is UTF-8 works under every locale, alike; one that is not is told by its path."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from opsctl.aws.s3 import S3
from opsctl.config.application import Application
from opsctl.deploy.events import silent
from opsctl.errors import OpsctlError
from opsctl.images.checkout.project import Project
from opsctl.operate.publishing import site_files
from opsctl.operate.raw_files import sync
from opsctl.paths import below, portable
from tests.functional.cli import ROOT
from tests.functional.local.snapshots import image_digest, snapshot_image

ASCII = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C"}
ACCENTED = "caf\N{LATIN SMALL LETTER E WITH ACUTE}"


def project_of(root: Path) -> Project:
    """An application in service/ that ships data/ as well."""
    return Project(root, Application.model_validate({"path": "service", "include": ("../data",)}))


def shipped_files(root: Path) -> list[tuple[str, Path]]:
    return project_of(root).files


class Bucket(S3):
    """An S3 that keeps which key came from which file."""

    def __init__(self) -> None:
        no_client = SimpleNamespace(meta=SimpleNamespace(events=SimpleNamespace(register=lambda *_: None)))
        super().__init__(no_client, "us-east-1")
        self.held: dict[str, bytes] = {}

    def sizes(self, bucket: str, prefix: str) -> dict[str, int]:
        return {}

    def upload(
        self, bucket: str, key: str, path: Path, *, content_type: str | None = None, cache_control: str | None = None
    ) -> None:
        self.held[key] = path.read_bytes()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A service with one file, a raw file, a site."""
    for name in ("service/migrations/0001_a.py", "data/raw/a.csv", "site/a.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x", encoding="utf-8")
    return tmp_path


READERS: dict[str, Callable[[Path], object]] = {
    "content digest": lambda root: project_of(root).version,
    "migrations": lambda root: project_of(root).migrations,
    "image": shipped_files,
    "local image": lambda root: snapshot_image(root / "service", root),
    "raw files": lambda root: sync(Bucket(), "b", root / "data" / "raw", silent),
    "site": lambda root: site_files(root / "site"),
}
FOLDERS = {"migrations": "service/migrations", "raw files": "data/raw", "site": "site"}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("with_git", [False, True], ids=["no git", "git"])
def test_a_name_that_is_no_utf_8_is_told_by_its_path(reader: str, with_git: bool, project: Path) -> None:
    folder = project / FOLDERS.get(reader, "service")
    bad = os.fsencode(folder) + (b"/0002_\xe9.py" if reader == "migrations" else b"/\xe9.csv")
    Path(os.fsdecode(bad)).touch()
    if with_git:
        subprocess.run(["git", "init", "--quiet", str(project)], check=True)
    with pytest.raises(OpsctlError) as caught:
        READERS[reader](project)
    shown = bad.decode("utf-8", "backslashreplace")
    assert caught.value.message == f"The name of {shown} is not UTF-8, so it can't be taken to another machine."
    assert (caught.value.exit_code, caught.value.code) == (1, "name-not-utf-8")


PROGRAM = """\
import sys
from pathlib import Path
from types import SimpleNamespace
sys.path.insert(0, {tests!r})
from tests.functional.test_file_names import digests
print(*digests(Path({root!r})), sep="\\n")
"""


def digests(root: Path) -> list[str]:
    """What depends on names, in ASCII."""
    bucket = Bucket()
    sync(bucket, "b", root / "data" / "raw", silent)
    return [
        project_of(root).version.tag,
        image_digest(root / "service"),
        snapshot_image(root / "service", root),
        ascii(sorted(bucket.held)),
        ascii([name for name, _ in shipped_files(root)]),
        ascii(sorted(site_files(root / "site"))),
        ascii([below(root / "site", name).read_bytes() for name in site_files(root / "site")]),
    ]


@pytest.mark.parametrize("with_git", [False, True], ids=["no git", "git"])
def test_names_are_the_same_under_every_locale(with_git: bool, project: Path) -> None:
    for folder, suffix in (("service", ".py"), ("data/raw", ".csv"), ("site", ".txt")):
        (project / folder / f"{ACCENTED}{suffix}").write_text("x", encoding="utf-8")
    if with_git:
        subprocess.run(["git", "init", "--quiet", str(project)], check=True)
    found = []
    for locale in (ASCII, {"PYTHONUTF8": "1"}):
        shutil.rmtree(project / ".opsctl", ignore_errors=True)
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM.format(tests=str(ROOT), root=str(project))],
            env={**os.environ, "PYTHONPATH": str(ROOT), **locale}, capture_output=True, encoding="ascii", check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        found.append(done.stdout.splitlines())
    assert found[0] == found[1]
    assert ascii(f"raw/{ACCENTED}.csv") in found[0][3]


def test_a_portable_name_leads_back_to_its_file(tmp_path: Path) -> None:
    path = tmp_path / "a" / ACCENTED
    assert portable(path, tmp_path) == f"a/{ACCENTED}"
    assert below(tmp_path, portable(path, tmp_path)) == path
