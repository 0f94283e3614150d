"""The dataset bucket's `raw/`: where raw files and the state of fetching live between runs on AWS."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from salaries.ingest.errors import IngestError

PREFIX = "raw/"


@dataclass(frozen=True)
class BucketFolder:
    """`raw/` of one bucket; `client` is boto3's S3 client or something with the same three methods."""

    bucket: str
    client: Any

    @classmethod
    def of_settings(cls) -> BucketFolder | None:
        """Return the configured bucket, or None where there is none (a laptop)."""
        from django.conf import settings

        if not settings.DATASET_BUCKET:
            return None
        import boto3

        return cls(settings.DATASET_BUCKET, boto3.client("s3"))

    def pull(self, raw_dir: Path) -> str:
        """Make `raw_dir` hold what the bucket holds, and nothing else; return a line that says what was done.

        Raises:
            IngestError: the bucket can't be read, or holds a key that would leave `raw_dir`.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        raw_dir.mkdir(parents=True, exist_ok=True)
        try:
            remote = self._listing()
            for name, etag in remote.items():
                target = self._place(raw_dir, name)
                if not (target.is_file() and _md5(target) == etag):
                    target.parent.mkdir(parents=True, exist_ok=True)
                    partial = target.with_name(f".{target.name}.partial")
                    self.client.download_file(self.bucket, PREFIX + name, str(partial))
                    partial.replace(target)
        except (BotoCoreError, ClientError) as error:
            raise IngestError(f"Bucket {self.bucket} can't be synced: {error}") from error
        stale = [path for path in _files(raw_dir) if path.relative_to(raw_dir).as_posix() not in remote]
        for path in stale:
            path.unlink()
        return f"{len(remote)} raw files from s3://{self.bucket}/{PREFIX}, {len(stale)} local ones removed"

    def push(self, raw_dir: Path) -> str:
        """Upload what fetching changed, and remove what it replaced; return a line that says what was done."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            remote = self._listing()
            local = {path.relative_to(raw_dir).as_posix(): path for path in _files(raw_dir)}
            changed = [name for name, path in sorted(local.items()) if remote.get(name) != _md5(path)]
            for name in changed:
                self.client.upload_file(str(local[name]), self.bucket, PREFIX + name)
        except (BotoCoreError, ClientError) as error:
            raise IngestError(f"Bucket {self.bucket} can't be synced: {error}") from error
        return f"{len(changed)} changed files to s3://{self.bucket}/{PREFIX}"

    def _listing(self) -> dict[str, str]:
        found: dict[str, str] = {}
        request = {"Bucket": self.bucket, "Prefix": PREFIX}
        while True:
            answer = self.client.list_objects_v2(**request)
            for entry in answer.get("Contents", []):
                name = entry["Key"].removeprefix(PREFIX)
                if name and not name.endswith("/"):
                    found[name] = entry["ETag"].strip('"')
            if not answer.get("IsTruncated"):
                return found
            request["ContinuationToken"] = answer["NextContinuationToken"]

    def _place(self, raw_dir: Path, name: str) -> Path:
        target = (raw_dir / name).resolve()
        if not target.is_relative_to(raw_dir.resolve()):
            raise IngestError(f"The key {PREFIX + name!r} of bucket {self.bucket} would leave {raw_dir}.")
        return target


def _files(raw_dir: Path) -> list[Path]:
    return [path for path in raw_dir.rglob("*") if path.is_file() and not path.name.endswith(".partial")]


def _md5(path: Path) -> str:
    # What S3 gives as ETag of an object uploaded in one part; for others it differs and the file is copied again.
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
