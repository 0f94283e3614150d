"""Rollbacks that can't be finished: tried again, and finished without what was deleted by hand."""

from __future__ import annotations

import pytest

from opsctl.deploy.failures import RefusedChangeError, StackFailedError
from opsctl.deploy.planning.plan import Consent
from opsctl.errors import OpsctlError

from .bench import Bench
from .fakes import Operation, resource, template

HELD = Operation(
    ["UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_FAILED"],
    [("Rule", "UPDATE_FAILED", "Rule arn:1 does not exist"), ("Topic", "UPDATE_FAILED", "Topic does not exist")],
)


def stuck(*resources: tuple[str, str]) -> Bench:
    bench = Bench()
    bench.api.put(template(), "UPDATE_ROLLBACK_FAILED")
    bench.api.stack_resources = [resource(name, kind, status="UPDATE_FAILED") for name, kind in resources]
    bench.api.stack_resources.append(resource("Role", "AWS::IAM::Role", status="UPDATE_COMPLETE"))
    return bench


RULE, TOPIC = ("Rule", "AWS::ElasticLoadBalancingV2::ListenerRule"), ("Topic", "AWS::SNS::Topic")


def skipping(*names: str) -> Consent:
    return Consent(skip_resources=frozenset(names))


def test_a_rollback_that_fails_again_names_what_can_be_skipped_and_what_that_means() -> None:
    bench = stuck(RULE, TOPIC)
    bench.api.script["continue"] = [HELD]
    with pytest.raises(StackFailedError, match="Rule arn:1 does not exist") as caught:
        bench.run(template())
    assert caught.value.hint.endswith("`opsctl deploy --skip-resource Rule --skip-resource Topic`.")
    assert "counts as rolled back without being looked at" in caught.value.detail[-1]


def test_what_cannot_be_skipped_is_not_offered() -> None:
    bench = stuck(RULE, TOPIC)
    bench.api.types["Database"] = "AWS::RDS::DBInstance"
    failures = [("Database", "UPDATE_FAILED", "gone"), ("Topic", "DELETE_FAILED", "no")]
    bench.api.script["continue"] = [Operation(["UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_FAILED"], failures)]
    with pytest.raises(StackFailedError) as caught:
        bench.run(template())
    assert "--skip-resource" not in caught.value.hint


def test_skipped_resources_are_left_out_and_the_deploy_goes_on() -> None:
    bench = stuck(RULE, TOPIC)
    bench.run(template(), skipping("Rule", "Topic"))
    assert ("continue_rollback", "dev-platform Rule Topic") in bench.api.calls


def test_only_what_has_failed_in_this_stack_is_skipped() -> None:
    bench = stuck(RULE)
    bench.run(template(), skipping("Rule", "OfAnotherStack"))
    assert ("continue_rollback", "dev-platform Rule") in bench.api.calls


@pytest.mark.parametrize("name", ["Rolle", "Role"])
def test_a_resource_that_has_not_failed_is_refused_with_those_that_have(name: str) -> None:
    bench = stuck(RULE, TOPIC)
    with pytest.raises(OpsctlError, match=f"no failed resource {name}") as caught:
        bench.run(template(), skipping(name))
    assert caught.value.hint == "Those that can be: Rule, Topic."
    assert bench.api.writes == []


@pytest.mark.parametrize("kind", ["AWS::RDS::DBInstance", "AWS::S3::Bucket", "AWS::KMS::Key"])
def test_what_holds_data_is_not_skipped(kind: str) -> None:
    bench = stuck(RULE, ("Kept", kind))
    with pytest.raises(RefusedChangeError, match=r"Kept .* holds data") as caught:
        bench.run(template(), skipping("Rule", "Kept"))
    assert "under its old name" in caught.value.hint
    assert bench.api.writes == []


def test_a_stack_that_is_gone_but_still_listed_is_made_anew() -> None:
    """After a deletion DescribeStacks by name may tell the old status for a while."""
    bench, stack = Bench(), template("app")
    bench.api.put(stack, "ROLLBACK_COMPLETE")
    bench.api.record(stack, ("dev-app", "CREATE_IN_PROGRESS", ""), ("dev-app", "ROLLBACK_COMPLETE", ""))
    state = bench.state(stack)
    bench.api.behind = 2
    bench.runner().run(stack, state, {})
    assert bench.api.writes == ["delete_stack", "create_change_set", "execute_change_set"]
