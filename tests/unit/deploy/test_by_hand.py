"""Before a change: what of the resources that it modifies somebody changed by hand."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import pytest

from opsctl.aws.drift import Difference, Drifts, ResourceDrift
from opsctl.aws.errors import AwsError, AwsRefusedError
from opsctl.config.models import Environment
from opsctl.deploy.checks.by_hand import Modified, modified, notes
from opsctl.deploy.planning.plan import Plan
from opsctl.deploy.planning.situation import Request, Situation
from opsctl.stacks.model import StackTemplate

from .fakes import template
from .services import FakeDrifts
from .world import FakeAws, FakeBundle, FakeImage

if TYPE_CHECKING:
    from opsctl.aws.session import Aws

BEFORE = """\
Parameters:
  Count:
    Type: Number
Resources:
  Listener:
    Type: AWS::ElasticLoadBalancingV2::Listener
    Properties: {Port: 443, Protocol: HTTP}
  Group:
    Type: AWS::ElasticLoadBalancingV2::TargetGroup
    Properties: {Name: !Sub "group-${Count}"}
  Definition:
    Type: AWS::ECS::TaskDefinition
    Properties: {Cpu: !Ref Count}
  Topic:
    Type: AWS::SNS::Topic
"""
AFTER = BEFORE.replace("HTTP}", "HTTPS}")
PORT = Difference("/Port", "443", "8443", "NOT_EQUAL")
LISTENER = ResourceDrift("Listener", "arn", "AWS::ElasticLoadBalancingV2::Listener", "MODIFIED", (PORT,))


def planned(aws: FakeAws, wanted: StackTemplate, target: str = "aws") -> Plan:
    env = Environment.model_validate({"name": "dev", "service": "shop", "client": "acme", "target": target})
    situation = Situation(
        env, [wanted, template("app")], cast("Aws", aws), image=FakeImage(), bundle=FakeBundle(),
        request=Request((wanted.stack,)),
    )  # fmt: skip
    return situation.plan()


def deployed(**drifts: ResourceDrift) -> FakeAws:
    aws = FakeAws()
    aws.cloudformation.put(template("front", BEFORE), "UPDATE_COMPLETE")
    aws.drifts.changed.update(drifts)
    return aws


def test_a_change_says_what_was_changed_by_hand_of_what_it_modifies() -> None:
    aws = deployed(Listener=LISTENER)
    plan = planned(aws, template("front", AFTER))
    assert plan.notes == ("Listener of front was changed by hand: Port 443 → 8443; this deploy may put 443 back.",)
    assert aws.drifts.asked == [("dev-front", "Listener")]


def test_a_plan_without_changes_and_one_for_this_machine_ask_nothing() -> None:
    same, local = deployed(Listener=LISTENER), deployed(Listener=LISTENER)
    assert planned(same, template("front", BEFORE)).notes == ()
    assert planned(local, template("front", AFTER), target="local").notes == ()
    assert same.drifts.asked == local.drifts.asked == []


@pytest.mark.parametrize("error", [AwsRefusedError("no", aws_code="AccessDenied"), AwsError("not supported")])
def test_what_can_not_be_compared_says_nothing_and_stops_nothing(error: AwsError) -> None:
    aws = deployed(Listener=LISTENER)
    aws.drifts.refused = error
    plan = planned(aws, template("front", AFTER))
    assert plan.notes == ()
    assert not plan.is_empty
    assert aws.drifts.asked


def test_a_parameter_leads_to_the_resources_that_take_it_but_not_to_revisions() -> None:
    aws = deployed()
    aws.cloudformation.put(template("front", BEFORE), "UPDATE_COMPLETE", parameters={"Count": "1"})
    plan = planned(aws, template("front", BEFORE))  # the new template has no value for it any more
    found = modified(plan, {"front": BEFORE})
    assert [each.logical_id for each in found] == ["Group"]


def test_a_question_that_takes_too_long_is_not_waited_for() -> None:
    class Slow(FakeDrifts):
        def resource(self, stack: str, logical_id: str) -> ResourceDrift:
            if logical_id == "Topic":
                time.sleep(5)
            return super().resource(stack, logical_id)

    slow = Slow({"Listener": LISTENER, "Topic": LISTENER})
    resources = [Modified("front", "dev-front", name) for name in ("Listener", "Topic")]
    began = time.monotonic()
    found = notes(resources, lambda _: cast("Drifts", slow), seconds=0.3)
    assert time.monotonic() - began < 3
    assert [text.split()[0] for text in found] == ["Listener"]


def test_so_many_resources_are_no_single_change_and_not_asked_about() -> None:
    drifts = FakeDrifts({"R1": LISTENER})
    resources = [Modified("front", "dev-front", f"R{number}") for number in range(25)]
    assert notes(resources, lambda _: cast("Drifts", drifts)) == []
    assert drifts.asked == []


def test_a_deleted_resource_and_an_added_value_are_told_as_such() -> None:
    gone = replace(LISTENER, status="DELETED", differences=())
    added = replace(LISTENER, differences=(Difference("/Tags/0", "null", "x", "ADD"),))
    resource = [Modified("front", "dev-front", "Listener")]
    for drift, told in ((gone, "was deleted by hand"), (added, "Tags.0 added: x; this deploy may undo it.")):
        drifts = FakeDrifts({"Listener": drift})
        (text,) = notes(resource, lambda _, found=drifts: cast("Drifts", found))  # type: ignore[misc]
        assert told in text
