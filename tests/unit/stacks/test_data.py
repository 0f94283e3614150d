"""The data stack: a database that is hard to lose."""

from __future__ import annotations

import json
from typing import Any

import pytest

from opsctl.config import naming
from opsctl.deploy import compare
from opsctl.stacks import data
from opsctl.stacks.model import FromOutput
from opsctl.stacks.parts.database_alarms import max_connections
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


def test_a_replica_is_told_apart_where_its_storage_runs_out_as_it_does_not_grow() -> None:
    stack = build("prd")
    assert "MaxAllocatedStorage" not in stack["Replica"]
    alarm = stack["ReplicaStorageAlarm"]
    assert alarm["MetricName"] == "FreeStorageSpace"
    assert alarm["Threshold"] == int(100 * 1024**3 * 0.15)
    assert "does not grow with its source" in alarm["AlarmDescription"]
    assert "does not grow" not in stack["DatabaseStorageAlarm"]["AlarmDescription"]


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
    for name in ("Database", "Replica"):
        assert stack[name]["StorageEncrypted"] is False
        assert "KmsKeyId" not in stack[name]
        assert "CKV_AWS_16" in stack.skips(name)


def test_what_a_cheap_environment_leaves_off_is_said_to_the_linter() -> None:
    assert build("dev").skips("Database") == {"CKV_AWS_157", "CKV_AWS_118"}
    assert build("prd").skips("Database") == build("prd").skips("Replica") == set()


@pytest.mark.parametrize("name", NAMES)
def test_the_master_password_is_generated_within_what_rds_takes(name: str) -> None:
    stack = build(name)
    generated = stack["MasterSecret"]["GenerateSecretString"]
    assert set('/"@ ') <= set(generated["ExcludeCharacters"])
    assert 8 <= generated["PasswordLength"] <= 128
    assert json.loads(generated["SecretStringTemplate"]) == {"username": environment(name).rds.admin_user}
    password = sub("{{resolve:secretsmanager:${MasterSecret}:SecretString:password}}")
    assert stack["Database"]["MasterUserPassword"] == password


@pytest.mark.parametrize("name", NAMES)
def test_rotation_waits_for_its_window_and_for_the_attachment(name: str) -> None:
    stack = build(name)
    rotation = stack["MasterSecretRotation"]
    assert rotation["RotateImmediatelyOnUpdate"] is False
    assert rotation["RotationRules"]["AutomaticallyAfterDays"] <= 30
    assert "MasterSecretAttachment" in stack.attribute("MasterSecretRotation", "DependsOn")
    assert stack["MasterSecretAttachment"]["TargetId"] == ref("Database")


def test_rotation_leaves_out_the_same_characters_as_the_first_password() -> None:
    stack = build("prd")
    first = stack["MasterSecret"]["GenerateSecretString"]["ExcludeCharacters"]
    assert stack["MasterSecretRotation"]["HostedRotationLambda"]["ExcludeCharacters"] == first


def test_the_hosted_function_gets_strings_not_lists() -> None:
    function = build("prd")["MasterSecretRotation"]["HostedRotationLambda"]
    assert function["VpcSubnetIds"] == {"Fn::Join": [",", ref("PrivateSubnetIds")]}
    assert function["VpcSecurityGroupIds"] == ref("RotationSecurityGroupId")
    assert function["RotationType"] == "PostgreSQLSingleUser"


@pytest.mark.parametrize("name", NAMES)
def test_the_hosted_function_finds_its_log_group_made_with_an_end(name: str) -> None:
    stack = build(name)
    function = stack["MasterSecretRotation"]["HostedRotationLambda"]["RotationLambdaName"]
    group = stack["RotationLogGroup"]
    assert group["LogGroupName"] == f"/aws/lambda/{function}"
    assert group["RetentionInDays"] == environment(name).observability.log_retention_days
    assert group.get("KmsKeyId") == (ref("LogsKeyArn") if name in {"hml", "prd"} else None)
    assert "RotationLogGroup" in stack.attribute("MasterSecretRotation", "DependsOn")


@pytest.mark.parametrize("length", [3, 40])
def test_the_hosted_functions_name_is_one_that_lambda_takes_and_a_long_one_is_not_shared(length: int) -> None:
    long = "x" * length
    names = {
        naming.rotation_function(environment("dev", service=long, client=client))
        for client in (f"{long[:-1]}a", f"{long[:-1]}b")
    }
    assert len(names) == 2
    assert all(len(name) <= 64 for name in names)


def test_the_transform_is_literal_and_its_capabilities_are_acknowledged() -> None:
    stack = build("dev")
    assert stack.document["Transform"] == "AWS::SecretsManager-2024-09-16"
    assert {"CAPABILITY_AUTO_EXPAND", "CAPABILITY_IAM"} <= set(stack.template.capabilities)


def test_the_replica_is_given_its_groups_and_nothing_that_it_inherits() -> None:
    stack = build("prd")
    replica = stack["Replica"]
    assert replica["SourceDBInstanceIdentifier"] == ref("Database")
    assert replica["VPCSecurityGroups"] == [ref("DatabaseSecurityGroupId")]
    assert replica["EnableIAMDatabaseAuthentication"] is True
    assert not {
        "DBName", "MasterUsername", "MasterUserPassword", "BackupRetentionPeriod", "PreferredBackupWindow", "KmsKeyId",
        "AllocatedStorage", "EngineVersion", "DBSubnetGroupName",
    } & set(replica)  # fmt: skip
    assert replica["StorageEncrypted"] == stack["Database"]["StorageEncrypted"]


def test_the_replica_comes_with_the_setting() -> None:
    assert "Replica" not in build("dev").resources
    assert "ReplicaHost" not in build("dev").outputs
    assert build("prd").outputs["ReplicaResourceId"] == {"Fn::GetAtt": ["Replica", "DbiResourceId"]}


def test_events_of_instances_parameters_and_groups_reach_the_topic() -> None:
    events = build("prd").of_type("AWS::RDS::EventSubscription")
    wanted = {one["SourceType"]: set(one["EventCategories"]) for one in events.values()}
    assert wanted["db-instance"] >= {"maintenance", "configuration change", "failure"}
    assert wanted["db-parameter-group"] == {"configuration change"}
    assert wanted["db-security-group"] == {"configuration change", "failure"}
    assert all(one["SnsTopicArn"] == ref("AlarmTopicArn") for one in events.values())
    assert not build("dev").of_type("AWS::RDS::EventSubscription")


def test_cpu_storage_and_connections_are_watched_on_every_instance() -> None:
    alarms = build("prd").of_type("AWS::CloudWatch::Alarm")
    assert set(alarms) == {
        f"{one}{metric}Alarm" for one in ("Database", "Replica") for metric in ("Cpu", "Storage", "Connections")
    }
    for name, alarm in alarms.items():
        assert alarm["AlarmActions"] == alarm["OKActions"] == [ref("AlarmTopicArn")]
        source = "Replica" if name.startswith("Replica") else "Database"
        assert alarm["Dimensions"] == [{"Name": "DBInstanceIdentifier", "Value": ref(source)}]
    assert alarms["DatabaseStorageAlarm"]["ComparisonOperator"] == "LessThanThreshold"


@pytest.mark.parametrize(
    ("instance_class", "least", "most"),
    [
        ("db.t4g.micro", 80, 112), ("db.t4g.small", 170, 225), ("db.t4g.medium", 340, 450),
        ("db.m8g.large", 700, 900), ("db.r8g.xlarge", 2800, 3600), ("db.m8g.16xlarge", 5000, 5000),
        ("db.z9.odd", 100, 225),
    ],
)  # fmt: skip
def test_the_connection_limit_follows_the_memory_of_the_class(instance_class: str, least: int, most: int) -> None:
    assert least <= max_connections(instance_class) <= most


def test_its_inputs_come_from_network_and_platform() -> None:
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
    assert {"DatabaseHost", "DatabasePort", "DatabaseName", "DatabaseResourceId", "MasterSecretArn"} <= set(outputs)
    # The resource id is what rds-db:connect is granted on; identifier and ARN never match there.
    assert outputs["DatabaseResourceId"] == {"Fn::GetAtt": ["Database", "DbiResourceId"]}
