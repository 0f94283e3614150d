"""The jobs stack: the DbInit function answers in time, runs once an event, and runs again when it must."""

from __future__ import annotations

from typing import Any

import pytest

from opsctl.dbroles.model import RoleModel
from opsctl.stacks import jobs
from opsctl.stacks.model import FromContext, FromOutput
from opsctl.stacks.parts.db_init import roles
from tests.unit.stacks.reading import NAMES, Stack, environment, ref, statements


def build(name: str, **settings: Any) -> Stack:
    return Stack(jobs.build(environment(name, **settings)))


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


@pytest.mark.parametrize("name", NAMES)
def test_cloudformation_gives_up_just_after_the_function_must_have_answered(name: str) -> None:
    stack = build(name)
    timeout = stack["DbInitFunction"]["Timeout"]
    waits = stack["DbInitInvocation"]["MaximumEventAgeInSeconds"]
    assert timeout == 120
    assert stack["DbInit"]["ServiceTimeout"] == 180 >= timeout + waits


def test_an_event_is_never_run_a_second_time() -> None:
    stack = build("prd")
    assert stack["DbInitInvocation"]["MaximumRetryAttempts"] == 0
    # The rule is in force before the first event.
    assert stack.attribute("DbInit", "DependsOn") == ["DbInitInvocation"]


def test_the_resource_carries_an_arn_and_never_a_reference_that_resolves_to_a_secret() -> None:
    stack = build("prd")
    assert stack["DbInit"]["MasterSecretArn"] == ref("MasterSecretArn")
    assert "{{resolve" not in stack.template.body


@pytest.mark.parametrize("name", NAMES)
def test_the_role_mapping_is_what_the_handler_reads(name: str) -> None:
    env = environment(name)
    given = build(name)["DbInit"]["Roles"]
    as_sent = {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in given.items()}
    model = RoleModel.from_mapping(as_sent)
    assert model.user == env.rds.app_user
    assert model.migrator == env.rds.roles.migrator
    assert model.user_writer is env.rds.app_user_writer
    assert model.user_connection_limit == env.rds.app_user_connection_limit
    assert set(roles(env)) == {*RoleModel.__dataclass_fields__}


def test_a_changed_role_model_or_a_changed_bundle_makes_it_run_again() -> None:
    before, after = build("dev")["DbInit"], build("dev", rds__app_user_writer=True)["DbInit"]
    assert before["RolesHash"] != after["RolesHash"]
    assert before["RolesHash"] == build("dev")["DbInit"]["RolesHash"]
    assert before["BundleKey"] == ref("DbInitBundleKey")


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
    given = statements(role["Policies"][0]["PolicyDocument"])
    assert set(given) == {"ReadMasterLogin", "KeepWhatFailed"}
    assert given["ReadMasterLogin"]["Resource"] == ref("MasterSecretArn")


def test_the_function_follows_the_configured_architecture() -> None:
    assert build("dev", ecs__cpu_architecture="ARM64")["DbInitFunction"]["Architectures"] == ["arm64"]
    assert build("dev")["DbInitFunction"]["Architectures"] == ["x86_64"]


def test_it_waits_for_data_and_takes_image_and_bundle_from_the_deploy() -> None:
    template = build("prd").template
    assert {"bootstrap", "platform", "network", "egress", "data"} == set(template.depends_on)
    assert template.parameters["ImageUri"] == FromContext("image_uri")
    assert template.parameters["DbInitBundleKey"] == FromContext("db_init_bundle_key")
    assert template.parameters["MasterSecretArn"] == FromOutput("data", "MasterSecretArn")
    assert set(build("prd").outputs) == {"DbInitFunctionName", "MigrateTaskDefinitionArn"}
