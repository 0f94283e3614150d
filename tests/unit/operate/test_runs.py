"""Which record is meant, and where it lies."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from opsctl.aws.cloudformation import Stack
from opsctl.aws.errors import AwsError, AwsRefusedError
from opsctl.aws.s3 import StoredObject
from opsctl.errors import UsageError
from opsctl.operate.runs import record_of

if TYPE_CHECKING:
    from opsctl.operate.target import Target

OLD, MIDDLE, NEW = (f"2026010{day}-000000-abcdef" for day in (1, 2, 3))


def body(outcome: str) -> bytes:
    return json.dumps({"type": "run-finished", "outcome": outcome}).encode()


@dataclass
class Bucket:
    """The artifact bucket and the stack that holds it; `error` refuses everything."""

    runs: dict[str, str] = field(default_factory=dict)
    error: AwsError | None = None
    asked: int = 0

    def stack(self, name: str) -> Stack | None:
        self.asked += 1
        if self.error is not None:
            raise self.error
        return Stack(name, "id", "CREATE_COMPLETE", outputs={"ArtifactBucketName": "artifacts"})

    def sizes(self, bucket: str, prefix: str) -> dict[str, int]:
        assert (bucket, prefix) == ("artifacts", "runs/dev-shop-acme/")
        return {f"runs/dev-shop-acme/{run}.ndjson": 1 for run in self.runs}

    def get(self, bucket: str, key: str) -> StoredObject | None:
        run = key.removeprefix("runs/dev-shop-acme/").removesuffix(".ndjson")
        return StoredObject(body(self.runs[run]), "") if run in self.runs else None


def target(root: Path, bucket: Bucket, *, local: bool = False, here: dict[str, str] | None = None) -> Target:
    folder = root / ".opsctl" / "journal" / "dev"
    folder.mkdir(parents=True)
    for run, outcome in (here or {}).items():
        (folder / f"{run}.ndjson").write_bytes(body(outcome))
    aws = SimpleNamespace(cloudformation=bucket, s3=bucket)
    found = SimpleNamespace(
        workspace=SimpleNamespace(root=root),
        env=SimpleNamespace(name="dev", service="shop", client="acme"),
        is_local=local,
        aws=aws,
    )
    return cast("Target", found)


def chosen(made: Target, run: str | None = None) -> str:
    return record_of(made, run, lambda _: None).run


def test_the_newest_that_failed_is_meant_wherever_it_ran(tmp_path: Path) -> None:
    bucket = Bucket({OLD: "failed", MIDDLE: "failed"})
    assert chosen(target(tmp_path, bucket, here={NEW: "done"})) == MIDDLE


def test_where_none_failed_the_newest_is_meant(tmp_path: Path) -> None:
    assert chosen(target(tmp_path, Bucket({NEW: "done"}), here={OLD: "done"})) == NEW


def test_a_run_here_needs_no_aws(tmp_path: Path) -> None:
    bucket = Bucket(error=AwsRefusedError("no credentials"))
    assert chosen(target(tmp_path, bucket, here={OLD: "done"}), OLD) == OLD
    assert bucket.asked == 0


def test_the_local_target_is_not_started_for_what_is_here(tmp_path: Path) -> None:
    bucket = Bucket()
    assert chosen(target(tmp_path, bucket, local=True, here={OLD: "failed"})) == OLD
    assert bucket.asked == 0


def test_a_run_of_ci_is_read_from_the_bucket(tmp_path: Path) -> None:
    assert chosen(target(tmp_path, Bucket({NEW: "failed"}), here={OLD: "failed"}), NEW) == NEW


def test_a_bucket_that_can_not_be_read_is_told_once_and_what_is_here_explained(tmp_path: Path) -> None:
    said: list[str] = []
    made = target(tmp_path, Bucket(error=AwsRefusedError("AWS denied DescribeStacks.")), here={OLD: "failed"})
    assert record_of(made, None, said.append).run == OLD
    assert said == ["The records in the artifact bucket can't be read: AWS denied DescribeStacks."]


@pytest.mark.parametrize("run", ["20200101-000000-abcdef", "../../etc/passwd", "", "a" * 200])
def test_of_a_run_that_nobody_knows_the_last_ones_are_named(tmp_path: Path, run: str) -> None:
    made = target(tmp_path, Bucket({MIDDLE: "done"}), here={OLD: "done"})
    with pytest.raises(UsageError) as caught:
        chosen(made, run)
    assert caught.value.hint == f"The last ones: {MIDDLE}, {OLD}."


def test_without_any_record_it_says_when_there_will_be_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no record of a run of dev yet"):
        chosen(target(tmp_path, Bucket()))


def test_a_key_in_the_bucket_leads_to_no_file_of_this_machine(tmp_path: Path) -> None:
    made = target(tmp_path, Bucket({"../../../elsewhere": "failed", "x\x1b[2J": "failed", OLD: "failed"}))
    (tmp_path / "elsewhere.ndjson").write_bytes(body("failed"))
    assert chosen(made) == OLD
