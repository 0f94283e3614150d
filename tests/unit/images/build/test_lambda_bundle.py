"""The bundle of the DbInit Lambda: same bytes every time, complete, and nothing in it that doesn't belong."""

from __future__ import annotations

import hashlib
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from opsctl.images.build.lambda_bundle import (
    Architecture,
    Bundle,
    BundleError,
    build_bundle,
    content_hash,
    download_wheel,
)

ROOT = Path(__file__).parents[4]
PACKAGE = {path.relative_to(ROOT).as_posix() for path in (ROOT / "opsctl" / "dbroles").rglob("*.py")}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A small repository with a lock for the wheel that `FakeIndex` serves."""
    root = tmp_path / "repository"
    (root / "opsctl" / "dbroles" / "__pycache__").mkdir(parents=True)
    (root / "opsctl" / "cli").mkdir()
    (root / "opsctl" / "__init__.py").write_text("")
    (root / "opsctl" / "errors.py").write_text("")
    (root / "opsctl" / "cli" / "app.py").write_text("")
    (root / "opsctl" / "dbroles" / "handler.py").write_text("def handler(): ...\n")
    (root / "opsctl" / "dbroles" / "__pycache__" / "handler.cpython-313.pyc").write_bytes(b"cache")
    return root


class FakeIndex:
    """Serves one wheel per architecture and counts the downloads."""

    def __init__(self, root: Path) -> None:
        self.downloads: list[Architecture] = []
        self.wheels = {name: root / f"{name}.whl" for name in ("x86_64", "arm64")}
        hashes = []
        for name, path in self.wheels.items():
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr("psycopg2/__init__.py", "")
                archive.writestr("psycopg2/_psycopg.cpython-313-linux-gnu.so", name)
                archive.writestr("psycopg2_binary.libs/libpq-1.so.5.17", name)
                archive.writestr("psycopg2_binary-1.dist-info/METADATA", "Name: psycopg2-binary")
            hashes.append(hashlib.sha256(path.read_bytes()).hexdigest())
        lock = "psycopg2-binary==1 " + " ".join(f"--hash=sha256:{one}" for one in hashes)
        (root / "opsctl" / "dbroles" / "lambda-requirements.txt").write_text(lock)

    def __call__(self, lock: Path, directory: Path, architecture: Architecture) -> None:
        self.downloads.append(architecture)
        (directory / "psycopg2_binary-1.whl").write_bytes(self.wheels[architecture].read_bytes())


def names_in(path: Path) -> set[str]:
    with zipfile.ZipFile(path) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The local target's bundle, which takes half a second."""
    return build_bundle(ROOT, target="local", cache_dir=tmp_path_factory.mktemp("bundle"))


def test_it_builds_the_same_bytes_twice(first: Bundle, tmp_path: Path) -> None:
    second = build_bundle(ROOT, target="local", cache_dir=tmp_path)
    assert first.path != second.path
    assert first.sha256 == second.sha256
    assert first.path.name == second.path.name == f"db-init-local-{first.sha256[:32]}.zip"
    assert first.path.read_bytes() == second.path.read_bytes()


def test_it_holds_this_package_psycopg2_and_nothing_else(first: Bundle) -> None:
    names = names_in(first.path) - {"certs/rds.pem"}
    own = {name for name in names if name.startswith("opsctl/")}
    assert own == {"opsctl/__init__.py", *PACKAGE}
    assert {name.partition("/")[0] for name in names - own} <= {"psycopg2", "psycopg2_binary.libs"}
    assert any(name.startswith("psycopg2/_psycopg.") for name in names)
    assert not any("__pycache__" in name or name.endswith((".pyc", ".txt")) for name in names)


def test_it_fixes_times_and_permissions(first: Bundle) -> None:
    with zipfile.ZipFile(first.path) as archive:
        entries = archive.infolist()
    assert [entry.filename for entry in entries] == sorted(entry.filename for entry in entries)
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    modes = {stat.S_IMODE(entry.external_attr >> 16): ".so" in entry.filename for entry in entries}
    assert modes == {0o644: False, 0o755: True}


def test_its_handler_can_be_imported_from_the_zip_alone(first: Bundle, tmp_path: Path) -> None:
    """The unpacked bundle is the only place that has opsctl and psycopg2; boto3 is imported where it is used."""
    with zipfile.ZipFile(first.path) as archive:
        archive.extractall(tmp_path / "task")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path / 'task')!r});"
        "from opsctl.dbroles.handler import handler;"
        "from opsctl.dbroles import service, connection;"
        "import psycopg2; assert 'task' in psycopg2.__file__ and 'task' in service.__file__;"
        "assert 'boto3' not in sys.modules;"
        "print(handler({'Action': 'check', 'ResourceProperties': {}}, None)['error']['code'])"
    )
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("bad-event", "")


def test_it_uses_the_locked_wheel_for_aws_and_downloads_it_once(repository: Path, tmp_path: Path) -> None:
    index = FakeIndex(repository)
    first = build_bundle(repository, target="aws", cache_dir=tmp_path / "cache", download=index)
    again = build_bundle(repository, target="aws", cache_dir=tmp_path / "cache", download=index)
    assert first == again
    assert first.has_certificate
    assert index.downloads == ["x86_64"]
    assert names_in(first.path) == {
        "certs/rds.pem",
        "opsctl/__init__.py",
        "opsctl/dbroles/handler.py",
        "psycopg2/__init__.py",
        "psycopg2/_psycopg.cpython-313-linux-gnu.so",
        "psycopg2_binary.libs/libpq-1.so.5.17",
    }


def test_it_takes_the_wheel_of_the_functions_architecture(repository: Path, tmp_path: Path) -> None:
    index = FakeIndex(repository)
    bundles = [
        build_bundle(repository, target="aws", cache_dir=tmp_path, download=index, architecture=name)
        for name in ("x86_64", "arm64")
    ]
    assert bundles[0].sha256 != bundles[1].sha256
    assert index.downloads == ["x86_64", "arm64"]


def test_it_refuses_a_wheel_that_the_lock_does_not_name(repository: Path, tmp_path: Path) -> None:
    FakeIndex(repository)

    def swap(lock: Path, directory: Path, architecture: Architecture) -> None:
        (directory / "psycopg2_binary-1.whl").write_bytes(b"something else")

    with pytest.raises(BundleError, match="No downloaded wheel has a hash"):
        build_bundle(repository, target="aws", cache_dir=tmp_path, download=swap)


def test_it_builds_nothing_for_aws_without_the_ca_bundle(repository: Path, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="certificates of RDS are not beside opsctl"):
        build_bundle(
            repository, target="aws", cache_dir=tmp_path, download=FakeIndex(repository), certificate=tmp_path / "none"
        )


def test_its_hash_changes_with_contents_names_and_permissions() -> None:
    hashes = {
        content_hash({"a.py": b"x"}),
        content_hash({"a.py": b"y"}),
        content_hash({"b.py": b"x"}),
        content_hash({"a.so": b"x"}),
        content_hash({"a.py": b"x", "b.py": b""}),
    }
    assert len(hashes) == 5
    assert content_hash({"a.py": b"1", "b.py": b"2"}) == content_hash({"b.py": b"2", "a.py": b"1"})


def test_it_leaves_no_half_written_zip(repository: Path, tmp_path: Path) -> None:
    index = FakeIndex(repository)
    cache = tmp_path / "cache"
    build_bundle(repository, target="aws", cache_dir=cache, download=index)
    assert [path.suffix for path in cache.iterdir() if path.is_file()] == [".zip"]


def test_it_says_why_pip_failed(tmp_path: Path) -> None:
    lock = tmp_path / "lock.txt"
    lock.write_text("this is no requirement\n")
    with pytest.raises(BundleError, match="pip could not download psycopg2 for Lambda"):
        download_wheel(lock, tmp_path, "x86_64")


def test_its_lock_names_one_version_and_holds_no_address() -> None:
    text = (ROOT / "opsctl" / "dbroles" / "lambda-requirements.txt").read_text()
    lines = [line for line in text.splitlines() if "==" in line]
    assert len(lines) == 1
    assert text.count("--hash=sha256:") == 2
    assert "http" not in text
