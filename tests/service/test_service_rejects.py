"""What a build tells of rows and files it could not use, and what it leaves of them in the bucket."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from salaries.ingest import bucket as s3
from salaries.ingest.bucket import BucketFolder
from salaries.services.releases import release_rollback

from tests.service.test_service_refresh import Bucket

GOOD = "cargo,salary,city\ndev,1000,Recife\n"


class Shelf(Bucket):
    """A bucket that lists a prefix at once."""

    def list_objects_v2(self, **request: str) -> dict[str, Any]:
        return {"Contents": [{"Key": key, "Size": len(body)} for key, body in sorted(self.objects.items())
                             if key.startswith(request["Prefix"])]}  # fmt: skip

    def upload_file(self, path: str, bucket: str, key: str, ExtraArgs: dict[str, Any] | None = None) -> None:  # noqa: N803
        super().upload_file(path, bucket, key, ExtraArgs or {"Metadata": {}})

    def rejects(self, run: str) -> str:
        return gzip.decompress(self.objects[f"runs/{run}/rejects.csv.gz"]).decode()


@pytest.fixture
def shelf(monkeypatch: pytest.MonkeyPatch) -> Shelf:
    """The dataset bucket, as the settings would name it."""
    found = Shelf({})
    for module in ("bucket", "runs"):
        monkeypatch.setattr(f"salaries.ingest.{module}.s3_of_settings", lambda: ("data", found))
    return found


def run(data_dir: Path, files: dict[str, str | bytes], command: str = "build_salary_dataset", **options: Any) -> str:
    """Put the files into `raw/`, run the command, and return what it printed."""
    for name, content in files.items():
        path = data_dir / "raw" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    out = io.StringIO()
    call_command(command, stdout=out, stderr=out, **options)
    return out.getvalue()


def workbook() -> bytes:
    """A spreadsheet's beginning: a packed file."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("xl/workbook.xml", "<x/>")
    return packed.getvalue()


ODD: dict[str, tuple[str | bytes, str]] = {
    "page.csv": ("<!doctype html>\n<p>\n", "page.csv is HTML or XML, not a CSV"),
    "book.csv": (workbook(), "book.csv is a packed file, such as a renamed xlsx, not a CSV"),
    "head.csv": ("role,salary\n", "head.csv holds no row below its header"),
    "empty.csv": ("", "empty.csv is empty"),
    "other.csv": ("a;b\n1;2\n", "other.csv names none of the known columns in its first line"),
}


@pytest.mark.parametrize("name", ODD)
def test_a_file_that_gives_no_row_is_told_and_fails_when_strict_or_alone(data_dir: Path, name: str) -> None:
    content, told = ODD[name]
    out = run(data_dir, {"good.csv": GOOD, name: content})
    assert f"  warning: {told}\n" in out
    with pytest.raises(CommandError, match=rf"Not every raw file holds rows \({name}\)"):
        run(data_dir, {}, strict=True)
    (data_dir / "raw" / "good.csv").unlink()
    (data_dir / "salaries.csv").unlink()
    with pytest.raises(CommandError, match="No raw file holds rows") as caught:
        run(data_dir, {})
    assert told in str(caught.value)
    assert not (data_dir / "salaries.csv").exists()


def test_rows_in_another_encoding_come_with_the_way_to_say_so(data_dir: Path) -> None:
    latin = "role,city,salary\ndev,São Paulo,1000\nops,Recife,2000\n".encode("latin-1")
    out = run(data_dir, {"latin.csv": latin})
    assert "  warning: latin.csv: 1 row not in the file's encoding; declare its `encoding`" in out
    assert "encoding" not in run(data_dir, {"latin.csv": latin.replace(b"\xe3", b"a")})


def test_the_first_three_rejects_of_each_reason_are_shown_with_file_and_line(data_dir: Path) -> None:
    rows = "".join(f"dev,n{number}\n" for number in range(1200))
    out = run(data_dir, {"a.csv": f"role,salary\n,5\ndev,7\n{rows}", "b.csv": "role,salary\n,5\n,6\ndev,\x1b[31m\n"})
    assert out.splitlines()[:11] == [
        "1,205 rows in = 1 rows out + 0 duplicates + 0 of other countries + 1,204 rejected (2 files)",
        "  rejected: 1,201 × not a number",
        "    a.csv:4  n0", "    a.csv:5  n1", "    a.csv:6  n2",
        "  rejected: 3 × role is missing",
        "    a.csv:2", "    b.csv:2", "    b.csv:3",
        f"  every rejected row is listed in {data_dir / 'rejects.csv'}",
        *out.splitlines()[10:11],
    ]  # fmt: skip
    assert "\x1b" not in run(data_dir, {"a.csv": "role,salary\ndev,\x1b[31m\nops,1\n"})


def test_a_build_leaves_report_and_rejects_and_a_load_keeps_them_with_its_release(
    database: str, data_dir: Path, shelf: Shelf
) -> None:
    assert "by `opsctl dataset rejects`" in run(data_dir, {"a.csv": f"{GOOD},5,\n"})
    assert shelf.rejects("last") == "file,line,reason,value\na.csv,3,role is missing,\n"
    report = json.loads(shelf.objects["runs/last/salaries.build.json"])
    assert report["samples"] == {
        "role is missing": [{"file": "a.csv", "line": 3, "reason": "role is missing", "value": ""}]
    }
    run(data_dir, {}, "load_salary_dataset")
    assert shelf.rejects("r1") == shelf.rejects("last")
    run(data_dir, {"a.csv": f"{GOOD}ops,x,\n"})
    assert "not a number" in shelf.rejects("last")
    assert "role is missing" in shelf.rejects("r1")


def test_what_belongs_to_releases_that_are_gone_is_removed(database: str, data_dir: Path, shelf: Shelf) -> None:
    rows = [f"dev,{number},\n" for number in range(1, 8)]
    for size in range(1, 8):
        run(data_dir, {"a.csv": "cargo,salary,city\n" + "".join(rows[:size])})
        run(data_dir, {}, "load_salary_dataset")
    runs = {key.split("/")[1] for key in shelf.objects}
    assert runs == {"last", "r4", "r5", "r6", "r7"}


def test_a_bucket_that_takes_nothing_after_the_load_does_not_make_it_fail(
    database: str, data_dir: Path, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    from botocore.exceptions import EndpointConnectionError

    run(data_dir, {"a.csv": GOOD})

    def refuse(*_: object, **__: object) -> None:
        raise EndpointConnectionError(endpoint_url="https://s3")

    monkeypatch.setattr(shelf, "upload_file", refuse)
    out = run(data_dir, {}, "load_salary_dataset")
    assert "release r1: loaded and active (1 row, 1 role," in out
    assert "warning: `opsctl dataset rejects 1` will not find them." in out
    with pytest.raises(CommandError, match="Bucket data can't be synced"):
        run(data_dir, {})


def test_a_raw_file_that_is_removed_during_a_run_does_not_come_back(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "bad.csv").write_text("1")
    (source / "old.csv").write_text("2")
    store = Shelf({})
    BucketFolder("bucket", store).push(source)
    raw = tmp_path / "raw"
    folder = BucketFolder("bucket", store)
    folder.pull(raw)
    del store.objects["raw/bad.csv"], store.objects["raw/old.csv"]
    (raw / "old.csv").write_text("fetched anew")
    assert folder.push(raw) == "1 changed file to s3://bucket/raw/"
    assert list(store.objects) == ["raw/old.csv"]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_refresh_hands_on_what_was_allowed(database: str, data_dir: Path, settings: Any, tmp_path: Path) -> None:
    settings.SALARY_SOURCES = tmp_path / "none.json"
    settings.SALARY_SOURCES.write_text('{"sources": []}')
    run(data_dir, {"a.csv": GOOD}, "refresh_salary_dataset")
    run(data_dir, {"b.csv": "cargo,salary,city\nbad,1,\n"}, "refresh_salary_dataset")
    release_rollback()
    with pytest.raises(CommandError, match="rolled back from") as caught:
        run(data_dir, {}, "refresh_salary_dataset")
    assert caught.value.returncode == 6
    assert "release r3: loaded and active (2 rows, 2 roles" in run(
        data_dir, {}, "refresh_salary_dataset", allow_rolled_back=True
    )


def test_a_laptop_has_no_bucket(settings: Any) -> None:
    settings.DATASET_BUCKET = ""
    assert s3.s3_of_settings() is None
