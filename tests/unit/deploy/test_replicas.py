"""Replicas that an update deletes go in fact: their protection is lifted first."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from opsctl.aws.cloudformation import Change, ChangeSet, StackResource
from opsctl.deploy.checks import replicas
from opsctl.deploy.planning.plan import Consent
from opsctl.stacks import upkeep
from tests.unit.stacks.reading import environment

from .bench import Bench
from .fakes import template
from .services import FakeDatabase

INSTANCE = "AWS::RDS::DBInstance"
DROPPED = Change("Replica", INSTANCE, "Remove")
RESOURCES = [
    StackResource("Database", "db-1", INSTANCE, "UPDATE_COMPLETE"),
    StackResource("Replica", "db-2", INSTANCE, "CREATE_COMPLETE"),
]


def body(**settings: Any) -> str:
    return upkeep.build(environment("prd", **settings)).body


def update(change: Change, deployed: str, wanted: str) -> Bench:
    """An update of the upkeep stack whose change set holds this change."""
    bench = Bench()
    bench.api.put(template("upkeep", deployed), "UPDATE_COMPLETE")
    bench.api.stack_resources = RESOURCES
    bench.api.next_change_set = ChangeSet("", "CREATE_COMPLETE", "", "AVAILABLE", (change,))
    bench.databases.instances = {"db-1": FakeDatabase(), "db-2": FakeDatabase("modifying", then=["available"])}
    capabilities = ("CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND")
    bench.run(template("upkeep", wanted, capabilities=capabilities), Consent(frozenset({"Database", "Replica"})))
    return bench


def test_todays_replica_is_protected_and_loses_that_before_the_update_that_drops_it() -> None:
    assert "DeletionProtection: true" in body().partition("Replica:")[2]
    bench = update(DROPPED, body(), body(rds__enable_replica=False))
    assert bench.api.writes == ["create_change_set", "lift_database", "execute_change_set"]
    assert {name: found.protected for name, found in bench.databases.instances.items()} == {"db-1": True, "db-2": False}


@pytest.mark.parametrize("replacement", ["True", "Conditional"])
def test_one_that_is_replaced_goes_too(replacement: str) -> None:
    assert replicas.leaving(body(), [Change("Replica", INSTANCE, "Modify", replacement)]) == {"Replica"}


@pytest.mark.parametrize(
    "change",
    [
        Change("Database", INSTANCE, "Remove"),
        Change("Database", INSTANCE, "Modify", "True"),
        Change("Replica", INSTANCE, "Modify", "False"),
        Change("Replica", INSTANCE, "Add"),
        replace(DROPPED, type="AWS::CloudWatch::Alarm"),
        replace(DROPPED, logical_id="Unknown"),
    ],
)
def test_what_holds_data_or_stays_keeps_its_protection(change: Change) -> None:
    assert replicas.leaving(body(), [change]) == frozenset()


def test_an_update_that_drops_no_replica_lifts_nothing() -> None:
    bench = update(Change("Replica", INSTANCE, "Modify", "False"), body(), body(rds__monitoring_interval=30))
    assert bench.api.writes == ["create_change_set", "execute_change_set"]


def test_a_replica_that_is_not_in_the_deployed_template_is_nobodys_business() -> None:
    assert replicas.leaving(body(rds__enable_replica=False), [DROPPED]) == frozenset()


def test_a_replica_that_the_service_still_reads_from_stays_until_it_does_not() -> None:
    without = body(rds__enable_replica=False)
    (line,) = replicas.read_problems(body(), without, "db-2.example.com", "prd")
    assert line.endswith("run `opsctl deploy --env prd front app` first, then the deploy that removes the replica.")
    assert replicas.read_problems(body(), without, None, "prd") == ()
    assert replicas.read_problems(body(), body(rds__monitoring_interval=30), "db-2.example.com", "prd") == ()


def test_a_load_balancer_that_leaves_loses_its_protection_and_one_that_changes_keeps_it() -> None:
    kind = "AWS::ElasticLoadBalancingV2::LoadBalancer"
    for action, lifted in (("Remove", True), ("Modify", False)):
        bench = Bench()
        bench.api.put(template("app"), "UPDATE_COMPLETE")
        bench.api.stack_resources = [StackResource("LoadBalancer", "arn:lb", kind, "CREATE_COMPLETE")]
        change = Change("LoadBalancer", kind, action)
        bench.api.next_change_set = ChangeSet("", "CREATE_COMPLETE", "", "AVAILABLE", (change,))
        bench.run(template("app", "Resources: {}\n"), Consent())
        assert ("lift_load_balancer" in bench.api.writes) is lifted
        assert bench.unguarded() == []
