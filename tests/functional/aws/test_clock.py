"""S3 tells how old an object is, and what time it is there, whatever this machine's clock says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from opsctl.aws.session import Aws
from tests.functional.aws.conftest import Machine
from tests.functional.aws.endpoint import Answer, s3_refusal

HOUR = 3600.0


@pytest.mark.parametrize("clock", [-HOUR, 0.0, HOUR])
def test_an_objects_age_and_the_clock_of_s3_come_from_its_answer(machine: Machine, clock: float) -> None:
    machine.set(AWS_ACCESS_KEY_ID="A", AWS_SECRET_ACCESS_KEY="s", AWS_ENDPOINT_URL="{url}")
    written = datetime.now(UTC) + timedelta(seconds=clock - 60)
    headers = {
        "ETag": '"1"', "Last-Modified": format_datetime(written, usegmt=True), "x-amz-meta-holder-process": "12",
        "x-amz-request-id": "r",
    }  # fmt: skip
    machine.aws.answers[""] = Answer(200, "{}", headers, clock)
    s3 = Aws("us-east-1").s3
    stored = s3.get("bucket", "locks/dev.json")
    assert stored is not None
    assert stored.age == pytest.approx(60, abs=3)
    assert stored.notes == {"holder-process": "12"}
    assert s3.ahead == pytest.approx(clock, abs=3)


def test_an_object_that_is_not_there_tells_the_time_as_well(machine: Machine) -> None:
    machine.set(AWS_ACCESS_KEY_ID="A", AWS_SECRET_ACCESS_KEY="s", AWS_ENDPOINT_URL="{url}")
    machine.aws.answers[""] = s3_refusal("NoSuchKey", "The specified key does not exist.", 404)
    s3 = Aws("us-east-1").s3
    assert s3.get("bucket", "locks/dev.json") is None
    assert s3.ahead == 0.0


def test_without_a_date_the_age_is_not_known(machine: Machine) -> None:
    machine.set(AWS_ACCESS_KEY_ID="A", AWS_SECRET_ACCESS_KEY="s", AWS_ENDPOINT_URL="{url}")
    machine.aws.answers[""] = Answer(200, "{}", {"ETag": '"1"', "x-amz-request-id": "r"}, None)
    stored = Aws("us-east-1").s3.get("bucket", "key")
    assert stored is not None
    assert stored.age is None
