"""The dataset bucket's `raw/`: where raw files and the state of fetching live between runs on AWS.

Each object carries its SHA-256 in the metadata `sha256`, as `opsctl dataset refresh` writes it too. An ETag would not
do: it is the MD5 only of what was put in one piece and is not encrypted with a key of KMS. (S3 API, Object.ETag)
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from salaries.ingest.errors import IngestError
from salaries.ingest.workspace import name_trouble, sha256_of
from salaries.wording import counted

PREFIX = "raw/"
DIGEST = "sha256"


def s3_of_settings() -> tuple[str, Any] | None:
    """Return the configured bucket and a client for it, or None where there is none (a laptop)."""
    from django.conf import settings

    if not settings.DATASET_BUCKET:
        return None
    import boto3

    return settings.DATASET_BUCKET, boto3.client("s3")


@contextlib.contextmanager
def s3_errors(bucket: str) -> Iterator[None]:
    """Tell what S3 refuses as a failure of the pipeline."""
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (Boto3Error, BotoCoreError, ClientError) as error:
        raise IngestError(f"Bucket {bucket} can't be synced: {error}") from error


@dataclass(frozen=True)
class BucketFolder:
    """`raw/` of one bucket; `client` is boto3's S3 client or something with the same methods."""

    bucket: str
    client: Any
    # Names that this run got from the bucket, with the SHA-256 of what it got.
    _pulled: dict[str, str] = field(default_factory=dict, init=False, repr=False, compare=False)

    @classmethod
    def of_settings(cls) -> BucketFolder | None:
        """Return that of the configured bucket, or None where there is none (a laptop)."""
        found = s3_of_settings()
        return cls(*found) if found else None

    def pull(self, raw_dir: Path) -> str:
        """Make `raw_dir` hold what the bucket holds, and nothing else; return a line that says what was done.

        Raises:
            IngestError: the bucket can't be read, or holds a key that is no name of one file in `raw_dir`.
        """
        raw_dir.mkdir(parents=True, exist_ok=True)
        with s3_errors(self.bucket):
            remote = self._listing()
            for name, size in remote.items():
                target, digest = self._place(raw_dir, name), self._digest(name)
                if not (target.is_file() and target.stat().st_size == size and sha256_of(target) == digest):
                    self._download(name, target, digest)
                self._pulled[name] = digest
        stale = [path for path in _files(raw_dir) if path.relative_to(raw_dir).as_posix() not in remote]
        for path in stale:
            path.unlink()
        removed = f", {counted(len(stale), 'local one')} removed" if stale else ""
        raw = [name for name in remote if "/." not in f"/{name}"]
        return f"{counted(len(raw), 'raw file')} from s3://{self.bucket}/{PREFIX}{removed}"

    def push(self, raw_dir: Path) -> str:
        """Upload what fetching changed, and remove what it replaced; return a line that says what was done."""
        with s3_errors(self.bucket):
            remote = self._listing()
            local = {path.relative_to(raw_dir).as_posix(): path for path in _files(raw_dir)}
            changed = [name for name, path in sorted(local.items()) if not self._holds(remote, name, path)]
            for name in changed:
                noted = {"Metadata": {DIGEST: sha256_of(local[name])}}
                self.client.upload_file(str(local[name]), self.bucket, PREFIX + name, ExtraArgs=noted)
            # Only what this run was given: somebody may have put more there meanwhile.
            replaced = sorted(self._pulled.keys() & remote.keys() - local.keys())
            for name in replaced:
                self.client.delete_object(Bucket=self.bucket, Key=PREFIX + name)
        removed = f", {counted(len(replaced), 'replaced one')} removed" if replaced else ""
        return f"{counted(len(changed), 'changed file')} to s3://{self.bucket}/{PREFIX}{removed}"

    def _holds(self, remote: dict[str, int], name: str, path: Path) -> bool:
        """Tell whether the bucket needs no copy: it has this one, or somebody removed it since the pull."""
        if name in remote:
            return remote[name] == path.stat().st_size and self._digest(name) == sha256_of(path)
        return self._pulled.get(name) == sha256_of(path)

    def _digest(self, name: str) -> str:
        """What whoever put the object there noted; "" for one that was put there by other means."""
        answer = self.client.head_object(Bucket=self.bucket, Key=PREFIX + name)
        return str(answer.get("Metadata", {}).get(DIGEST, ""))

    def _download(self, name: str, target: Path, digest: str) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f".{target.name}.partial")
        self.client.download_file(self.bucket, PREFIX + name, str(partial))
        if digest and sha256_of(partial) != digest:
            raise IngestError(f"s3://{self.bucket}/{PREFIX}{name} is not what was uploaded: its SHA-256 differs.")
        partial.replace(target)

    def _listing(self) -> dict[str, int]:
        """Sizes by name."""
        found: dict[str, int] = {}
        request = {"Bucket": self.bucket, "Prefix": PREFIX}
        while True:
            answer = self.client.list_objects_v2(**request)
            for entry in answer.get("Contents", []):
                name = entry["Key"].removeprefix(PREFIX)
                if name and not name.endswith("/"):
                    found[name] = int(entry["Size"])
            if not answer.get("IsTruncated"):
                return found
            request["ContinuationToken"] = answer["NextContinuationToken"]

    def _place(self, raw_dir: Path, name: str) -> Path:
        if trouble := name_trouble(name):
            raise IngestError(f"The key {PREFIX + name!a} of bucket {self.bucket} {trouble}; remove the object.")
        target = (raw_dir / name).resolve()
        if not target.is_relative_to(raw_dir.resolve()):
            raise IngestError(f"The key {PREFIX + name!r} of bucket {self.bucket} would leave {raw_dir}.")
        # `a//x.csv` and `b/../a/x.csv` would be the file of `a/x.csv`: one object could stand in for another.
        if Path(name).as_posix() != name or ".." in name.split("/"):
            raise IngestError(f"The key {PREFIX + name!r} of bucket {self.bucket} is no plain path; remove the object.")
        return target


def _files(raw_dir: Path) -> list[Path]:
    return [path for path in raw_dir.rglob("*") if path.is_file() and not path.name.endswith(".partial")]
