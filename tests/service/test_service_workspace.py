"""Scratch folders: those of living runs are left alone, those of dead ones removed, whatever is left in them."""

from __future__ import annotations

from pathlib import Path

from salaries.ingest.workspace import scratch


def test_folders_of_dead_runs_are_swept_and_those_of_living_ones_stay(tmp_path: Path) -> None:
    with scratch(tmp_path, "living") as living:
        for name, files in {"cut-at-birth": [], "killed": ["lock", "rows.csv"], "half-removed": ["rows.csv"]}.items():
            (tmp_path / "tmp" / name).mkdir()
            for file in files:
                (tmp_path / "tmp" / name / file).write_text("x")
        with scratch(tmp_path, "next") as following:
            assert set((tmp_path / "tmp").iterdir()) == {living, following}
    assert not (tmp_path / "tmp").exists()
