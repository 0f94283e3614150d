"""What the local database refuses to stand in for."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from opsctl.local.postgres.instances import Servers
from opsctl.local.postgres.rds import DbInstances, check_version, refuse_foreign
from opsctl.local.state import StateDir


@pytest.mark.parametrize("props", [{}, {"Engine": "postgres"}, {"EngineVersion": "18"}, {"EngineVersion": "18.1"}])
def test_it_accepts_the_major_version_it_runs(props: dict[str, str]) -> None:
    check_version(props)


@pytest.mark.parametrize("props", [{"Engine": "mysql"}, {"Engine": "postgres", "EngineVersion": "17.2"}])
def test_it_refuses_other_engines_and_major_versions(props: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="PostgreSQL"):
        check_version(props)


def test_it_takes_a_name_that_is_free_or_its_own() -> None:
    refuse_foreign(None, "mine", "the database name d")
    refuse_foreign("opsctl-local db instance mine", "mine", "the database name d")


@pytest.mark.parametrize(
    ("holder", "owner"), [("opsctl-local db instance theirs", "theirs"), ("", "something opsctl did not make")]
)
def test_it_refuses_a_name_of_somebody_else(holder: str, owner: str) -> None:
    with pytest.raises(ValueError, match=owner):
        refuse_foreign(holder, "mine", "the database name d")


# -- snapshots ---------------------------------------------------------------------------------------------------------

HOME, FAR = "arn:aws:rds:us-east-1:1:db:d", "arn:aws:rds:eu-west-1:1:db:d"


def test_copies_of_two_regions_with_one_name_lie_apart_and_case_makes_no_other(tmp_path: Path) -> None:
    servers = Servers(StateDir.of(tmp_path), 1, cast("Any", None), None)
    home, far = servers.copy_of(HOME, "cut-over"), servers.copy_of(FAR, "cut-over")
    assert servers.copy_of(HOME, "Cut-Over") == home
    for each in (home, far):
        each.mkdir(parents=True)
    servers.discard(FAR, "cut-over")
    assert (home.exists(), far.exists()) == (True, False)


def test_a_snapshot_has_its_name_in_lower_case_and_no_other_takes_its_place() -> None:
    done: list[tuple[str, ...]] = []
    rds = SimpleNamespace(
        _snapshots={"cut-over": {"DBSnapshotArn": HOME}},
        _create_snapshot_internal=lambda name, instance: {"made": name},
        _delete_db_instance_impl=lambda params: (200, "deleted"),
        _resolve_instance=lambda db_id: None,
        _p=lambda params, key: params.get(key, ""), _error=lambda code, message, status: (status, code),
        _ACTION_MAP={
            name: lambda params, name=name: (200, f"{name} {params['DBSnapshotIdentifier']}")
            for name in ("CreateDBSnapshot", "DescribeDBSnapshots", "DeleteDBSnapshot")
        },
    )  # fmt: skip
    provisioners = SimpleNamespace(
        _rds_db_instance_create=None, _rds_db_instance_update=None, _rds_db_instance_delete=None,
        _RESOURCE_HANDLERS={"AWS::RDS::DBInstance": {}},
    )  # fmt: skip
    servers = SimpleNamespace(
        save=lambda arn, name: done.append(("save", arn, name)),
        discard=lambda arn, name: done.append(("discard", arn, name)),
    )
    DbInstances(rds, provisioners, cast("Any", servers), None, lambda *_: None).install()
    for name, action in rds._ACTION_MAP.items():
        assert action({"DBSnapshotIdentifier": "Cut-Over"}) == (200, f"{name} cut-over")
    assert rds._create_snapshot_internal("At-End", {"DBInstanceArn": FAR}) == {"made": "at-end"}
    assert done == [("discard", HOME, "cut-over"), ("save", FAR, "at-end")]
    last = {"DBInstanceIdentifier": "d", "FinalDBSnapshotIdentifier": "Cut-Over"}
    assert rds._delete_db_instance_impl(last) == (400, "DBSnapshotAlreadyExists")
    assert rds._delete_db_instance_impl({**last, "FinalDBSnapshotIdentifier": "free"}) == (200, "deleted")
