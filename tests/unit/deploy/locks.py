"""Locks in a bucket that needs no AWS."""

from __future__ import annotations

from collections.abc import Mapping

from opsctl.aws.errors import AwsError
from opsctl.aws.s3 import S3, StoredObject
from opsctl.deploy.lock import Lock, Run

from .bench import Clock
from .world import ENV


class Bucket(S3):
    """Objects with ETags and conditional writes, as S3 has them."""

    def __init__(self) -> None:
        self.objects: dict[str, StoredObject] = {}
        self.version = 0

    def get(self, bucket: str, key: str) -> StoredObject | None:
        return self.objects.get(key)

    def put_if(
        self, bucket: str, key: str, body: bytes, *, etag: str | None, notes: Mapping[str, str] | None = None
    ) -> str | None:
        known = self.objects.get(key)
        if (known.etag if known else None) != etag:
            return None
        self.version += 1
        self.objects[key] = StoredObject(body, f'"{self.version}"', notes=dict(notes or {}))
        return self.objects[key].etag

    def delete(self, bucket: str, key: str) -> None:
        self.objects.pop(key, None)


def lock(bucket: Bucket, clock: Clock, run_id: str) -> Lock:
    return Lock(bucket, "b", ENV, Run(run_id, "ann@host", "opsctl deploy"), clock=clock)


class Unreachable(Bucket):
    """A bucket that can't be read any more once `down` is set."""

    down = False

    def get(self, bucket: str, key: str) -> StoredObject | None:
        if self.down:
            raise AwsError("AWS can't be reached.")
        return super().get(bucket, key)
