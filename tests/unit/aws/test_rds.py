"""RDS: what a database is, lifting its protection, deleting it with or without a last snapshot."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from moto import mock_aws

from opsctl.aws.errors import AwsError
from opsctl.aws.rds import Database, Instance, Maintenance, Rds

from .clients import client, stubbed


@pytest.fixture
def server() -> Any:
    with mock_aws():
        made = client("rds")
        made.create_db_instance(
            DBInstanceIdentifier="db-1", DBInstanceClass="db.t4g.micro", Engine="postgres", AllocatedStorage=20,
            MasterUsername="app", MasterUserPassword="a-password-of-tests", DeletionProtection=True,
        )  # fmt: skip
        yield made


def test_a_database_tells_its_status_and_a_missing_one_is_none(server: Any) -> None:
    assert Rds(server).instance("db-1") == Instance("available", protected=True)
    assert Rds(server).instance("db-2") is None


@pytest.mark.parametrize("code", ["DBInstanceNotFound", "DBInstanceNotFoundFault"])
def test_both_codes_of_a_missing_database_mean_none(code: str) -> None:
    with stubbed("rds") as (made, stub):
        stub.add_client_error("describe_db_instances", code)
        assert Rds(made).instance("db-1") is None


def test_a_database_that_may_not_be_read_is_not_missing() -> None:
    with stubbed("rds") as (made, stub):
        stub.add_client_error("describe_db_instances", "AccessDenied", "no")
        with pytest.raises(AwsError):
            Rds(made).instance("db-1")


def test_protection_is_lifted_at_once() -> None:
    sent = {"DBInstanceIdentifier": "db-1", "DeletionProtection": False, "ApplyImmediately": True}
    with stubbed("rds") as (made, stub):
        stub.add_response("modify_db_instance", {}, sent)
        Rds(made).lift_protection("db-1")


def test_a_protected_database_is_not_deleted_before_that(server: Any) -> None:
    rds = Rds(server)
    with pytest.raises(AwsError):
        rds.delete("db-1", final_snapshot="final-db-1", keep_backups=True)
    rds.lift_protection("db-1")
    rds.delete("db-1", final_snapshot="final-db-1", keep_backups=True)
    assert rds.instance("db-1") is None
    snapshots = server.describe_db_snapshots(DBSnapshotIdentifier="final-db-1")["DBSnapshots"]
    assert [item["DBInstanceIdentifier"] for item in snapshots] == ["db-1"]


def test_a_snapshot_is_left_out_only_when_that_is_asked_for() -> None:
    with stubbed("rds") as (made, stub):
        one = {"DBInstanceIdentifier": "db-1"}
        named = {
            "SkipFinalSnapshot": False, "FinalDBSnapshotIdentifier": "final", "DeleteAutomatedBackups": False
        }  # fmt: skip
        stub.add_response("delete_db_instance", {}, {**one, **named})
        for deleted in (True, False):
            without = {**one, "SkipFinalSnapshot": True, "DeleteAutomatedBackups": deleted}
            stub.add_response("delete_db_instance", {}, without)
        Rds(made).delete("db-1", final_snapshot="final", keep_backups=True)
        Rds(made).delete("db-1", final_snapshot=None, keep_backups=False)
        Rds(made).delete("db-1", final_snapshot=None, keep_backups=True)


def test_a_database_says_what_it_is_and_what_waits() -> None:
    item = {
        "DBInstanceIdentifier": "db-1", "DBInstanceStatus": "available", "DBInstanceClass": "db.t4g.micro",
        "Engine": "postgres", "EngineVersion": "17.6", "AllocatedStorage": 20, "MultiAZ": True,
        "DBInstanceArn": "arn:db", "PendingModifiedValues": {"DBInstanceClass": "db.t4g.small"},
    }  # fmt: skip
    with stubbed("rds") as (made, stub):
        stub.add_response("describe_db_instances", {"DBInstances": [item]}, {"DBInstanceIdentifier": "db-1"})
        found = Rds(made).database("db-1")
    assert found == Database(
        "db-1", "available", "db.t4g.micro", "postgres", "17.6", 20, True, "arn:db", ("DBInstanceClass",)
    )


def test_maintenance_says_when_it_comes_and_whether_it_can_be_put_off() -> None:
    chosen, forced = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)
    details = [
        {"Action": "system-update", "Description": "new system"},
        {"Action": "db-upgrade", "Description": "minor", "CurrentApplyDate": chosen, "ForcedApplyDate": forced},
    ]
    answer = {"PendingMaintenanceActions": [
        {"ResourceIdentifier": "arn:db", "PendingMaintenanceActionDetails": details}
    ]}  # fmt: skip
    with stubbed("rds") as (made, stub):
        stub.add_response("describe_pending_maintenance_actions", answer, {"ResourceIdentifier": "arn:db"})
        stub.add_response("describe_pending_maintenance_actions", {"PendingMaintenanceActions": []})
        assert Rds(made).maintenance("arn:db") == [
            Maintenance("system-update", "new system"), Maintenance("db-upgrade", "minor", chosen, forced=True),
        ]  # fmt: skip
        assert Rds(made).maintenance("arn:db") == []


def test_a_running_instance_tells_what_must_be_configured_like_it(server: Any) -> None:
    assert Rds(server).instance_origin("db-2") is None
    found = Rds(server).instance_origin("db-1")
    assert found is not None
    assert (found.status, found.engine, found.master, found.storage) == ("available", "postgres", "app", 20)
    assert (found.protected, found.encrypted, found.instance_class) == (True, False, "db.t4g.micro")


def test_a_snapshot_tells_the_same_as_far_as_rds_does(server: Any) -> None:
    server.create_db_snapshot(DBInstanceIdentifier="db-1", DBSnapshotIdentifier="last-night")
    assert Rds(server).snapshot_origin("another") is None
    found = Rds(server).snapshot_origin("last-night")
    assert found is not None
    assert (found.status, found.engine, found.master, found.storage) == ("available", "postgres", "app", 20)
    assert (found.database, found.port, found.subnets) == ("", 0, "")


def test_a_snapshot_of_another_account_is_asked_for_by_its_arn() -> None:
    arn = "arn:aws:rds:us-east-1:123456789012:snapshot:theirs"
    with stubbed("rds") as (made, stub):
        stub.add_response(
            "describe_db_snapshots", {"DBSnapshots": []}, {"DBSnapshotIdentifier": arn, "IncludeShared": True}
        )
        assert Rds(made).snapshot_origin(arn) is None


@pytest.mark.parametrize(("name", "kind"), [("rds:old-2026-11-30", "automated"), ("awsbackup:job-1f0e", "awsbackup")])
@pytest.mark.parametrize("prefix", ["", "arn:aws:rds:us-east-1:123456789012:snapshot:"])
def test_a_snapshot_that_nobody_named_is_asked_for_by_its_type(prefix: str, name: str, kind: str) -> None:
    shared = {"IncludeShared": True} if prefix else {}
    with stubbed("rds") as (made, stub):
        asked = {"DBSnapshotIdentifier": f"{prefix}{name}", "SnapshotType": kind, **shared}
        stub.add_response("describe_db_snapshots", {"DBSnapshots": []}, asked)
        assert Rds(made).snapshot_origin(f"{prefix}{name}") is None


def test_a_running_instance_tells_what_an_import_would_take_away() -> None:
    item = {
        "DBInstanceStatus": "available", "BackupRetentionPeriod": 7, "MaxAllocatedStorage": 500,
        "MasterUserSecret": {"SecretArn": "arn:secret"},
    }  # fmt: skip
    with stubbed("rds") as (made, stub):
        stub.add_response("describe_db_instances", {"DBInstances": [item]}, {"DBInstanceIdentifier": "db-1"})
        found = Rds(made).instance_origin("db-1")
    assert found is not None
    assert (found.backup_days, found.max_storage, found.managed_password) == (7, 500, True)
