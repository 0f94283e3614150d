"""S3: small objects by key, with the conditional writes that a lock needs."""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from opsctl.aws.dates import answered_at, date_of
from opsctl.aws.errors import AwsError
from opsctl.aws.translation import translated

_MISSING = {"NoSuchKey", "404", "NotFound", "NoSuchBucket"}
# PreconditionFailed: the condition does not hold; ConditionalRequestConflict: another conditional write runs just now.
_CONFLICT = {"PreconditionFailed", "412", "ConditionalRequestConflict", "409"}
# What S3 calls the version of an object where none are kept: the next writer's has the same name.
_NO_VERSION = "null"
NO_VERSIONS = "NoVersions"
"""The code of our own refusal to put for good what could be exchanged."""

# Of an object that is read into memory; what a task writes there is no reason to run out of it.
_LARGEST = 512 * 1024 * 1024
# The metadata key of an object's SHA-256. The service's tasks read and write the same one in the dataset bucket.
DIGEST = "sha256"
# Seconds that a Date may differ without saying anything: it has no fractions, and was written before it came.
_CLOCK_STEP = 3.0


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object's bytes and its ETag, quotes included, as conditional calls want it.

    `age`: seconds since it was written, by the clock of S3; None where the answer does not say. `notes`: its metadata.
    """

    body: bytes
    etag: str
    age: float | None = None
    notes: Mapping[str, str] = field(default_factory=dict)


class S3:
    """Calls of one region. Every method raises AwsError.

    `ahead`: seconds by which the clock of S3 is ahead of this machine's, as its last answer said; negative: behind.
    """

    ahead: float = 0.0

    def __init__(self, client: Any, region: str) -> None:
        self._client = client
        self._region = region
        client.meta.events.register("after-call", self._note_clock)

    def _note_clock(self, http_response: Any = None, **_: Any) -> None:
        there = date_of(getattr(http_response, "headers", {}) or {})
        if there is not None:
            ahead = there.timestamp() - time.time()
            self.ahead = ahead if abs(ahead) > _CLOCK_STEP else 0.0

    def get(self, bucket: str, key: str) -> StoredObject | None:
        """An object, or None when it is not there."""
        try:
            with translated():
                answer = self._client.get_object(Bucket=bucket, Key=key)
                body = answer["Body"].read(_LARGEST + 1)
        except AwsError as error:
            if error.aws_code in _MISSING:
                return None
            raise
        if len(body) > _LARGEST:
            raise AwsError(f"s3://{bucket}/{key} has more than {_LARGEST:,} bytes.", aws_code="ObjectTooLarge")
        return StoredObject(body, answer["ETag"], _age(answer), answer.get("Metadata", {}))

    def put(self, bucket: str, key: str, body: bytes) -> None:
        """Write an object, whatever was there."""
        with translated():
            self._client.put_object(Bucket=bucket, Key=key, Body=body)

    def put_version(self, bucket: str, key: str, body: bytes) -> str:
        """Write an object and answer its version, under which nobody can put anything else.

        S3 refuses a body of another SHA-256. Raises AwsError where the bucket keeps no versions.
        """
        checksum = base64.b64encode(hashlib.sha256(body).digest()).decode()
        with translated():
            answer = self._client.put_object(Bucket=bucket, Key=key, Body=body, ChecksumSHA256=checksum)
        version = answer.get("VersionId", _NO_VERSION)
        if version == _NO_VERSION:
            raise AwsError(
                f"{bucket} keeps no versions, so what was put there could be exchanged before it is used.",
                aws_code=NO_VERSIONS,
                hint="A bucket that was just made may take 15 minutes until it does: deploy again then. Otherwise "
                "somebody suspended its versioning: switch it on again.",
            )
        return str(version)

    def put_if(
        self, bucket: str, key: str, body: bytes, *, etag: str | None, notes: Mapping[str, str] | None = None
    ) -> str | None:
        """Write only if the object still has `etag`, or with None only if there is none. `notes` are its metadata.

        Returns the new ETag, or None when the condition does not hold (S3 conditional writes: If-Match, If-None-Match;
        If-Match on a missing object answers NoSuchKey). A missing bucket is an error like any other.
        """
        condition: dict[str, Any] = {"IfNoneMatch": "*"} if etag is None else {"IfMatch": etag}
        if notes:
            condition["Metadata"] = dict(notes)
        try:
            with translated():
                return str(self._client.put_object(Bucket=bucket, Key=key, Body=body, **condition)["ETag"])
        except AwsError as error:
            if error.aws_code in _CONFLICT | _MISSING - {"NoSuchBucket"}:
                return None
            raise

    def upload(
        self, bucket: str, key: str, path: Path, *, content_type: str | None = None, cache_control: str | None = None
    ) -> None:
        """Write a file of any size, without holding it in memory, with the headers that it is to be served with.

        Its SHA-256 goes into the object's metadata: an ETag is the MD5 only of what was put in one piece and is not
        encrypted with a key of KMS. (S3 API, Object.ETag) Larger files go up in parts.
        """
        given = {"ContentType": content_type, "CacheControl": cache_control}
        extra: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        extra["Metadata"] = {DIGEST: file_sha256(path)}
        with translated(), path.open("rb") as body:
            self._client.upload_fileobj(body, bucket, key, ExtraArgs=extra)

    def delete(self, bucket: str, key: str) -> None:
        """Delete an object; one that is not there is no error."""
        with translated():
            self._client.delete_object(Bucket=bucket, Key=key)

    def sizes(self, bucket: str, prefix: str) -> dict[str, int]:
        """Bytes of each object under `prefix`, by key."""
        found: dict[str, int] = {}
        with translated():
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
                found.update({item["Key"]: item["Size"] for item in page.get("Contents", [])})
        return found

    def digest(self, bucket: str, key: str) -> str:
        """The SHA-256, in hex, that whoever uploaded the object noted with it; "" where nobody did, or without one."""
        try:
            with translated():
                noted = self._client.head_object(Bucket=bucket, Key=key).get("Metadata", {})
        except AwsError as error:
            if error.aws_code in _MISSING:
                return ""
            raise
        return str(noted.get(DIGEST, ""))

    def url(self, bucket: str, key: str, version: str) -> str:
        """The `https://` form that CloudFormation's TemplateURL takes, of one version. [UG CFN, history, 2015-08-24]"""
        domain = "amazonaws.com.cn" if self._region.startswith("cn-") else "amazonaws.com"
        place = f"https://{bucket}.s3.{self._region}.{domain}"
        if self._client.meta.endpoint_url.startswith("http://"):
            place = f"{self._client.meta.endpoint_url}/{bucket}"
        return f"{place}/{key}?versionId={quote(version, safe='')}"

    def empty(self, bucket: str) -> int:
        """Delete every version of every object; returns how many, 0 where there is no such bucket.

        Raises AwsError for what S3 would not delete.
        """
        count = 0
        with _missing_is_fine(), translated():
            for page in self._client.get_paginator("list_object_versions").paginate(Bucket=bucket):
                versions = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
                if versions:
                    objects = [{"Key": item["Key"], "VersionId": item["VersionId"]} for item in versions]
                    answer = self._client.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
                    # Answered with 200, like a success.
                    for failure in answer.get("Errors", []):
                        raise AwsError(
                            f"{failure.get('Key')} of {bucket} could not be deleted: {failure.get('Message')}.",
                            aws_code=str(failure.get("Code", "")),
                        )
                    count += len(objects)
        return count

    def delete_bucket(self, bucket: str) -> None:
        """Delete an empty bucket; one that is not there is no error."""
        with _missing_is_fine(), translated():
            self._client.delete_bucket(Bucket=bucket)


def file_sha256(path: Path) -> str:
    """A file's SHA-256, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _age(answer: Mapping[str, Any]) -> float | None:
    """How long ago the object was written: both times are the server's."""
    there, written = answered_at(answer), answer.get("LastModified")
    return max(0.0, there.timestamp() - written.timestamp()) if there is not None and written is not None else None


@contextmanager
def _missing_is_fine() -> Iterator[None]:
    """Leave the block quietly when what it asks for is not there."""
    try:
        yield
    except AwsError as error:
        if error.aws_code not in _MISSING:
            raise
