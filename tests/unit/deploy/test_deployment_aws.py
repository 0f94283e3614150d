"""What a deploy does because it is AWS: it asks the account first, wakes what sleeps, and learns how long AWS takes."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from opsctl.aws.ecs import Service, ServiceDeployment, Task
from opsctl.deploy.checks.preflight import PreflightError
from opsctl.deploy.events import Progress, TimeLeft
from opsctl.deploy.failures import StackFailedError
from opsctl.deploy.lease import mark_cancelled, read_lease
from opsctl.deploy.lock import CancelledError
from opsctl.deploy.planning.history import History, write_history
from opsctl.deploy.planning.work import BY_ITSELF
from opsctl.errors import OpsctlError

from .fakes import START, Operation
from .world import CURRENT, ENV, FOLDER, SECOND, STACKS, World, current


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


def test_a_name_that_leads_elsewhere_is_told_before_a_deploy_to_aws_writes_anything() -> None:
    record = (
        "  Alias:\n    Type: AWS::Route53::RecordSet\n    Properties:\n"
        "      {Name: shop.example.com, Type: A, HostedZoneId: Z0123456789}\n"
    )
    stacks = tuple(replace(each, body=each.body + record) if each.stack == "front" else each for each in STACKS)
    world = World(on="aws", stacks=stacks)
    world.aws.account.leading = {"shop.example.com": ("old.elb.amazonaws.com",)}
    with pytest.raises(PreflightError) as caught:
        world.deploy()
    assert any("Route 53 has a record of shop.example.com already" in line for line in caught.value.detail)
    assert world.aws.calls == []
    world.aws.account.leading = {}
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


def test_a_deploy_on_aws_tells_what_is_left_and_remembers_what_it_took_and_one_on_this_machine_does_not() -> None:
    for on, told in (("aws", True), ("local", False)):
        world = World(on=on)
        world.deploy()
        assert any(isinstance(event, TimeLeft) for event in world.events) is told
        assert (f"releases/{FOLDER}/durations.json" in world.aws.s3.objects) is told


def test_how_long_a_deploy_may_take_is_told_before_it_by_what_earlier_ones_took() -> None:
    world = World(on="aws")
    world.deploy()
    world.image.digest = SECOND
    work = world.deployment()
    plan = work.plan()
    assert not plan.is_empty
    before = work.may_take(plan)
    write_history(
        world.aws.s3, "artifacts", FOLDER, History({"stack unchanged": (3000.0,) * 12, BY_ITSELF: (3000.0,) * 12})
    )
    assert 0 < before < 3000 <= work.may_take(plan)
    here = World(on="local")
    assert here.deployment().may_take(here.deployment().plan()) == 0.0


def test_a_deploy_that_somebody_cancels_says_who_and_stops_before_its_next_change() -> None:
    world = World()
    run_task = world.aws.ecs.run_task

    def cancel_meanwhile(**asked: Any) -> Task:
        lease = read_lease(world.aws.s3, "artifacts", ENV)
        assert lease is not None
        mark_cancelled(world.aws.s3, "artifacts", ENV, lease, by="bob@desk")
        run_task(**asked)
        raise OpsctlError("The task was stopped.")

    world.aws.ecs.run_task = cancel_meanwhile  # type: ignore[method-assign]
    with pytest.raises(CancelledError, match=r"^bob@desk cancelled `opsctl deploy` of dev\.") as caught:
        world.deploy()
    assert caught.value.detail == ("The task was stopped.",)
    assert read_lease(world.aws.s3, "artifacts", ENV) is None
    assert "dev-app" not in world.aws.cloudformation.stacks_by_name


SERVICE = "Resources:\n  Service:\n    Type: AWS::ECS::Service\n"


def hopeless_world() -> World:
    """A first release whose service is never made, and whose three tasks ended alike."""
    world = World(stacks=tuple(replace(item, body=SERVICE) if item.stack == "app" else item for item in STACKS))
    api = world.aws.cloudformation
    api.types["Service"] = "AWS::ECS::Service"
    long = Operation(["CREATE_IN_PROGRESS"] * 40 + ["ROLLBACK_COMPLETE"], [("Service", "CREATE_IN_PROGRESS", "")])
    begin = api.execute_change_set

    def slowly(arn: str, *, token: str) -> None:
        if str(api.requests[arn]["stack"]) == "dev-app":
            api.script["execute:CREATE"] = [long]
        begin(arn, token=token)

    api.execute_change_set = slowly  # type: ignore[method-assign]
    moments = [START + timedelta(seconds=2 + 10 * n) for n in range(4)]
    deployment = ServiceDeployment("d1", "PRIMARY", "app:1", "IN_PROGRESS", moments[0])
    asked = Service("dev-salaries", 1, 0, 0, "IN_PROGRESS", "", "app:1", deployments=(deployment,), at=moments[3])
    tasks = [
        Task(f"task/{n}", "STOPPED", "EssentialContainerExited", "", 3, "", "app:1", created=at, stopped=at)
        for n, at in enumerate(moments[:3])
    ]
    world.aws.ecs.service = lambda cluster, name: asked  # type: ignore[method-assign]
    world.aws.ecs.service_tasks = lambda cluster, service: tasks  # type: ignore[method-assign]
    world.aws.ecs.stopped = tasks[::-1]
    world.aws.logs.lines = ("the cache server is unknown",)
    return world


def test_a_hopeless_rollout_is_ended_with_the_log_of_its_task() -> None:
    world = hopeless_world()
    with pytest.raises(StackFailedError) as caught:
        world.deploy()
    assert caught.value.message.startswith("app: Service failed: the cache server is unknown (task ")
    assert "app: Service (AWS::ECS::Service) failed: 3 tasks ended with exit code 3." in caught.value.detail
    assert "--no-watchdog" in caught.value.hint
    assert caught.value.detail[-2].startswith("opsctl ended the rollout")
    assert ("delete_stack", "dev-app") in world.aws.calls


def test_a_hopeless_rollout_whose_tasks_wrote_nothing_is_told_by_their_exit_code() -> None:
    world = hopeless_world()
    world.aws.logs.lines = ()
    with pytest.raises(StackFailedError, match="failed: 3 tasks ended with exit code 3"):
        world.deploy()


def test_without_the_watchdog_cloudformation_decides() -> None:
    world = hopeless_world()
    work = world.deployment()
    work._situation.request = replace(work._situation.request, watchdog=False)
    with pytest.raises(StackFailedError):
        world.execute(work, work.plan())
    assert ("delete_stack", "dev-app") not in world.aws.calls


def test_the_function_that_makes_the_roles_is_awake_before_its_resource_changes() -> None:
    world = World()
    world.deploy()
    assert world.aws.functions.woken == ["init"]
    world.deploy()  # nothing changes, and nobody is woken
    assert world.aws.functions.woken == ["init"]
    told = [event.text for event in world.events if isinstance(event, Progress) and event.step == "jobs"]
    assert told == ["Lambda attaches the DbInit function, which slept, to its network again"]
