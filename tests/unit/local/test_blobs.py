"""Layers of images in the emulator's state: written once, read back as they were, removed with what named them."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ministack.core import persistence as ministack_persistence

from opsctl import private
from opsctl.local.emulator import blobs, persistence

LAYER, OTHER = b"a" * blobs.LEAST, b"b" * blobs.LEAST


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that were written."""
    names: list[str] = []
    replace = private.replace_file

    def noted(path: Path, data: bytes) -> None:
        names.append(path.name)
        replace(path, data)

    monkeypatch.setattr(private, "replace_file", noted)
    return names


def snapshots(folder: Path, state: dict[str, Any]) -> persistence.Snapshots:
    app = SimpleNamespace(_build_persistence_save_dict=lambda: {"ecr": lambda: dict(state)})
    return persistence.Snapshots(
        folder, app, ministack_persistence, changes=lambda: 1, lines=lambda: 0, busy=lambda: False
    )


def read(folder: Path) -> Any:
    """What ministack reads at its next start."""
    hooks = SimpleNamespace(_json_object_hook=ministack_persistence._json_object_hook)
    blobs.resolve(hooks, folder)
    return json.loads((folder / "ecr.json").read_text(), object_hook=hooks._json_object_hook)["payload"]


def test_a_layer_is_written_once_and_comes_back_as_it_was(tmp_path: Path, written: list[str]) -> None:
    state: dict[str, Any] = {"layers": {"one": LAYER, "again": bytes(bytearray(LAYER))}, "manifest": b"{}"}
    kept = snapshots(tmp_path, state)
    kept.flush()
    state["tags"] = ["v1"]
    kept.flush()
    snapshots(tmp_path, state).flush()  # of another emulator, which has read it
    assert [written.count(name) for name in (*{*written} - {"ecr.json"}, "ecr.json")] == [1, 3]
    assert (tmp_path / "ecr.json").stat().st_size < 1000
    assert read(tmp_path) == state


def test_a_layer_goes_with_what_named_it_and_no_other(tmp_path: Path) -> None:
    state: dict[str, Any] = {"one": LAYER, "two": OTHER}
    kept = snapshots(tmp_path, state)
    kept.flush()
    del state["one"]
    kept.flush()
    assert read(tmp_path) == {"two": OTHER}
    assert len(list((tmp_path / "ecr.blobs").iterdir())) == 1
    state["two"] = b"short"
    kept.flush()
    assert list((tmp_path / "ecr.blobs").iterdir()) == []


def test_what_the_emulator_writes_at_its_end_is_the_same(tmp_path: Path) -> None:
    state = {"one": LAYER}
    kept = snapshots(tmp_path, state)
    app: Any = kept._app
    persistence_module = SimpleNamespace(**vars(ministack_persistence))
    kept._persistence = persistence_module
    kept.install()
    app.save_all({"ecr": lambda: state})
    assert read(tmp_path) == state
    assert "YWFh" not in (tmp_path / "ecr.json").read_text()
