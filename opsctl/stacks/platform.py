"""What comes before everything else and outlives releases: keys, topic, repository, cluster, logs, buckets."""

from __future__ import annotations

from typing import Any

from troposphere import GetAtt, Ref, ecs, secretsmanager, sns

from opsctl.config import naming
from opsctl.config.models import Environment
from opsctl.stacks.model import StackTemplate
from opsctl.stacks.parts import kms
from opsctl.stacks.parts.base import StackBuilder, skip
from opsctl.stacks.parts.buckets import secure_bucket
from opsctl.stacks.parts.log_groups import log_group
from opsctl.stacks.parts.policies import SAME_ACCOUNT, allow, deny, document, service
from opsctl.stacks.parts.queues import dead_letter_queue
from opsctl.stacks.parts.repository import repository

# Output name -> last part of the log group's name.
LOG_GROUPS = {"ServiceLogGroup": "service", "JobsLogGroup": "jobs", "FunctionLogGroup": "db-init"}


def build(env: Environment) -> StackTemplate:
    """The platform stack. Outputs: see `_publish` and the functions that call `stack.output`."""
    stack = StackBuilder(env, "platform")
    data_key = kms.data_key(stack) if env.security.customer_managed_keys else None
    logs_key = kms.logs_key(stack) if env.security.customer_managed_keys else None
    if data_key is not None:
        stack.output("DataKeyArn", data_key, "Key of database, secrets, buckets and images")
    if logs_key is not None:
        stack.output("LogsKeyArn", logs_key, "Key of the log groups")
    _topic(stack)
    _django_secret(stack, data_key)
    if env.ecs.manage_repository:
        repository(stack, data_key)
    _cluster(stack, logs_key)
    _log_groups(stack, logs_key)
    _buckets(stack, data_key)
    # Here, beside keys that take longer to make: the function that it serves would wait half a minute for it.
    failed = dead_letter_queue(stack, "DbInitFailures")
    stack.output("DbInitFailuresArn", GetAtt(failed, "Arn"), "Takes what the DbInit function could not handle")
    return stack.finish()


def _topic(stack: StackBuilder) -> None:
    """The alarm topic: encrypted with a key that CloudWatch and RDS may use, publishable by these two services."""
    key = kms.notifications_key(stack)
    topic = stack.add(sns.Topic("AlarmTopic", DisplayName=f"{stack.env.name} {stack.env.service}", KmsMasterKeyId=key))
    stack.add(
        sns.TopicPolicy(
            "AlarmTopicPolicy",
            Topics=[Ref(topic)],
            PolicyDocument=document(
                # Alarms need this besides the key's grant. [re:Post cloudwatch-configure-alarm-sns]
                _publish("Alarms", "cloudwatch.amazonaws.com", topic),
                # [UG RDS USER_Events.GrantingPermissions]
                _publish("DatabaseEvents", "events.rds.amazonaws.com", topic),
                deny(
                    "RefusePlainHttp",
                    "sns:Publish",
                    Ref(topic),
                    principal="*",
                    condition={"Bool": {"aws:SecureTransport": "false"}},
                ),
            ),
        )
    )
    if stack.env.observability.alert_email:
        # A subscription inside the topic would not be deleted with it, so it is a resource of its own. It stays pending
        # until someone clicks the link in the e-mail; CREATE_COMPLETE says nothing about that. [UG CFN]
        stack.add(
            sns.SubscriptionResource(
                "AlarmEmail", TopicArn=Ref(topic), Protocol="email", Endpoint=stack.env.observability.alert_email
            )
        )
    stack.output("AlarmTopicArn", Ref(topic), "Takes alarms and database events")
    stack.output("NotificationsKeyArn", key, "Key of the alarm topic")


def _publish(sid: str, service_name: str, topic: Any) -> dict[str, Any]:
    return allow(sid, "sns:Publish", Ref(topic), principal=service(service_name), condition=SAME_ACCOUNT)


def _django_secret(stack: StackBuilder, key: Any) -> None:
    """Django's SECRET_KEY, made once. It is not rotated by a schedule: a new value ends every session, and tasks read
    it at their start only. The name is CloudFormation's, whose suffix has 12 characters: a name that ends in a hyphen
    and six can be taken for a partial ARN. [API CreateSecret]
    """
    secret = secretsmanager.Secret(
        "DjangoSecret",
        Description=f"SECRET_KEY of {stack.env.service} in {stack.env.name}",
        GenerateSecretString=secretsmanager.GenerateSecretString(PasswordLength=64, ExcludePunctuation=True),
    )
    stack.keep(kms.with_key(secret, key))
    stack.output("DjangoSecretArn", Ref(secret), "SECRET_KEY of the service")


def _cluster(stack: StackBuilder, logs_key: Any) -> None:
    insights = stack.env.ecs.container_insights
    cluster = ecs.Cluster(
        "Cluster",
        ClusterName=naming.cluster_name(stack.env),
        ClusterSettings=[ecs.ClusterSetting(Name="containerInsights", Value=insights)],
    )
    if insights == "disabled":
        skip(cluster, "CKV_AWS_65", "ecs.container_insights is off: its metrics are billed one by one.")
    else:
        # It would make this group itself, without an end. [UG Container Insights, performance log events]
        name = naming.own_log_groups(stack.env)["container-insights"]
        cluster.DependsOn = log_group(stack, "ContainerInsightsLogGroup", name, logs_key).title
    stack.add(cluster)
    stack.output("ClusterName", Ref(cluster), "ECS cluster")
    stack.output("ClusterArn", GetAtt(cluster, "Arn"), "ARN of the ECS cluster")


def _log_groups(stack: StackBuilder, key: Any) -> None:
    """Made here, not by the log drivers: `awslogs-create-group` is off by default and would set no retention. [API]"""
    wanted = dict(LOG_GROUPS)
    if stack.env.application.workers:
        wanted["WorkersLogGroup"] = "workers"
    if stack.env.observability.flow_logs:
        wanted["FlowLogGroup"] = "flow-logs"
    for name, purpose in wanted.items():
        group = log_group(stack, name, naming.log_group(stack.env, purpose), key)
        stack.output(f"{name}Name", Ref(group), f"Log group {purpose}")


def _buckets(stack: StackBuilder, key: Any) -> None:
    for name in stack.env.application.buckets:
        title = f"{naming.part_id(name)}Bucket"
        bucket = secure_bucket(
            stack,
            title,
            log_bucket=stack.output_of("bootstrap", "AccessLogBucketName"),
            log_prefix=f"{stack.env.name}/{stack.env.service}/{name}",
            key_arn=key,
        )
        stack.output(f"{title}Name", Ref(bucket), f"Bucket {name} of the application")
