"""What was approved is what is done: under the lock, and right before each change set."""

from __future__ import annotations

from dataclasses import replace

import pytest

from opsctl.aws.cloudformation import ChangeSet
from opsctl.deploy.failures import UnapprovedError
from opsctl.deploy.planning import compare
from opsctl.deploy.planning.plan import Consent, Plan, Reason
from opsctl.deploy.planning.state import RemoteState
from opsctl.deploy.stackrun import runner as stackrun
from opsctl.errors import ExitCode
from opsctl.stacks.model import FromOutput, StackTemplate

from .bench import Bench
from .fakes import BODY, Operation, change, template
from .world import SECOND, STACKS, World

ROLE = """\
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      Policies:
      - PolicyName: p
        PolicyDocument: {Statement: [{Effect: Allow, Action: '%s', Resource: '*'}]}
"""
NOTHING = Consent(approved=frozenset())


def with_role(world: World, action: str) -> None:
    """The platform stack of this world holds a role that may do this."""
    world.stacks = tuple(replace(item, body=ROLE % action) if item.stack == "platform" else item for item in STACKS)


def deployed() -> World:
    """A world on AWS in which everything is up to date."""
    world = World(on="aws")
    with_role(world, "s3:GetObject")
    world.deploy()
    return world


def test_a_first_deploy_and_a_new_image_need_no_answer() -> None:
    world = World(on="aws")
    with_role(world, "s3:*")
    work = world.deployment()
    plan = work.plan()
    assert plan.reasons == ()
    work.execute(plan, world.events.append, NOTHING)
    world.image.digest = SECOND
    again = world.deployment()
    plan = again.plan()
    assert (plan.is_empty, plan.reasons) == (False, ())
    assert again.execute(plan, world.events.append, NOTHING).changed


def test_a_wider_right_is_a_reason_to_ask_and_two_plans_of_it_have_one_name() -> None:
    world = deployed()
    with_role(world, "s3:*")
    one, other = world.deployment().plan(), world.deployment().plan()
    assert one.id == other.id
    assert one.reasons == (Reason("platform", "Role", "wider", "policy: Allow s3:* on *"),)
    assert one.to_dict()["asks"] == [
        {"stack": "platform", "logical_id": "Role", "kind": "wider", "text": "policy: Allow s3:* on *"}
    ]


def test_what_comes_between_plan_and_lock_stops_it_with_nothing_changed() -> None:
    world = deployed()
    with_role(world, "s3:*")
    work = world.deployment()
    plan = work.plan()
    mark = len(world.aws.calls)
    platform = world.aws.cloudformation.bodies
    platform["dev-platform"] = ROLE % "s3:PutObject"  # somebody took away what the plan counts on
    with pytest.raises(UnapprovedError, match="has moved since the plan was made") as caught:
        work.execute(plan, world.events.append, NOTHING)
    assert caught.value.exit_code == ExitCode.DIFFERS
    assert caught.value.detail == ("platform: Role wider: policy: Allow s3:* on *",)
    assert world.since(mark) == []


def test_a_file_s_plan_is_compared_under_the_lock_as_well() -> None:
    world = deployed()
    with_role(world, "s3:*")
    work = world.deployment()
    plan = work.plan()
    consent = Consent(approved=frozenset(plan.reasons), basis={item.stack: item.basis for item in plan.stacks})
    mark = len(world.aws.calls)
    stacks = world.aws.cloudformation.stacks_by_name
    was = stacks["dev-platform"]
    stacks["dev-platform"] = replace(was, status="UPDATE_ROLLBACK_COMPLETE")
    with pytest.raises(UnapprovedError) as caught:
        work.execute(plan, world.events.append, consent)
    assert caught.value.detail[0] == ("platform: the stack was CREATE_COMPLETE, and is UPDATE_ROLLBACK_COMPLETE.")
    assert world.since(mark) == []
    stacks["dev-platform"] = was
    assert work.execute(plan, world.events.append, consent).changed


def test_what_waits_for_a_replaced_output_is_the_same_under_the_lock() -> None:
    topic = "Resources:\n  Topic: {Type: AWS::SNS::Topic, Properties: {TopicName: %s}}\n"
    topic += "Outputs:\n  TopicArn: {Value: !Ref Topic}\n"

    def stacks(name: str, on: str) -> tuple[StackTemplate, ...]:
        bodies = {"platform": topic % name, "app": (ROLE % "sns:Publish").replace("'*'}", on + "}")}
        made = (replace(item, body=bodies.get(item.stack, item.body)) for item in STACKS)
        told = FromOutput("platform", "TopicArn")
        return tuple(
            replace(item, parameters={**item.parameters, "TopicArn": told}) if item.stack == "app" else item
            for item in made
        )

    world = World(on="aws", stacks=stacks("one", "'arn:one'"))
    world.aws.cloudformation.results["dev-platform"]["TopicArn"] = "arn:two"
    world.deploy()
    world.stacks = stacks("two", "!Ref TopicArn")
    work = world.deployment()
    plan = work.plan()
    assert [(each.stack, each.kind, each.text) for each in plan.reasons] == [
        ("platform", "replaced", "replaced: TopicName"),
        ("app", "wider", "policy: Allow sns:Publish on ${TopicArn}"),
    ]
    consent = Consent(approved=frozenset(plan.reasons), basis={item.stack: item.basis for item in plan.stacks})
    assert work.execute(plan, world.events.append, consent).changed


def test_a_replacement_that_the_plan_did_not_show_is_refused_with_the_change_set_removed() -> None:
    bench = Bench()
    stack = template()
    bench.api.put(replace(stack, body=BODY + "Description: x\n"), "UPDATE_COMPLETE")
    sure, perhaps = change("Topic", "AWS::SNS::Topic"), change("Other", "AWS::SNS::Topic", replacement="Conditional")
    revision = change("Task", "AWS::ECS::TaskDefinition")
    bench.api.next_change_set = ChangeSet("", "CREATE_COMPLETE", "", "AVAILABLE", (perhaps, revision, sure))
    with pytest.raises(UnapprovedError, match="replace more in platform than the plan showed") as caught:
        bench.runner(NOTHING).run(stack, bench.state(stack), {})
    assert caught.value.detail == ("AWS::SNS::Topic Topic would be replaced because Engine changes.",)
    assert bench.api.writes == ["create_change_set", "delete_change_set"]
    seen = Consent(approved=frozenset({Reason("platform", "Topic", "replaced", "replaced: Engine")}))
    assert bench.runner(seen).run(stack, bench.state(stack), {}).changed


def test_a_stack_that_had_to_be_settled_is_not_updated_in_ways_that_nobody_saw() -> None:
    bench = Bench()
    stack = template(body=ROLE % "s3:*")
    bench.api.put(replace(stack, body=ROLE % "s3:GetObject"), "UPDATE_ROLLBACK_FAILED")
    bench.api.script["continue"] = [Operation(["UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE"])]
    with pytest.raises(UnapprovedError, match="platform is not what it was") as caught:
        bench.runner(NOTHING).run(stack, bench.state(stack), {})
    assert caught.value.detail == ("Role wider: policy: Allow s3:* on *",)
    assert bench.api.writes == ["continue_rollback"]
    assert bench.runner(Consent()).run(stack, bench.state(stack), {}).changed


def test_a_stack_that_somebody_else_made_meanwhile_is_not_updated_in_ways_that_nobody_saw(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stackrun, "_OVERTAKEN_SECONDS", 0.0)
    bench = Bench()
    stack = template(body=ROLE % "s3:*")
    bench.api.put(replace(stack, body=ROLE % "s3:GetObject"), "CREATE_COMPLETE")
    with pytest.raises(UnapprovedError, match="platform is not what it was") as caught:
        bench.runner(NOTHING).run(stack, RemoteState(), {})
    assert caught.value.detail == ("Role wider: policy: Allow s3:* on *",)
    assert "execute_change_set" not in bench.api.writes
    assert bench.runner(Consent()).run(stack, RemoteState(), {}).changed


def test_a_deploy_without_changes_parses_no_template(monkeypatch: pytest.MonkeyPatch) -> None:
    world = deployed()
    parsed: list[str] = []
    monkeypatch.setattr(compare, "parse", parsed.append)
    plan = world.deployment().plan()
    assert (plan.is_empty, parsed) == (True, [])


def test_what_may_be_replaced_by_name_needs_no_second_answer() -> None:
    reason = Reason("data", "Queue", "replaced", "replaced: QueueName")
    assert Consent(approved=frozenset()).unseen((reason,)) == (reason,)
    assert Consent(frozenset({"Queue"}), approved=frozenset()).unseen((reason,)) == ()
    wider = replace(reason, kind="wider")
    assert Consent(frozenset({"Queue"}), approved=frozenset()).unseen((wider,)) == (wider,)
    assert Consent().unseen((wider,)) == ()
    assert Plan("dev", ()).reasons == ()
