"""The platform stack: keys, topic, secret, cluster, log groups, dataset bucket."""

from __future__ import annotations

import pytest

from opsctl.config import naming
from opsctl.stacks import platform
from opsctl.stacks.model import FromOutput
from tests.unit.stacks.reading import NAMES, Stack, environment, ref, statements, sub

GROUPS = ("ServiceLogGroup", "JobsLogGroup", "FunctionLogGroup")


def build(name: str, **settings: object) -> Stack:
    return Stack(platform.build(environment(name, **settings)))


@pytest.mark.parametrize("name", NAMES)
def test_every_environment_encrypts_its_topic_with_a_key_of_its_own(name: str) -> None:
    assert build(name)["AlarmTopic"]["KmsMasterKeyId"] == {"Fn::GetAtt": ["NotificationsKey", "Arn"]}


def test_alarms_can_use_the_topics_key() -> None:
    statement = statements(build("dev")["NotificationsKey"]["KeyPolicy"])["AlarmsPublish"]
    assert statement["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert statement["Action"] == ["kms:Decrypt", "kms:GenerateDataKey*"]
    assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": ref("AWS::AccountId")}}


def test_database_events_use_the_key_without_a_condition_that_would_lose_them() -> None:
    statement = statements(build("prd")["NotificationsKey"]["KeyPolicy"])["DatabaseEventsPublish"]
    assert statement["Principal"] == {"Service": "events.rds.amazonaws.com"}
    assert "Condition" not in statement


def test_two_services_publish_for_this_account_and_nobody_over_plain_http() -> None:
    policy = statements(build("prd")["AlarmTopicPolicy"]["PolicyDocument"])
    publishers = {sid: one["Principal"]["Service"] for sid, one in policy.items() if one["Effect"] == "Allow"}
    assert publishers == {"Alarms": "cloudwatch.amazonaws.com", "DatabaseEvents": "events.rds.amazonaws.com"}
    for sid in publishers:
        assert policy[sid]["Condition"] == {"StringEquals": {"aws:SourceAccount": ref("AWS::AccountId")}}
    assert policy["RefusePlainHttp"]["Effect"] == "Deny"


def test_the_e_mail_subscription_is_deleted_with_the_stack_as_it_is_a_resource_of_its_own() -> None:
    stack = build("prd")
    assert stack["AlarmEmail"] == {
        "TopicArn": ref("AlarmTopic"),
        "Protocol": "email",
        "Endpoint": "oncall@example.com",
    }
    assert "Subscription" not in stack["AlarmTopic"]
    assert "AlarmEmail" not in build("dev", observability__alert_email=None).resources


def test_customer_keys_come_with_the_setting() -> None:
    assert set(build("prd").of_type("AWS::KMS::Key")) == {"DataKey", "LogsKey", "NotificationsKey"}
    assert set(build("dev").of_type("AWS::KMS::Key")) == {"NotificationsKey"}
    assert {"DataKeyArn", "LogsKeyArn"} <= set(build("prd").outputs)


@pytest.mark.parametrize("name", ["DataKey", "LogsKey", "NotificationsKey"])
def test_keys_rotate_are_kept_and_open_to_no_one_in_general(name: str) -> None:
    stack = build("prd")
    assert stack[name]["EnableKeyRotation"] is True
    assert stack.attribute(name, "DeletionPolicy") == "RetainExceptOnCreate"
    assert stack.attribute(name, "UpdateReplacePolicy") == "Retain"
    assert name in stack.template.stateful
    for statement in stack[name]["KeyPolicy"]["Statement"]:
        assert statement["Principal"] not in ("*", {"AWS": "*"})
        assert not {"*", "kms:*"} & set(statement["Action"] if isinstance(statement["Action"], list) else [])
    assert "kms:PutKeyPolicy" in statements(stack[name]["KeyPolicy"])["Administer"]["Action"]


def test_the_logs_key_serves_this_environments_groups_of_this_region() -> None:
    stack = build("prd")
    statement = statements(stack["LogsKey"]["KeyPolicy"])["EncryptLogs"]
    assert statement["Principal"] == {"Service": sub("logs.${AWS::Region}.${AWS::URLSuffix}")}
    groups = "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:"
    assert statement["Condition"] == {
        "ArnLike": {
            "kms:EncryptionContext:aws:logs:arn": [
                sub(f"{groups}/opsctl/prd/salaries/*"),
                sub(f"{groups}/aws/lambda/prd-salaries-rotation-acme"),
                sub(f"{groups}/aws/ecs/containerinsights/prd-salaries-acme/performance"),
                sub(f"{groups}/aws/rds/instance/prd-salaries-data-acme*"),
                sub(f"{groups}/aws/rds/instance/prd-salaries-upkeep-acme*"),
            ]
        }
    }
    # A reference makes CloudFormation wait for the key and its policy before it makes the group.
    assert all(stack[group]["KmsKeyId"] == {"Fn::GetAtt": ["LogsKey", "Arn"]} for group in GROUPS)


def test_the_data_key_is_used_through_services_only() -> None:
    policy = statements(build("prd")["DataKey"]["KeyPolicy"])
    for sid in ("UseThroughServices", "GrantToServices"):
        services = policy[sid]["Condition"]["StringEquals"]["kms:ViaService"]
        assert sub("rds.${AWS::Region}.${AWS::URLSuffix}") in services
        assert sub("secretsmanager.${AWS::Region}.${AWS::URLSuffix}") in services
    assert policy["GrantToServices"]["Condition"]["Bool"] == {"kms:GrantIsForAWSResource": "true"}


def test_aliases_take_configured_names() -> None:
    stack = build("prd", security__kms_aliases__data="team/data")
    assert stack["DataKeyAlias"]["AliasName"] == "alias/team/data"
    assert stack["LogsKeyAlias"]["AliasName"] == "alias/prd-salaries-logs"


@pytest.mark.parametrize(("name", "days"), [("dev", 14), ("prd", 365)])
def test_log_groups_are_named_kept_and_expire_their_lines(name: str, days: int) -> None:
    stack = build(name)
    purposes = dict(zip(GROUPS, ("service", "jobs", "db-init"), strict=True))
    for group, purpose in purposes.items():
        assert stack[group]["RetentionInDays"] == days
        assert stack[group]["LogGroupName"] == naming.log_group(environment(name), purpose)
        assert stack.outputs[f"{group}Name"] == ref(group)
        assert stack.attribute(group, "UpdateReplacePolicy") == "Retain"
        assert group in stack.template.stateful


def test_logs_outlive_the_stack_where_it_is_protected_and_else_leave_their_names_free() -> None:
    assert build("prd").attribute("ServiceLogGroup", "DeletionPolicy") == "RetainExceptOnCreate"
    assert build("dev").attribute("ServiceLogGroup", "DeletionPolicy") == "Delete"


def test_container_insights_finds_its_group_made_with_an_end_and_the_environments_key() -> None:
    stack = build("prd")
    group = stack["ContainerInsightsLogGroup"]
    assert group["LogGroupName"] == "/aws/ecs/containerinsights/prd-salaries-acme/performance"
    assert (group["RetentionInDays"], group["KmsKeyId"]) == (365, {"Fn::GetAtt": ["LogsKey", "Arn"]})
    assert stack.attribute("Cluster", "DependsOn") == "ContainerInsightsLogGroup"
    assert "ContainerInsightsLogGroup" not in build("dev").resources


def test_the_flow_log_group_comes_with_flow_logs() -> None:
    assert build("prd").outputs["FlowLogGroupName"] == ref("FlowLogGroup")
    assert "FlowLogGroup" not in build("dev").resources


def test_the_django_secret_is_generated_and_never_in_the_template() -> None:
    secret = build("prd")["DjangoSecret"]
    assert secret["GenerateSecretString"] == {"PasswordLength": 64, "ExcludePunctuation": True}
    assert "Name" not in secret  # a given name could end in a hyphen and six characters, as a partial ARN does
    assert secret["KmsKeyId"] == {"Fn::GetAtt": ["DataKey", "Arn"]}
    assert "CKV_AWS_149" in build("dev").skips("DjangoSecret")


@pytest.mark.parametrize(("name", "value"), [("dev", "disabled"), ("hml", "enabled"), ("prd", "enhanced")])
def test_container_insights_follow_the_setting(name: str, value: str) -> None:
    stack = build(name)
    assert stack["Cluster"]["ClusterSettings"] == [{"Name": "containerInsights", "Value": value}]
    assert ("CKV_AWS_65" in stack.skips("Cluster")) == (value == "disabled")
    assert "Configuration" not in stack["Cluster"]  # no ECS Exec anywhere


def test_the_dataset_bucket_logs_into_the_accounts_log_bucket() -> None:
    stack = build("prd")
    assert stack["DatasetBucket"]["LoggingConfiguration"] == {
        "DestinationBucketName": ref("AccessLogBucketName"),
        "LogFilePrefix": "prd/salaries/dataset/",
    }
    assert stack.template.parameters["AccessLogBucketName"] == FromOutput("bootstrap", "AccessLogBucketName")
    rule = stack["DatasetBucket"]["BucketEncryption"]["ServerSideEncryptionConfiguration"][0]
    assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    assert rule["BucketKeyEnabled"] is True


def test_it_has_the_agreed_outputs() -> None:
    agreed = {
        "ClusterName", "ClusterArn", "AlarmTopicArn", "DjangoSecretArn", "DatasetBucketName", "ServiceLogGroupName",
        "JobsLogGroupName", "FunctionLogGroupName", "NotificationsKeyArn", "DbInitFailuresArn",
    }  # fmt: skip
    for name in NAMES:
        assert agreed <= set(build(name).outputs)
        assert ("RepositoryArn" in build(name).outputs) == environment(name).ecs.manage_repository


@pytest.mark.parametrize("name", NAMES)
def test_dead_letters_are_encrypted_and_sent_over_tls_only(name: str) -> None:
    stack = build(name)
    assert stack["DbInitFailures"]["KmsMasterKeyId"] == "alias/aws/sqs"
    policy = statements(stack["DbInitFailuresPolicy"]["PolicyDocument"])["RefusePlainHttp"]
    assert policy["Effect"] == "Deny"
    assert policy["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
