"""Templates written to a directory and compared with it."""

from __future__ import annotations

from pathlib import Path

from opsctl.stacks import synth
from tests.unit.stacks.reading import environment

RENDERED = {"dev/network.yaml": "a\n", "dev/data.yaml": "b\n", "prd/data.yaml": "é\n"}


def test_it_writes_what_is_missing_and_then_has_nothing_to_do(tmp_path: Path) -> None:
    first = synth.write(RENDERED, tmp_path, everything=True)
    assert first.missing == tuple(RENDERED)
    assert not first.in_sync
    again = synth.compare(RENDERED, tmp_path, everything=True)
    assert again.in_sync
    assert again.unchanged == tuple(RENDERED)
    assert (tmp_path / "prd/data.yaml").read_bytes() == "é\n".encode()


def test_comparing_writes_nothing(tmp_path: Path) -> None:
    synth.compare(RENDERED, tmp_path / "templates", everything=True)
    assert list(tmp_path.iterdir()) == []


def test_it_rewrites_only_what_changed(tmp_path: Path) -> None:
    synth.write(RENDERED, tmp_path, everything=True)
    (tmp_path / "dev/data.yaml").write_text("edited by hand\n")
    before = (tmp_path / "dev/network.yaml").stat().st_mtime_ns
    result = synth.write(RENDERED, tmp_path, everything=True)
    assert (result.changed, result.missing, result.stray) == (("dev/data.yaml",), (), ())
    assert (tmp_path / "dev/data.yaml").read_text() == "b\n"
    assert (tmp_path / "dev/network.yaml").stat().st_mtime_ns == before


def test_it_removes_templates_of_stacks_and_environments_that_are_gone(tmp_path: Path) -> None:
    synth.write(RENDERED, tmp_path, everything=True)
    for stray in ("dev/edge.yaml", "old/data.yaml"):
        (tmp_path / stray).parent.mkdir(exist_ok=True)
        (tmp_path / stray).write_text("stale\n")
    (tmp_path / "README.md").write_text("not a template\n")
    result = synth.write(RENDERED, tmp_path, everything=True)
    assert result.stray == ("dev/edge.yaml", "old/data.yaml")
    assert not (tmp_path / "old").exists()
    assert (tmp_path / "README.md").exists()


def test_rendering_one_environment_leaves_the_folders_of_others_alone(tmp_path: Path) -> None:
    synth.write(RENDERED, tmp_path, everything=True)
    (tmp_path / "dev/edge.yaml").write_text("stale\n")
    (tmp_path / "prd/edge.yaml").write_text("stale\n")
    only_dev = {name: text for name, text in RENDERED.items() if name.startswith("dev/")}
    assert synth.write(only_dev, tmp_path, everything=False).stray == ("dev/edge.yaml",)
    assert (tmp_path / "prd/edge.yaml").exists()


def test_a_line_ending_counts_as_a_difference(tmp_path: Path) -> None:
    synth.write(RENDERED, tmp_path, everything=True)
    (tmp_path / "dev/data.yaml").write_bytes(b"b\r\n")
    assert synth.compare(RENDERED, tmp_path, everything=True).changed == ("dev/data.yaml",)


def test_paths_are_environment_and_stack() -> None:
    assert list(synth.render([environment("local")]))[:2] == ["local/bootstrap.yaml", "local/platform.yaml"]
