"""Locks in a bucket that needs no AWS."""

from __future__ import annotations

from opsctl.aws.errors import AwsError
from opsctl.aws.s3 import StoredObject
from opsctl.deploy.lock import Lock, Run

from .bench import Clock
from .world import ENV, FakeS3


class Bucket(FakeS3):
    """The one of deploys, without their calls."""

    def __init__(self) -> None:
        super().__init__([])


def lock(bucket: Bucket, clock: Clock, run_id: str) -> Lock:
    return Lock(bucket, "b", ENV, Run(run_id, "ann@host", "opsctl deploy"), clock=clock)


class Unreachable(Bucket):
    """A bucket that can't be read any more once `down` is set."""

    down = False

    def get(self, bucket: str, key: str) -> StoredObject | None:
        if self.down:
            raise AwsError("AWS can't be reached.")
        return super().get(bucket, key)
