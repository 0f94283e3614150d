"""`export_dashboard`: files, names, sizes, determinism, what is left out when it gets too large."""

from __future__ import annotations

import io
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import boto3
import pytest
from django.core.management import CommandError, call_command
from moto import mock_aws
from salaries.services.releases import release_load

from tests.service.datasets import ROWS, write_canonical


def export(target: Path, **options: object) -> dict[str, bytes]:
    """Export, and return the files by name."""
    call_command("export_dashboard", output_dir=target, verbosity=0, **options)
    return {path.relative_to(target).as_posix(): path.read_bytes() for path in target.rglob("*") if path.is_file()}


def test_two_exports_of_a_release_are_the_same_bytes(loaded: str, tmp_path: Path) -> None:
    first = export(tmp_path / "one")
    assert export(tmp_path / "two") == first
    assert export(tmp_path / "one") == first


def test_the_page_names_only_files_of_the_bundle(loaded: str, tmp_path: Path) -> None:
    files = export(tmp_path / "d", filename="page.html")
    page = files["page.html"].decode()
    assert "Tech Salary Insights</h1>" in page
    named = re.findall(r'(?:src|href)="([^"#][^"]*)"', page)
    assert {name for name in named if name != "data:,"} <= set(files)
    assert b"sourceMappingURL" not in b"".join(files.values())
    index = next(body for name, body in files.items() if name.startswith("data/index."))
    content = json.loads(index.decode().removeprefix("window.salaryIndex=").removesuffix(";\n"))
    assert {role for role, _ in content["files"]} == {row[1] for row in ROWS}
    assert {name for _, name in content["files"]} <= set(files)
    assert content["left_out"] == []


def test_files_of_an_earlier_release_are_removed_and_others_left_alone(
    loaded: str, data_dir: Path, tmp_path: Path
) -> None:
    target = tmp_path / "d"
    before = export(target)
    others = ("robots.txt", "data/mine.js", "dashboard.mine.css")
    for name in others:
        (target / name).write_text("mine")
    release_load(canonical=write_canonical(data_dir / "c.csv", ROWS[:50]), append=False, allow_shrink=False)
    after = export(target)
    assert {after.pop(name) for name in others} == {b"mine"}
    assert len(after) == len(before)
    assert {name for name in before if name.startswith("data/")}.isdisjoint(after)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_filters_are_left_out_one_by_one_when_the_data_is_too_large(
    loaded: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = export(tmp_path / "d")
    for left_out, said in ((["quarter"], "dates"), (["quarter", "work_model"], "dates, filter work_model")):
        size = sum(len(body) for name, body in files.items() if name.startswith("data/") and "index" not in name)
        files = export(tmp_path / "d", max_bytes=size - 1)
        index = next(body for name, body in files.items() if name.startswith("data/index."))
        assert f'"left_out":{json.dumps(left_out, separators=(",", ":"))}'.encode() in index
        assert f"left out to stay below the limit: {said}\n" in capsys.readouterr().out
    with pytest.raises(CommandError, match="even without any filter"):
        export(tmp_path / "d", max_bytes=10)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_it_needs_a_release_and_a_plain_file_name(database: str, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="no dataset release"):
        export(tmp_path)
    for name in ("../index.html", "", ".", "a\nb.html"):
        with pytest.raises(CommandError, match="must be a plain file name"):
            export(tmp_path, filename=name)
    with pytest.raises(CommandError, match="no DATASET_BUCKET"):
        call_command("export_dashboard", to_bucket=True)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_it_is_handed_over_as_one_archive_of_the_same_bytes(
    loaded: str, tmp_path: Path, settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.DATASET_BUCKET = "dataset"
    files = export(tmp_path / "d")
    taken = []
    with mock_aws():
        store = boto3.client("s3", region_name="us-east-1")
        store.create_bucket(Bucket="dataset")
        for _ in range(2):
            call_command("export_dashboard", to_bucket=True)
            taken.append(store.get_object(Bucket="dataset", Key="dashboard/bundle.zip")["Body"].read())
    assert taken[0] == taken[1]
    with zipfile.ZipFile(io.BytesIO(taken[0])) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == files
    assert f"s3://dataset/dashboard/bundle.zip: release r1, {len(files)} files" in capsys.readouterr().out


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_bucket_that_takes_nothing_is_one_sentence(loaded: str, settings: Any) -> None:
    settings.DATASET_BUCKET = "missing"
    with mock_aws(), pytest.raises(CommandError, match="Bucket missing does not take the export"):
        call_command("export_dashboard", to_bucket=True)
