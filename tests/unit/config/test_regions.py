"""Where an environment may be deployed."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pytest

from opsctl.aws.regions import commercial_regions, instance_types
from opsctl.config.models import Environment
from opsctl.config.regions import ENABLED_BY_DEFAULT, nat_type_problems, region_problems


def environment(**sections: Any) -> Environment:
    return Environment.model_validate({"name": "dev", "service": "salaries", "client": "acme", **sections})


def told(region: str, **sections: Any) -> list[str]:
    env = Environment.model_validate(
        {"name": "dev", "service": "salaries", "client": "acme", "region": region, **sections}
    )
    return [
        f"{'.'.join(map(str, problem.path))}: {problem.what}. {problem.fix}"
        for problem in region_problems(env, commercial_regions())
    ]


@pytest.mark.parametrize("region", ["cn-north-1", "us-gov-west-1", "us-iso-east-1", "us-isob-east-1", "eu-isoe-west-1"])
def test_a_region_of_another_partition_is_refused_in_one_sentence(region: str) -> None:
    (line,) = told(region, dashboard={"enabled": True, "access_logs": True})
    assert line.startswith(f"region: {region} belongs to another partition of AWS")
    assert line.endswith("such as eu-west-1.")


def test_a_region_that_does_not_exist_gets_the_nearest_name() -> None:
    assert told("eu-vest-1") == ["region: AWS has no region eu-vest-1. Did you mean `eu-west-1`?"]


def test_cloudfront_logs_are_refused_where_accounts_must_opt_in() -> None:
    (line,) = told("eu-south-1", dashboard={"enabled": True, "access_logs": True})
    assert line.startswith("dashboard.access_logs: CloudFront writes no logs to buckets in eu-south-1")
    assert told("eu-south-1", dashboard={"enabled": True}) == []


@pytest.mark.parametrize("region", sorted(ENABLED_BY_DEFAULT))
def test_every_region_that_all_accounts_have_takes_everything(region: str) -> None:
    assert told(region, dashboard={"enabled": True, "access_logs": True}) == []


def test_where_nobody_can_tell_the_regions_none_is_unknown() -> None:
    env = Environment.model_validate({"name": "dev", "service": "salaries", "client": "acme", "region": "eu-vest-1"})
    assert list(region_problems(env, ())) == []


def test_this_machine_is_in_no_region() -> None:
    assert told("cn-north-1", target="local") == []


def test_the_regions_are_those_of_the_commercial_partition() -> None:
    regions = commercial_regions()
    assert ENABLED_BY_DEFAULT | {"eu-south-1", "ap-southeast-7"} <= regions
    assert not regions & {"aws-global", "cn-north-1", "us-gov-west-1"}


def nat(instance_type: str, types: Collection[str]) -> list[tuple[bool, str, str]]:
    env = environment(nat={"use_nat_instance": True, "instance_type": instance_type})
    return [(each.certain, each.what, each.fix) for each in nat_type_problems(env, lambda: types)]


def test_a_nat_instance_is_of_a_type_that_ec2_has() -> None:
    types = instance_types()
    assert len(types) > 500
    assert nat("c7gn.medium", types) == nat("m5.large", types) == []
    assert nat("t4.micro", types) == [(True, "EC2 has no t4.micro", "Write t4g.micro, the nearest that it has.")]
    ((certain, what, fix),) = nat("t5g.nano", types)
    assert (certain, what) == (False, "this opsctl does not know t5g.nano")
    assert fix == "The deploy asks EC2; t4g.nano is the nearest that is known."
    assert nat("t5g.nano", ()) == []  # without the SDK nobody knows


def test_usual_types_are_known_without_the_sdk() -> None:
    def unasked() -> Collection[str]:
        raise AssertionError("read although it is known")

    env = environment(nat={"use_nat_instance": True, "instance_type": "t4g.nano"})
    assert list(nat_type_problems(env, unasked)) == []
    assert {f"{family}.nano" for family in ("t3", "t3a", "t4g")} <= instance_types()
