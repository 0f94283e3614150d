"""S3 as moto has it: conditional writes, ETags, versions; and its answers that are failures with status 200."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws

from opsctl.aws.errors import AwsError
from opsctl.aws.s3 import S3

from .clients import REGION, client, stubbed

BUCKET = "artifacts"


@pytest.fixture
def s3() -> Iterator[S3]:
    with mock_aws():
        made = client("s3")
        made.create_bucket(Bucket=BUCKET)
        yield S3(made, REGION)


@contextmanager
def versioned(status: str | None = "Enabled") -> Iterator[tuple[Any, S3]]:
    """A bucket with this status of versioning; None: one that never had any."""
    with mock_aws():
        made = client("s3")
        made.create_bucket(Bucket=BUCKET)
        if status is not None:
            made.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": status})
        yield made, S3(made, REGION)


def test_what_was_put_is_read_with_its_etag(s3: S3) -> None:
    s3.put(BUCKET, "a", b"one")
    stored = s3.get(BUCKET, "a")
    assert stored is not None
    assert stored.body == b"one"
    assert stored.etag == f'"{hashlib.md5(b"one", usedforsecurity=False).hexdigest()}"'


def test_an_object_that_is_too_large_for_memory_is_an_error(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("opsctl.aws.s3._LARGEST", 3)
    s3.put(BUCKET, "a", b"four")
    with pytest.raises(AwsError, match="s3://artifacts/a has more than 3 bytes") as caught:
        s3.get(BUCKET, "a")
    assert caught.value.aws_code == "ObjectTooLarge"


def test_what_is_not_there_is_none(s3: S3) -> None:
    assert s3.get(BUCKET, "a") is None
    assert s3.get("no-such-bucket", "a") is None


def test_the_first_writer_wins_when_there_must_be_nothing_yet(s3: S3) -> None:
    first = s3.put_if(BUCKET, "lock", b"one", etag=None)
    assert first is not None
    assert s3.put_if(BUCKET, "lock", b"two", etag=None) is None
    stored = s3.get(BUCKET, "lock")
    assert stored is not None
    assert (stored.body, stored.etag) == (b"one", first)


def test_only_the_holder_of_the_etag_may_write_again(s3: S3) -> None:
    first = s3.put_if(BUCKET, "lock", b"one", etag=None)
    second = s3.put_if(BUCKET, "lock", b"two", etag=first)
    assert second not in {None, first}
    assert s3.put_if(BUCKET, "lock", b"three", etag=first) is None
    stored = s3.get(BUCKET, "lock")
    assert stored is not None
    assert stored.body == b"two"


@pytest.mark.parametrize(
    ("code", "status"), [("PreconditionFailed", 412), ("ConditionalRequestConflict", 409), ("NoSuchKey", 404)]
)
def test_each_way_in_which_the_condition_does_not_hold_is_none(code: str, status: int) -> None:
    with stubbed("s3") as (made, stub):
        stub.add_client_error("put_object", code, http_status_code=status)
        assert S3(made, REGION).put_if(BUCKET, "lock", b"", etag='"x"') is None


def test_a_conditional_write_to_a_missing_bucket_is_an_error_and_no_lost_race(s3: S3) -> None:
    with pytest.raises(AwsError) as caught:
        s3.put_if("no-such-bucket", "lock", b"", etag=None)
    assert caught.value.aws_code == "NoSuchBucket"


def test_the_conditions_are_sent_as_headers() -> None:
    with stubbed("s3") as (made, stub):
        common = {"Bucket": BUCKET, "Key": "k", "Body": b""}
        stub.add_response("put_object", {"ETag": '"1"'}, {**common, "IfNoneMatch": "*"})
        stub.add_response("put_object", {"ETag": '"2"'}, {**common, "IfMatch": '"1"'})
        store = S3(made, REGION)
        assert store.put_if(BUCKET, "k", b"", etag=None) == '"1"'
        assert store.put_if(BUCKET, "k", b"", etag='"1"') == '"2"'


def test_a_denied_write_is_no_lost_race() -> None:
    with stubbed("s3") as (made, stub):
        stub.add_client_error("put_object", "AccessDenied", "Access Denied", http_status_code=403)
        with pytest.raises(AwsError, match="denied PutObject"):
            S3(made, REGION).put_if(BUCKET, "k", b"", etag=None)


def test_a_file_is_uploaded_whole(s3: S3, tmp_path: Path) -> None:
    path = tmp_path / "bundle.zip"
    path.write_bytes(b"x" * 70_000)
    s3.upload(BUCKET, "bundles/1.zip", path)
    stored = s3.get(BUCKET, "bundles/1.zip")
    assert stored is not None
    assert stored.body == b"x" * 70_000


def test_what_was_put_for_good_is_read_by_its_version_whoever_writes_there_afterwards() -> None:
    with versioned() as (made, s3):
        version = s3.put_version(BUCKET, "a", b"ours")
        s3.put(BUCKET, "a", b"another's")
        assert made.get_object(Bucket=BUCKET, Key="a", VersionId=version)["Body"].read() == b"ours"


def test_the_checksum_goes_along_so_that_s3_refuses_what_was_changed_on_the_way() -> None:
    checksum = base64.b64encode(hashlib.sha256(b"ours").digest()).decode()
    with stubbed("s3") as (made, stub):
        sent = {"Bucket": BUCKET, "Key": "a", "Body": b"ours", "ChecksumSHA256": checksum}
        stub.add_response("put_object", {"VersionId": "v1"}, sent)
        assert S3(made, REGION).put_version(BUCKET, "a", b"ours") == "v1"


@pytest.mark.parametrize("status", [None, "Suspended"])
def test_a_bucket_that_keeps_no_versions_takes_nothing_for_good(status: str | None) -> None:
    with versioned(status) as (_, s3), pytest.raises(AwsError, match="artifacts keeps no versions") as caught:
        s3.put_version(BUCKET, "a", b"ours")
    assert "switch it on again" in caught.value.hint


def test_deleting_twice_is_no_error(s3: S3) -> None:
    s3.put(BUCKET, "a", b"")
    s3.delete(BUCKET, "a")
    s3.delete(BUCKET, "a")
    assert s3.get(BUCKET, "a") is None


def test_sizes_are_listed_below_a_prefix_over_all_pages(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "5")  # of a page; a thousand in S3
    for number in range(12):
        s3.put(BUCKET, f"raw/{number:02}.csv", str(number).encode())
    s3.put(BUCKET, "other/x.csv", b"")
    found = s3.sizes(BUCKET, "raw/")
    assert len(found) == 12
    assert (found["raw/07.csv"], found["raw/10.csv"]) == (1, 2)
    assert s3.sizes(BUCKET, "nothing/") == {}


@pytest.mark.parametrize("size", [0, 70_000, 9 * 1024 * 1024])
def test_an_uploaded_file_is_known_by_its_digest_also_when_it_went_up_in_parts(
    s3: S3, tmp_path: Path, size: int
) -> None:
    """From 8 MiB on boto3 sends parts, and the ETag is then no MD5 of the file."""
    path = tmp_path / "file"
    path.write_bytes(b"x" * size)
    s3.upload(BUCKET, "raw/file", path)
    assert s3.digest(BUCKET, "raw/file") == hashlib.sha256(b"x" * size).hexdigest()
    etag = client("s3").head_object(Bucket=BUCKET, Key="raw/file")["ETag"]
    assert etag.endswith('-2"') is (size > 8 * 1024 * 1024)


def test_an_object_that_somebody_else_put_there_or_nobody_has_no_digest(s3: S3) -> None:
    s3.put(BUCKET, "raw/file", b"x")
    assert (s3.digest(BUCKET, "raw/file"), s3.digest(BUCKET, "raw/none")) == ("", "")


def test_emptying_takes_every_version_and_every_delete_marker() -> None:
    with versioned() as (made, s3):
        for text in (b"one", b"two"):
            s3.put(BUCKET, "a", text)
        s3.delete(BUCKET, "a")
        s3.put(BUCKET, "b", b"")
        assert s3.empty(BUCKET) == 4
        assert s3.empty(BUCKET) == 0
        made.delete_bucket(Bucket=BUCKET)


def test_what_s3_would_not_delete_is_an_error_although_the_answer_was_200() -> None:
    with stubbed("s3") as (made, stub):
        stub.add_response("list_object_versions", {"Versions": [{"Key": "a", "VersionId": "1"}]})
        refused = {"Key": "a", "VersionId": "1", "Code": "AccessDenied", "Message": "object lock"}
        stub.add_response("delete_objects", {"Errors": [refused]})
        with pytest.raises(AwsError, match="a of artifacts could not be deleted: object lock") as caught:
            S3(made, REGION).empty(BUCKET)
        assert caught.value.aws_code == "AccessDenied"


def test_urls_are_what_cloudformation_takes() -> None:
    commercial, chinese = (S3(client("s3"), region) for region in ("sa-east-1", "cn-north-1"))
    assert commercial.url("b", "t/1.yaml", "v1") == "https://b.s3.sa-east-1.amazonaws.com/t/1.yaml?versionId=v1"
    assert chinese.url("b", "k", "a+b/=") == "https://b.s3.cn-north-1.amazonaws.com.cn/k?versionId=a%2Bb%2F%3D"


def test_a_file_is_uploaded_with_the_headers_it_is_served_with(s3: S3, tmp_path: Path) -> None:
    file = tmp_path / "page"
    file.write_bytes(b"page")
    s3.upload(BUCKET, "index.html", file, content_type="text/html", cache_control="no-cache")
    told = client("s3").head_object(Bucket=BUCKET, Key="index.html")
    assert (told["ContentType"], told["CacheControl"]) == ("text/html", "no-cache")
    s3.upload(BUCKET, "plain", file)
    assert "CacheControl" not in client("s3").head_object(Bucket=BUCKET, Key="plain")
