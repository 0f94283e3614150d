"""The data stack: what its settings change, and what they must not replace."""

from __future__ import annotations

import json
from typing import Any

import pytest

from opsctl.deploy.planning import compare
from opsctl.stacks import data, upkeep
from tests.unit.stacks.reading import Stack, environment, ref


def build(name: str, **settings: Any) -> Stack:
    return Stack(data.build(environment(name, **settings)))


@pytest.mark.parametrize(("version", "family"), [("17", "postgres17"), ("18.1", "postgres18")])
def test_parameters_are_of_the_major_versions_family_and_ask_for_tls(version: str, family: str) -> None:
    group = build("dev", rds__engine_version=version)["DatabaseParameters"]
    assert group["Family"] == family
    assert group["Parameters"] == {"rds.force_ssl": "1", "temp_file_limit": str(5 * GIB)}


def test_a_major_upgrade_is_allowed_when_that_was_asked_for() -> None:
    assert build("prd", rds__allow_major_version_upgrade=True)["Database"]["AllowMajorVersionUpgrade"] is True


def test_a_pinned_minor_version_stays_as_rds_has_no_way_back_to_one_that_it_left() -> None:
    database = build("dev", rds__engine_version="17.6")["Database"]
    assert (database["EngineVersion"], database["AutoMinorVersionUpgrade"]) == ("17.6", False)


GIB = 1024 * 1024  # in kilobytes, as PostgreSQL takes it


@pytest.mark.parametrize(
    ("storage", "wanted", "limit"),
    [(20, None, 5 * GIB), (100, None, 25 * GIB), (65536, None, 2047 * GIB), (20, 12, 12 * GIB), (20, 0, None)],
)
def test_one_session_can_not_fill_the_disk_with_temporary_files(
    storage: int, wanted: int | None, limit: int | None
) -> None:
    built = build("dev", rds__allocated_storage=storage, rds__temp_file_limit=wanted)
    assert built["DatabaseParameters"]["Parameters"].get("temp_file_limit") == (str(limit) if limit else None)


def test_another_major_version_brings_another_parameter_group_whose_name_is_free() -> None:
    before, after = build("dev", rds__engine_version="17"), build("dev", rds__engine_version="18")
    (change,) = [
        change for change in compare.resource_changes(before.document, after.document) if "Group" in change.type
    ]
    assert (change.logical_id, change.replacement, change.causes) == ("DatabaseParameters", "yes", ("Family",))
    assert "DBParameterGroupName" not in after["DatabaseParameters"]
    assert after["Database"]["DBParameterGroupName"] == ref("DatabaseParameters")


def test_an_unencrypted_database_has_no_key_and_says_so() -> None:
    stack = build("prd", security__encryption_at_rest=False)
    replica = Stack(upkeep.build(environment("prd", security__encryption_at_rest=False)))
    for of, name in ((stack, "Database"), (replica, "Replica")):
        assert of[name]["StorageEncrypted"] is False
        assert "KmsKeyId" not in of[name]
        assert "CKV_AWS_16" in of.skips(name)


def test_the_port_travels_as_an_output_only() -> None:
    stack = build("dev", rds__port=6000)
    assert stack["Database"]["Port"] == "6000"
    assert stack.outputs["DatabasePort"] == {"Fn::GetAtt": ["Database", "Endpoint.Port"]}


def test_the_master_is_called_the_same_in_secret_and_database() -> None:
    stack = build("dev", rds__admin_user="root_of_all")
    generated = stack["MasterSecret"]["GenerateSecretString"]
    assert json.loads(generated["SecretStringTemplate"]) == {"username": stack["Database"]["MasterUsername"]}
    assert stack["Database"]["MasterUsername"] == "root_of_all"


def test_a_restored_database_is_given_nothing_that_its_snapshot_decides() -> None:
    database = build("prd", rds__snapshot_identifier="last-night")["Database"]
    assert database["DBSnapshotIdentifier"] == "last-night"
    assert not {"DBName", "MasterUsername", "StorageEncrypted", "KmsKeyId"} & {*database}
    assert "MasterUserPassword" in database


def test_an_instance_that_is_taken_over_is_named_and_no_rollback_deletes_it() -> None:
    built = build("prd", rds__import_instance="old-prd")
    database = built["Database"]
    assert (database["DBInstanceIdentifier"], database["DBName"]) == ("old-prd", "salaries")
    assert "KmsKeyId" not in database
    for name in ("Database", "DatabaseSubnets"):
        resource = built.document["Resources"][name]
        assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("Retain", "Retain")
        assert name in built.template.stateful
    assert built["DatabaseSubnets"]["DBSubnetGroupName"] == built.template.physical_name


def test_the_parameter_group_of_an_instance_that_stays_stays_with_it() -> None:
    """RDS deletes none that has a member, and the stack could then neither roll back nor go."""
    kept = build("prd", rds__import_instance="old-prd").document["Resources"]["DatabaseParameters"]
    assert (kept["DeletionPolicy"], kept["UpdateReplacePolicy"]) == ("Retain", "Delete")
    assert "DeletionPolicy" not in build("prd").document["Resources"]["DatabaseParameters"]


@pytest.mark.parametrize("setting", ["snapshot_identifier", "import_instance"])
def test_a_plan_calls_the_loss_of_either_setting_a_replacement(setting: str) -> None:
    before, after = build("prd", **{f"rds__{setting}": "old-prd"}), build("prd")
    (change,) = [
        each for each in compare.resource_changes(before.document, after.document) if each.type.endswith("DBInstance")
    ]
    assert change.replacement == "yes"
