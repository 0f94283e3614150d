"""The upkeep stack: what looks after the database, which nothing waits for but who reads the replica."""

from __future__ import annotations

from typing import Any

import pytest

from opsctl.config import naming
from opsctl.stacks import app, catalog, data, jobs, upkeep
from tests.unit.stacks.reading import NAMES, Stack, environment, ref


def build(name: str, **settings: Any) -> Stack:
    return Stack(upkeep.build(environment(name, **settings)))


@pytest.mark.parametrize("name", NAMES)
def test_only_who_reads_the_replica_waits_for_it(name: str) -> None:
    env = environment(name)
    waiting = {template.stack for template in catalog.templates(env) if "upkeep" in template.depends_on}
    assert waiting == ({"app"} if env.rds.enable_replica else set())
    assert "upkeep" not in jobs.build(env).depends_on
    assert "upkeep" not in app.build(environment(name, rds__enable_replica=False)).depends_on


def test_nothing_in_it_holds_data_so_it_can_be_removed_and_made_again() -> None:
    assert build("prd").template.stateful == ()


def test_a_replica_is_told_apart_where_its_storage_runs_out_as_it_does_not_grow() -> None:
    stack = build("prd")
    assert "MaxAllocatedStorage" not in stack["Replica"]
    alarm = stack["ReplicaStorageAlarm"]
    assert alarm["MetricName"] == "FreeStorageSpace"
    assert alarm["Threshold"] == int(100 * 1024**3 * 0.15)
    assert "does not grow with its source" in alarm["AlarmDescription"]
    assert "does not grow" not in stack["DatabaseStorageAlarm"]["AlarmDescription"]


@pytest.mark.parametrize("name", NAMES)
def test_rotation_waits_for_its_window_and_for_the_attachment(name: str) -> None:
    stack = build(name)
    rotation = stack["MasterSecretRotation"]
    assert rotation["RotateImmediatelyOnUpdate"] is False
    assert rotation["RotationRules"]["AutomaticallyAfterDays"] <= 30
    assert "MasterSecretAttachment" in stack.attribute("MasterSecretRotation", "DependsOn")
    assert stack["MasterSecretAttachment"]["TargetId"] == ref("DatabaseIdentifier")
    assert "egress" in stack.template.depends_on  # Secrets Manager tries the function when the schedule is made


def test_rotation_leaves_out_the_same_characters_as_the_first_password() -> None:
    first = Stack(data.build(environment("prd")))["MasterSecret"]["GenerateSecretString"]["ExcludeCharacters"]
    assert build("prd")["MasterSecretRotation"]["HostedRotationLambda"]["ExcludeCharacters"] == first


def test_the_hosted_function_gets_strings_not_lists() -> None:
    function = build("prd")["MasterSecretRotation"]["HostedRotationLambda"]
    assert function["VpcSubnetIds"] == ref("PrivateSubnetIds")  # joined by commas already
    assert function["VpcSecurityGroupIds"] == ref("RotationSecurityGroupId")
    assert function["RotationType"] == "PostgreSQLSingleUser"


@pytest.mark.parametrize("name", NAMES)
def test_the_hosted_function_finds_its_log_group_made_with_an_end(name: str) -> None:
    function = build(name)["MasterSecretRotation"]["HostedRotationLambda"]["RotationLambdaName"]
    group = Stack(data.build(environment(name)))["RotationLogGroup"]
    assert group["LogGroupName"] == f"/aws/lambda/{function}"
    assert group["RetentionInDays"] == environment(name).observability.log_retention_days
    assert group.get("KmsKeyId") == (ref("LogsKeyArn") if name in {"hml", "prd"} else None)
    assert "data" in build(name).template.depends_on


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
    assert replica["SourceDBInstanceIdentifier"] == ref("DatabaseIdentifier")
    assert replica["DBParameterGroupName"] == ref("DatabaseParameterGroup")
    assert replica["MonitoringRoleArn"] == ref("MonitoringRoleArn")
    assert replica["VPCSecurityGroups"] == [ref("DatabaseSecurityGroupId")]
    assert replica["EnableIAMDatabaseAuthentication"] is True
    assert not {
        "DBName", "MasterUsername", "MasterUserPassword", "BackupRetentionPeriod", "PreferredBackupWindow", "KmsKeyId",
        "AllocatedStorage", "EngineVersion", "DBSubnetGroupName",
    } & set(replica)  # fmt: skip
    assert replica["StorageEncrypted"] == Stack(data.build(environment("prd")))["Database"]["StorageEncrypted"]


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
        source = "Replica" if name.startswith("Replica") else "DatabaseIdentifier"
        assert alarm["Dimensions"] == [{"Name": "DBInstanceIdentifier", "Value": ref(source)}]
    assert alarms["DatabaseStorageAlarm"]["ComparisonOperator"] == "LessThanThreshold"
