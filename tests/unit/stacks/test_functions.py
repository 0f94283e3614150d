"""The functions stack: the DbInit function, made beside the database."""

from __future__ import annotations

from typing import Any

import pytest

from opsctl.stacks import functions, jobs
from tests.unit.stacks.reading import NAMES, Stack, environment, ref, statements


def build(name: str, **settings: Any) -> Stack:
    return Stack(functions.build(environment(name, **settings)))


@pytest.mark.parametrize("name", NAMES)
def test_the_function_runs_privately_on_a_current_runtime_from_the_artifact_bucket(name: str) -> None:
    function = build(name)["DbInitFunction"]
    assert function["Runtime"] == "python3.13"
    assert function["Handler"] == "opsctl.dbroles.handler.handler"
    assert function["Code"] == {"S3Bucket": ref("ArtifactBucketName"), "S3Key": ref("DbInitBundleKey")}
    assert function["VpcConfig"]["SubnetIds"] == {"Fn::Split": [",", ref("PrivateSubnetIds")]}
    assert function["VpcConfig"]["SecurityGroupIds"] == [ref("DbInitSecurityGroupId")]
    assert function["LoggingConfig"]["LogGroup"] == ref("FunctionLogGroupName")
    assert function["DeadLetterConfig"]["TargetArn"] == ref("DbInitFailuresArn")


def test_nothing_can_replace_the_function_as_a_custom_resource_cannot_follow_its_token() -> None:
    function = build("prd")["DbInitFunction"]
    assert not {"FunctionName", "PackageType", "TenancyConfig"} & set(function)


def test_the_server_is_verified_before_the_masters_password_is_sent() -> None:
    assert build("dev")["DbInitFunction"]["Environment"]["Variables"] == {"DB_SSL_ROOT_CERT": "certs/rds.pem"}
    assert "Environment" not in build("local")["DbInitFunction"]


def test_prd_reserves_concurrency_and_encrypts_settings_and_dev_says_why_it_does_not() -> None:
    prd, dev = build("prd"), build("dev")
    assert prd["DbInitFunction"]["ReservedConcurrentExecutions"] == 1
    assert prd["DbInitFunction"]["KmsKeyArn"] == ref("DataKeyArn")
    assert prd.skips("DbInitFunction") == set()
    assert "ReservedConcurrentExecutions" not in dev["DbInitFunction"]
    assert dev.skips("DbInitFunction") == {"CKV_AWS_115", "CKV_AWS_173"}


def test_the_function_may_read_the_masters_login_and_little_else() -> None:
    role = build("dev")["DbInitRole"]
    managed = "arn:${AWS::Partition}:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole"
    assert role["ManagedPolicyArns"] == [{"Fn::Sub": managed}]
    assert set(statements(role["Policies"][0]["PolicyDocument"])) == {"KeepWhatFailed"}
    # The rest it gets once the secret is there.
    (right,) = Stack(jobs.build(environment("dev"))).of_type("AWS::IAM::Policy").values()
    assert right["Roles"] == [ref("DbInitRoleName")]
    given = statements(right["PolicyDocument"])
    assert set(given) == {"ReadMasterLogin"}
    assert given["ReadMasterLogin"]["Resource"] == ref("MasterSecretArn")


def test_the_function_follows_the_configured_architecture() -> None:
    assert build("dev", ecs__cpu_architecture="ARM64")["DbInitFunction"]["Architectures"] == ["arm64"]
    assert build("dev")["DbInitFunction"]["Architectures"] == ["x86_64"]


def test_it_waits_for_nothing_that_takes_minutes() -> None:
    assert set(build("prd").template.depends_on) == {"bootstrap", "platform", "network"}
    assert set(build("prd").outputs) == {
        "DbInitFunctionArn", "DbInitFunctionName", "DbInitRoleName", "DbInitBundleKey"
    }  # fmt: skip
