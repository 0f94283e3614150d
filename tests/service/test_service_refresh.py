"""`refresh_salary_dataset`: the whole way from a fresh clone, repeated, with a bucket around it."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import pytest
from botocore.stub import Stubber
from django.core.management import CommandError, call_command
from django.test import Client
from salaries.ingest.bucket import BucketFolder
from salaries.ingest.errors import IngestError
from salaries.models import DatasetRelease

REPOSITORY = Path(__file__).resolve().parents[2]


def refresh(**options: Any) -> str:
    """Run the command and return what it printed."""
    out = io.StringIO()
    call_command("refresh_salary_dataset", stdout=out, stderr=out, **options)
    return out.getvalue()


def test_a_fresh_clone_gets_its_sample_without_a_network(database: str, data_dir: Path, client: Client) -> None:
    out = refresh()
    assert "sample  fetched" in out
    assert "170 rows in = 170 rows out + 0 duplicates + 0 of other countries + 0 rejected" in out
    facets = client.get("/api/filters/").json()
    assert len(facets["roles"]) == 10
    assert len(facets["levels"]) == 4
    assert len(facets["work_models"]) == 3
    summary = client.get("/api/salaries/", {"role": "devops_engineer"}).json()
    assert summary["total_observations"] == 17


def test_a_second_refresh_changes_nothing(database: str, data_dir: Path) -> None:
    refresh()
    first = DatasetRelease.objects.get()
    out = refresh()
    assert "sample  unchanged" in out
    assert "already active, nothing to load" in out
    assert DatasetRelease.objects.get().checksum == first.checksum


def test_each_step_runs_alone_and_a_load_builds_first(database: str, data_dir: Path) -> None:
    out = refresh(only="fetch")
    assert "sample  fetched" in out
    assert "rows in" not in out
    out = refresh(only="build")
    assert "170 rows in = 170 rows out" in out
    assert DatasetRelease.objects.count() == 0
    shutil.rmtree(data_dir / "tmp", ignore_errors=True)
    (data_dir / "salaries.csv").unlink()
    out = refresh(only="load")
    assert "sample" not in out
    assert "release r1: loaded and active" in out


def test_a_load_can_append(database: str, data_dir: Path) -> None:
    refresh()
    (data_dir / "raw" / "sample" / "sample_salaries.csv").write_text("cargo,salary,uf\nSRE,1000,sp\n")
    assert "(171 rows" in refresh(only="load", append=True)


def test_a_fetch_alone_fails_when_nothing_came(database: str, data_dir: Path, tmp_path: Path, settings: Any) -> None:
    refresh()
    settings.SALARY_SOURCES = tmp_path / "sources.json"
    settings.SALARY_SOURCES.write_text(json.dumps({"sources": [{"name": "gone", "url": "gone.csv"}]}))
    with pytest.raises(CommandError, match="No source could be fetched"):
        refresh(only="fetch")


def test_files_put_there_by_hand_count_the_same_also_in_subfolders(database: str, data_dir: Path) -> None:
    refresh()
    folder = data_dir / "raw" / "by" / "hand"
    folder.mkdir(parents=True)
    (folder / "more.csv").write_text("cargo,salary,uf\nSRE,1000,sp\n")
    assert "171 rows in = 171 rows out" in refresh()


def test_a_failed_fetch_still_builds_what_is_there_unless_strict(
    database: str, data_dir: Path, tmp_path: Path, settings: Any
) -> None:
    refresh()
    settings.SALARY_SOURCES = tmp_path / "sources.json"
    settings.SALARY_SOURCES.write_text(json.dumps({"sources": [{"name": "gone", "url": "gone.csv"}]}))
    assert "Going on with the raw files that are there." in refresh()
    with pytest.raises(CommandError, match=r"No source could be fetched \(gone\)"):
        refresh(strict=True)
    shutil.rmtree(data_dir / "raw")
    with pytest.raises(CommandError, match="No source could be fetched"):
        refresh()
    assert DatasetRelease.objects.count() == 1


def test_a_refresh_that_would_lose_half_the_data_is_refused(database: str, data_dir: Path) -> None:
    refresh()
    path = data_dir / "raw" / "sample" / "sample_salaries.csv"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:20]))
    with pytest.raises(CommandError, match="would shrink the data below half"):
        refresh()
    assert "loaded and active" in refresh(allow_shrink=True)


class Bucket:
    """As much of S3 as syncing uses; lists one key a page, as a long listing would.

    ETags are those of a bucket with a key of KMS: another one with every write, and never an MD5.
    """

    def __init__(self, objects: dict[str, bytes]) -> None:
        self.objects = dict(objects)
        self.noted: dict[str, dict[str, str]] = {}
        self.copied: list[str] = []

    def list_objects_v2(self, **request: str) -> dict[str, Any]:
        keys = sorted(key for key in self.objects if key.startswith(request["Prefix"]))
        at = int(request.get("ContinuationToken", "0"))
        contents = [
            {"Key": key, "Size": len(self.objects[key]), "ETag": f'"{uuid4().hex}"'} for key in keys[at : at + 1]
        ]
        more = at + 1 < len(keys)
        return {"Contents": contents, "IsTruncated": more} | ({"NextContinuationToken": str(at + 1)} if more else {})

    def head_object(self, **request: str) -> dict[str, Any]:
        return {"Metadata": self.noted.get(request["Key"], {}), "ETag": f'"{uuid4().hex}"'}

    def download_file(self, bucket: str, key: str, path: str) -> None:
        self.copied.append(f"down {key}")
        Path(path).write_bytes(self.objects[key])

    def upload_file(self, path: str, bucket: str, key: str, ExtraArgs: dict[str, Any]) -> None:  # noqa: N803
        self.copied.append(f"up {key}")
        self.objects[key] = Path(path).read_bytes()
        self.noted[key] = ExtraArgs["Metadata"]

    def delete_object(self, **request: str) -> None:
        del self.objects[request["Key"]]


def test_the_bucket_is_mirrored_and_only_what_differs_is_copied(tmp_path: Path) -> None:
    bucket = Bucket({"raw/a.csv": b"1", "raw/sub/b.csv": b"2", "raw/.fetch-state.json": b"{}", "other/c.csv": b"3"})
    raw = tmp_path / "raw"
    (raw / "old").mkdir(parents=True)
    (raw / "old" / "gone.csv").write_text("x")
    folder = BucketFolder("bucket", bucket)
    assert folder.pull(raw) == "2 raw files from s3://bucket/raw/, 1 local one removed"
    assert sorted(path.relative_to(raw).as_posix() for path in raw.rglob("*") if path.is_file()) == [
        ".fetch-state.json",
        "a.csv",
        "sub/b.csv",
    ]
    # Put there by other means, so nobody knows what they hold: they go up once, and are known from then on.
    assert folder.push(raw) == "3 changed files to s3://bucket/raw/"
    bucket.copied.clear()
    folder.pull(raw)
    assert folder.push(raw) == "0 changed files to s3://bucket/raw/"
    assert bucket.copied == []
    (raw / "sub" / "b.csv").write_bytes(b"3")
    (raw / "a.csv").unlink()
    bucket.objects["raw/new.csv"] = b"4"  # by somebody else, since the pull
    assert folder.push(raw) == "1 changed file to s3://bucket/raw/, 1 replaced one removed"
    assert bucket.copied == ["up raw/sub/b.csv"]
    assert sorted(bucket.objects) == ["other/c.csv", "raw/.fetch-state.json", "raw/new.csv", "raw/sub/b.csv"]


def test_what_comes_down_is_what_went_up(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "a.csv").write_bytes(b"1")
    bucket = Bucket({})
    BucketFolder("bucket", bucket).push(raw)
    bucket.objects["raw/a.csv"] = b"2"
    (raw / "a.csv").unlink()
    with pytest.raises(IngestError, match="its SHA-256 differs"):
        BucketFolder("bucket", bucket).pull(raw)
    assert not (raw / "a.csv").exists()


def test_an_upload_that_s3_refuses_is_told_in_a_sentence(tmp_path: Path) -> None:
    """boto3 wraps the refusal into an error of its own, which is none of botocore's."""
    client = boto3.client("s3", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
    (tmp_path / "a.csv").write_bytes(b"1")
    with Stubber(client) as stub:
        stub.add_response("list_objects_v2", {"IsTruncated": False})
        stub.add_client_error("put_object", "AccessDenied", "not authorized to perform kms:GenerateDataKey", 403)
        with pytest.raises(IngestError, match=r"Bucket bucket can't be synced: .*kms:GenerateDataKey"):
            BucketFolder("bucket", client).push(tmp_path)


def test_a_key_that_would_leave_the_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(IngestError, match="would leave"):
        BucketFolder("bucket", Bucket({"raw/../../evil.csv": b"1"})).pull(tmp_path / "raw")
    assert not (tmp_path.parent / "evil.csv").exists()


def test_the_sample_is_plausible_and_part_of_the_repository() -> None:
    lines = (REPOSITORY / "data" / "sample_salaries.csv").read_text(encoding="utf-8").splitlines()
    assert len(lines) - 1 >= 60
    listed = json.loads((REPOSITORY / "data" / "salary_sources.json").read_text(encoding="utf-8"))
    assert [source["url"] for source in listed["sources"]] == ["sample_salaries.csv"]
