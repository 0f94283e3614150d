"""What builds leave in the dataset bucket under `runs/`: report and rejected rows of the last one and of each release.

A task's disk goes with the task, and its log holds the first rejected rows only.
"""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from salaries.ingest.bucket import s3_errors, s3_of_settings
from salaries.ingest.build import REJECTS_NAME, REPORT_NAME
from salaries.ingest.workspace import scratch

PREFIX = "runs/"
LAST = "last"


@dataclass(frozen=True)
class RunFolder:
    """`runs/` of one bucket; `client` is boto3's S3 client or something with the same methods."""

    bucket: str
    client: Any

    @classmethod
    def of_settings(cls) -> RunFolder | None:
        """Return that of the configured bucket, or None where there is none (a laptop)."""
        found = s3_of_settings()
        return cls(*found) if found else None

    def put(self, data_dir: Path, name: str = LAST) -> None:
        """Store what the build in `data_dir` left, in place of what has this name.

        Raises:
            IngestError: the bucket does not take it.
        """
        with s3_errors(self.bucket), scratch(data_dir, "runs") as folder:
            packed = folder / f"{REJECTS_NAME}.gz"
            with (data_dir / REJECTS_NAME).open("rb") as rows, gzip.open(packed, "wb") as sink:
                shutil.copyfileobj(rows, sink)
            for path in (packed, data_dir / REPORT_NAME):
                self.client.upload_file(str(path), self.bucket, f"{PREFIX}{name}/{path.name}")

    def put_release(self, data_dir: Path, *, release_id: int, kept: Collection[int]) -> None:
        """Store it as that of a release, and forget what belongs to releases that are not `kept` any more.

        Raises:
            IngestError: the bucket does not take it.
        """
        self.put(data_dir, f"r{release_id}")
        names = {LAST, *(f"r{number}" for number in kept)}
        with s3_errors(self.bucket):
            # Far fewer than a listing holds at once: two of each kept release.
            listed = self.client.list_objects_v2(Bucket=self.bucket, Prefix=PREFIX).get("Contents", [])
            for key in (entry["Key"] for entry in listed):
                if key.removeprefix(PREFIX).partition("/")[0] not in names:
                    self.client.delete_object(Bucket=self.bucket, Key=key)
