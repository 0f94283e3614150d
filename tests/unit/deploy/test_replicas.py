"""Replicas that an update deletes go in fact: their protection is lifted first."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from opsctl.aws.cloudformation import Change, StackResource
from opsctl.deploy import replicas
from opsctl.stacks import data
from tests.unit.stacks.reading import environment

from .fakes import FakeDatabases

INSTANCE = "AWS::RDS::DBInstance"
DROPPED = Change("Replica", INSTANCE, "Remove")
RESOURCES = [
    StackResource("Database", "db-1", INSTANCE, "UPDATE_COMPLETE"),
    StackResource("Replica", "db-2", INSTANCE, "CREATE_COMPLETE"),
]


def body(**settings: Any) -> str:
    return data.build(environment("prd", **settings)).body


def never() -> list[StackResource]:
    raise AssertionError("the stack's resources were read although no replica goes")


def test_todays_replica_is_protected_and_loses_that_before_the_update_that_drops_it() -> None:
    assert "DeletionProtection: true" in body().partition("Replica:")[2]
    databases = FakeDatabases({"db-1": "available", "db-2": "available"})
    assert replicas.release(databases, body(), [DROPPED], lambda: RESOURCES) == ("db-2",)
    assert databases.calls == [("lift_protection", "db-2")]


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
    databases = FakeDatabases({"db-1": "available", "db-2": "available"})
    assert replicas.release(databases, body(), [change], never) == ()
    assert databases.calls == []


@pytest.mark.parametrize("status", [None, "deleting"])
def test_one_that_is_gone_or_going_is_left_alone(status: str | None) -> None:
    databases = FakeDatabases({"db-2": status} if status else {})
    assert replicas.release(databases, body(), [DROPPED], lambda: RESOURCES) == ("db-2",)
    assert databases.calls == []


def test_a_replica_that_is_not_in_the_deployed_template_is_nobodys_business() -> None:
    assert replicas.leaving(body(rds__enable_replica=False), [DROPPED]) == frozenset()


def test_a_replica_that_the_service_still_reads_from_stays_until_it_does_not() -> None:
    without = body(rds__enable_replica=False)
    (line,) = replicas.read_problems(body(), without, "db-2.example.com", "prd")
    assert line.endswith("Run `opsctl deploy --env prd app` first, then the deploy that removes the replica.")
    assert replicas.read_problems(body(), without, None, "prd") == ()
    assert replicas.read_problems(body(), body(rds__backup_days=7), "db-2.example.com", "prd") == ()
