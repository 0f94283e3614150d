"""Telling reads from writes, and counting them by who asks."""

from __future__ import annotations

import pytest

from opsctl.local.emulator.calls import CallCounter, is_read


@pytest.mark.parametrize(
    ("action", "read"),
    [
        ("ecs:DescribeServices", True),
        ("s3:GetObject", True),
        ("s3:ListAllMyBuckets", True),
        ("sts:AssumeRole", True),
        ("ecr:BatchGetImage", True),
        ("s3:PutObject", False),
        ("cloudformation:CreateChangeSet", False),
        ("ecs:RunTask", False),
        ("lambda:Invoke", False),
    ],
)
def test_it_tells_reads_from_writes(action: str, read: bool) -> None:
    assert is_read(action) is read


def test_it_counts_clients_and_workloads_apart() -> None:
    counter = CallCounter()

    counter.record("ecs:DescribeServices", "Boto3/1.43")
    counter.record("s3:PutObject", "Boto3/1.43 exec-env/AWS_ECS_FARGATE")

    report = counter.report()
    assert (report["client"]["reads"], report["client"]["writes"]) == (1, 0)
    assert (report["workload"]["reads"], report["workload"]["writes"]) == (0, 1)
    assert report["client"]["calls"] == {"ecs:DescribeServices": 1}


def test_it_counts_from_zero_after_a_reset() -> None:
    counter = CallCounter()
    counter.record("s3:PutObject", "")

    counter.reset()

    assert counter.report()["client"]["total"] == 0


def test_it_takes_only_writes_for_changes() -> None:
    counter = CallCounter()

    counter.record("ecs:DescribeServices", "")
    before = counter.changes
    counter.record("ecs:RunTask", "")

    assert (before, counter.changes) == (0, 1)
