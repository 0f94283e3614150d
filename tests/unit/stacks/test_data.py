"""The data stack: a database that is hard to lose."""

from __future__ import annotations

import json
from typing import Any

import pytest

from opsctl.deploy import compare
from opsctl.stacks import data, upkeep
from opsctl.stacks.model import FromOutput
from tests.unit.stacks.reading import NAMES, Stack, environment, ref, sub


def build(name: str, **settings: Any) -> Stack:
    return Stack(data.build(environment(name, **settings)))


@pytest.mark.parametrize("name", NAMES)
def test_the_database_is_private_encrypted_protected_and_kept(name: str) -> None:
    stack = build(name)
    database = stack["Database"]
    assert database["PubliclyAccessible"] is False
    assert database["StorageEncrypted"] is True
    assert database["DeletionProtection"] is True
    assert database["EnableIAMDatabaseAuthentication"] is True
    assert database["AutoMinorVersionUpgrade"] is True
    assert database["CopyTagsToSnapshot"] is True
    assert database["DeleteAutomatedBackups"] is False
    assert database["EnableCloudwatchLogsExports"] == ["postgresql", "upgrade"]
    assert stack.attribute("Database", "DeletionPolicy") == "RetainExceptOnCreate"
    assert stack.attribute("Database", "UpdateReplacePolicy") == "Retain"
    assert {"Database", "MasterSecret"} <= set(stack.template.stateful)


@pytest.mark.parametrize("name", NAMES)
def test_it_has_no_fixed_identifier_as_its_replacement_could_then_never_succeed(name: str) -> None:
    assert not any("DBInstanceIdentifier" in one for one in build(name).of_type("AWS::RDS::DBInstance").values())


def test_it_asks_for_a_major_version_while_minor_ones_follow_by_themselves() -> None:
    database = build("prd")["Database"]
    assert database["EngineVersion"] == "18"
    assert database["EngineLifecycleSupport"] == "open-source-rds-extended-support-disabled"


@pytest.mark.parametrize(("version", "family"), [("17", "postgres17"), ("18.1", "postgres18")])
def test_parameters_are_of_the_major_versions_family_and_ask_for_tls(version: str, family: str) -> None:
    group = build("dev", rds__engine_version=version)["DatabaseParameters"]
    assert group["Family"] == family
    assert group["Parameters"] == {"rds.force_ssl": "1"}


def test_a_major_upgrade_is_allowed_only_when_that_was_asked_for() -> None:
    assert "AllowMajorVersionUpgrade" not in build("prd")["Database"]
    assert build("prd", rds__allow_major_version_upgrade=True)["Database"]["AllowMajorVersionUpgrade"] is True


def test_a_pinned_minor_version_stays_as_rds_has_no_way_back_to_one_that_it_left() -> None:
    database = build("dev", rds__engine_version="17.6")["Database"]
    assert (database["EngineVersion"], database["AutoMinorVersionUpgrade"]) == ("17.6", False)


def test_another_major_version_brings_another_parameter_group_whose_name_is_free() -> None:
    before, after = build("dev", rds__engine_version="17"), build("dev", rds__engine_version="18")
    (change,) = [
        change for change in compare.resource_changes(before.document, after.document) if "Group" in change.type
    ]
    assert (change.logical_id, change.replacement, change.causes) == ("DatabaseParameters", "yes", ("Family",))
    assert "DBParameterGroupName" not in after["DatabaseParameters"]
    assert after["Database"]["DBParameterGroupName"] == ref("DatabaseParameters")


def test_statements_are_not_logged_as_rotation_would_log_the_password() -> None:
    assert "log_statement" not in build("prd").template.body


def test_settings_make_the_difference_between_dev_and_prd() -> None:
    dev, prd = build("dev")["Database"], build("prd")["Database"]
    assert (dev["MultiAZ"], prd["MultiAZ"]) == (False, True)
    assert (dev["BackupRetentionPeriod"], prd["BackupRetentionPeriod"]) == (1, 35)
    assert (dev["MonitoringInterval"], prd["MonitoringInterval"]) == (0, 60)
    assert prd["KmsKeyId"] == ref("DataKeyArn")
    assert "KmsKeyId" not in dev
    assert prd["MaxAllocatedStorage"] == 500


def test_enhanced_monitoring_and_its_role_come_together_or_not_at_all() -> None:
    prd = build("prd")
    assert prd["Database"]["MonitoringRoleArn"] == {"Fn::GetAtt": ["DatabaseMonitoringRole", "Arn"]}
    trust = prd["DatabaseMonitoringRole"]["AssumeRolePolicyDocument"]["Statement"][0]
    assert trust["Principal"] == {"Service": "monitoring.rds.amazonaws.com"}
    assert "MonitoringRoleArn" not in build("dev")["Database"]


def test_an_unencrypted_database_has_no_key_and_says_so() -> None:
    stack = build("prd", security__encryption_at_rest=False)
    replica = Stack(upkeep.build(environment("prd", security__encryption_at_rest=False)))
    for of, name in ((stack, "Database"), (replica, "Replica")):
        assert of[name]["StorageEncrypted"] is False
        assert "KmsKeyId" not in of[name]
        assert "CKV_AWS_16" in of.skips(name)


def test_what_a_cheap_environment_leaves_off_is_said_to_the_linter() -> None:
    assert build("dev").skips("Database") == {"CKV_AWS_157", "CKV_AWS_118"}
    assert build("prd").skips("Database") == Stack(upkeep.build(environment("prd"))).skips("Replica") == set()


@pytest.mark.parametrize("name", NAMES)
def test_the_master_password_is_generated_within_what_rds_takes(name: str) -> None:
    stack = build(name)
    generated = stack["MasterSecret"]["GenerateSecretString"]
    assert set('/"@ ') <= set(generated["ExcludeCharacters"])
    assert 8 <= generated["PasswordLength"] <= 128
    assert json.loads(generated["SecretStringTemplate"]) == {"username": environment(name).rds.admin_user}
    password = sub("{{resolve:secretsmanager:${MasterSecret}:SecretString:password}}")
    assert stack["Database"]["MasterUserPassword"] == password


def test_it_waits_for_network_and_platform_and_for_no_way_out() -> None:
    parameters = build("prd").template.parameters
    assert parameters["PrivateSubnetIds"] == FromOutput("network", "PrivateSubnetIds")
    assert parameters["DataKeyArn"] == FromOutput("platform", "DataKeyArn")
    assert build("prd").template.depends_on == ("platform", "network")


def test_the_port_travels_as_an_output_only() -> None:
    stack = build("dev", rds__port=6000)
    assert stack["Database"]["Port"] == "6000"
    assert stack.outputs["DatabasePort"] == {"Fn::GetAtt": ["Database", "Endpoint.Port"]}


@pytest.mark.parametrize("name", NAMES)
def test_it_has_the_agreed_outputs(name: str) -> None:
    outputs = build(name).outputs
    wanted = {"DatabaseHost", "DatabasePort", "DatabaseName", "DatabaseResourceId", "MasterSecretArn"}
    assert wanted | {"DatabaseIdentifier", "DatabaseParameterGroup"} <= set(outputs)
    # The resource id is what rds-db:connect is granted on; identifier and ARN never match there.
    assert outputs["DatabaseResourceId"] == {"Fn::GetAtt": ["Database", "DbiResourceId"]}
