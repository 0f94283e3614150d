"""What a deploy does because it is AWS: it asks the account first, wakes what sleeps, and learns how long AWS takes."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from opsctl.deploy.checks.preflight import PreflightError
from opsctl.deploy.events import Progress

from .fakes import Operation
from .world import CURRENT, SECOND, STACKS, World, current


def test_before_a_deploy_to_aws_writes_anything_the_account_is_asked_whether_it_can_take_it() -> None:
    world = World(on="aws")
    world.aws.account.zones_there = {"us-east-1a": "use1-az1"}
    with pytest.raises(PreflightError) as caught:
        world.deploy()
    assert any("us-east-1b" in line for line in caught.value.detail)
    assert world.aws.calls == []
    world.aws.account.zones_there["us-east-1b"] = "use1-az2"
    world.deploy()
    assert current(world).number == 1


def test_a_release_on_aws_records_how_long_resources_took_beside_what_earlier_ones_saw() -> None:
    made = [("Topic", "CREATE_IN_PROGRESS", ""), ("Topic", "CREATE_COMPLETE", "")]
    for on, seconds in (("aws", {"AWS::SNS::Topic": 1.0}), ("local", {})):
        world = World(on=on)
        world.aws.cloudformation.script["execute:CREATE"] = [Operation(["CREATE_IN_PROGRESS", "CREATE_COMPLETE"], made)]
        world.deploy()
        assert current(world).seconds == seconds
        known = {**json.loads(world.aws.s3.objects[CURRENT].body), "seconds": {"AWS::EC2::VPC": 15.0}}
        world.aws.s3.put("artifacts", CURRENT, json.dumps(known).encode())
        world.image.digest = SECOND
        world.deploy()
        assert current(world).seconds == {"AWS::EC2::VPC": 15.0}


def test_a_deploy_of_one_stack_or_without_changes_asks_the_account_nothing() -> None:
    world = World(on="aws")
    world.deploy()
    asked = world.aws.account.asked.count(("zones", ""))
    world.deploy()
    world.stacks = tuple(replace(item, tags={"team": "x"}) if item.stack == "platform" else item for item in STACKS)
    world.deploy("platform")
    assert world.aws.account.asked.count(("zones", "")) == asked


def test_the_function_that_makes_the_roles_is_awake_before_its_resource_changes() -> None:
    world = World()
    world.deploy()
    assert world.aws.functions.woken == ["init"]
    world.deploy()  # nothing changes, and nobody is woken
    assert world.aws.functions.woken == ["init"]
    told = [event.text for event in world.events if isinstance(event, Progress) and event.step == "jobs"]
    assert told == ["Lambda attaches the DbInit function, which slept, to its network again"]
