"""Local images: digests follow content, snapshots are whole, the newest five stay."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from opsctl.errors import OpsctlError
from opsctl.local.state import StateDir
from opsctl.local.tasks.images import find_snapshot, push_image
from tests.functional.local.snapshots import image_digest, snapshot_image


@pytest.fixture
def source(tmp_path: Path) -> Path:
    source = tmp_path / "service"
    (source / "app").mkdir(parents=True)
    (source / "manage.py").write_text("print(1)\n", encoding="utf-8")
    (source / "app" / "views.py").write_text("pass\n", encoding="utf-8")
    return source


class Ecr:
    """Remembers what was put."""

    def __init__(self) -> None:
        self.put: list[dict[str, Any]] = []

    def put_image(self, **arguments: Any) -> None:
        self.put.append(arguments)


def test_it_gives_equal_trees_equal_digests(source: Path, tmp_path: Path) -> None:
    first = image_digest(source)
    os.utime(source / "manage.py", (1, 1))
    copy = source.rename(tmp_path / "elsewhere")

    assert image_digest(copy) == first
    assert first.startswith("sha256:")


@pytest.mark.parametrize("change", ["content", "name", "mode", "new"])
def test_it_gives_a_changed_tree_another_digest(source: Path, change: str) -> None:
    first = image_digest(source)
    file = source / "manage.py"
    match change:
        case "content":
            file.write_text("print(2)\n", encoding="utf-8")
        case "name":
            file.rename(source / "other.py")
        case "mode":
            file.chmod(0o755)
        case _:
            (source / "new.py").touch()

    assert image_digest(source) != first


@pytest.mark.parametrize(
    "name", ["__pycache__/a.pyc", "app/__pycache__/b.pyc", "db.sqlite3", ".DS_Store", ".venv/x.py"]
)
def test_it_leaves_caches_and_databases_out(source: Path, tmp_path: Path, name: str) -> None:
    first = image_digest(source)
    (source / name).parent.mkdir(exist_ok=True)
    (source / name).write_text("x", encoding="utf-8")

    digest = snapshot_image(source, tmp_path)

    assert digest == first
    snapshot = find_snapshot(StateDir.of(tmp_path), digest)
    assert snapshot
    assert not (snapshot / name).exists()


def test_it_keeps_a_snapshot_as_it_was(source: Path, tmp_path: Path) -> None:
    digest = snapshot_image(source, tmp_path)
    (source / "manage.py").write_text("print(2)\n", encoding="utf-8")

    snapshot = find_snapshot(StateDir.of(tmp_path), digest)

    assert snapshot
    assert (snapshot / "manage.py").read_text(encoding="utf-8") == "print(1)\n"
    assert (snapshot / "app" / "views.py").exists()


def test_it_keeps_the_five_newest_by_use(source: Path, tmp_path: Path) -> None:
    state = StateDir.of(tmp_path)
    digests = []
    for number in range(7):
        (source / "manage.py").write_text(f"print({number})\n", encoding="utf-8")
        digests.append(snapshot_image(source, tmp_path))
        for age, digest in enumerate(reversed(digests)):
            path = state.images / digest.removeprefix("sha256:")
            if path.exists():
                os.utime(path, (1_000_000 - age, 1_000_000 - age))

    assert [find_snapshot(state, each) is not None for each in digests] == [False] * 2 + [True] * 5


def test_it_pushes_the_manifest_whose_hash_is_the_digest(source: Path, tmp_path: Path) -> None:
    ecr = Ecr()
    digest = snapshot_image(source, tmp_path)

    push_image(ecr, root=tmp_path, repository="r", tag="t", digest=digest)

    put = ecr.put[0]
    assert (put["repositoryName"], put["imageTag"]) == ("r", "t")
    assert json.loads(put["imageManifest"])["mediaType"] == put["imageManifestMediaType"]


def test_it_refuses_an_empty_tree(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    with pytest.raises(OpsctlError, match="nothing to make a local image of"):
        snapshot_image(tmp_path / "empty", tmp_path)


def test_it_finds_no_snapshot_of_a_strange_digest(tmp_path: Path) -> None:
    state = StateDir.of(tmp_path)
    state.create()

    assert find_snapshot(state, "sha256:" + "0" * 64) is None
    assert find_snapshot(state, "") is None
    assert find_snapshot(state, "sha256:../tasks") is None
