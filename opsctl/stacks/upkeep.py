"""What looks after the database: rotation of the master's password, RDS's messages, alarms; its replica; the budget.

A stack of its own, since all of it takes minutes after the database is there, and only who reads the replica waits.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from troposphere import GetAtt, Ref, rds, secretsmanager

from opsctl.config import naming
from opsctl.config.models import Environment
from opsctl.stacks.model import StackTemplate
from opsctl.stacks.parts.base import StackBuilder, ignore_lint
from opsctl.stacks.parts.budget import budget
from opsctl.stacks.parts.database import EXCLUDED_CHARACTERS, shared_properties, with_reasons
from opsctl.stacks.parts.database_alarms import database_alarms

# Hosted rotation is a macro: it makes a nested stack with the function. It must be this literal. [UG CFN transforms]
ROTATION_TRANSFORM = "AWS::SecretsManager-2024-09-16"


def build(env: Environment) -> StackTemplate:
    """The upkeep stack. Outputs, where there is a replica: ReplicaHost, ReplicaResourceId, ReplicaIdentifier."""
    stack = StackBuilder(env, "upkeep")
    stack.template.set_transform(ROTATION_TRANSFORM)
    _rotation(stack)
    instances = {"Database": stack.output_of("data", "DatabaseIdentifier")}
    if env.rds.enable_replica:
        replica = _replica(stack)
        instances["Replica"] = Ref(replica)
        stack.output("ReplicaHost", GetAtt(replica, "Endpoint.Address"), "Host name of the replica")
        stack.output("ReplicaResourceId", GetAtt(replica, "DbiResourceId"), "Resource id of the replica")
        stack.output("ReplicaIdentifier", Ref(replica), "Identifier of the replica")
    if env.rds.event_notifications:
        _events(stack, instances.values())
    for name, identifier in instances.items():
        database_alarms(stack, name, identifier, is_replica=name == "Replica")
    if env.observability.budget_alarm:
        budget(stack)
    # The transform needs AUTO_EXPAND, and its nested stack makes a role: both are acknowledged. [API CreateChangeSet]
    return stack.finish(after=("egress",), extra_capabilities=("CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"))


def _rotation(stack: StackBuilder) -> None:
    """Write the database's address into the master secret, then rotate its password, in its own time.

    Not at once, which is the default: the first rotation comes with the first window, when DbInit has long run with the
    password that it read. The schedule needs the secret's attachment first, and Secrets Manager tries the function when
    the schedule is made: it must reach the database and, through a way out, Secrets Manager. [UG CFN RotationSchedule;
    API RotateSecret]
    """
    secret = stack.output_of("data", "MasterSecretArn")
    attachment = stack.add(
        secretsmanager.SecretTargetAttachment(
            "MasterSecretAttachment",
            SecretId=secret,
            TargetId=stack.output_of("data", "DatabaseIdentifier"),
            TargetType="AWS::RDS::DBInstance",
        )
    )
    function = secretsmanager.HostedRotationLambda(
        RotationType="PostgreSQLSingleUser",
        ExcludeCharacters=EXCLUDED_CHARACTERS,
        # Or Lambda's name for it, and so its log group's, would be known only afterwards. The group must be there
        # before the function writes: one that Lambda makes has no end. [UG Lambda monitoring-cloudwatchlogs]
        RotationLambdaName=naming.rotation_function(stack.env),
        # Strings joined by commas, not lists. [UG CFN HostedRotationLambda]
        VpcSubnetIds=stack.output_of("network", "PrivateSubnetIds"),
        VpcSecurityGroupIds=stack.output_of("network", "RotationSecurityGroupId"),
    )
    if stack.env.security.customer_managed_keys:
        function.KmsKeyArn = stack.output_of("platform", "DataKeyArn")
    stack.add(
        secretsmanager.RotationSchedule(
            "MasterSecretRotation",
            SecretId=secret,
            HostedRotationLambda=function,
            RotateImmediatelyOnUpdate=False,
            RotationRules=secretsmanager.RotationRules(AutomaticallyAfterDays=stack.env.rds.secret_rotation_days),
            DependsOn=attachment.title,
        )
    )


def _replica(stack: StackBuilder) -> Any:
    """A read replica in the same region. It takes name, master, key, backups and subnets from its source, and must not
    be given them; its security groups it must be given, or the next update puts it into the default group. Removing
    SourceDBInstanceIdentifier would promote it. [UG CFN DBInstance; API CreateDBInstanceReadReplica]

    Its encryption is its source's. The guide says not to state that [UG CFN; cfn-lint E3020], checkov fails a replica
    that does not, and AWS's handler sends it for primaries only: stated, and equal to the source, it changes nothing.
    [aws-cloudformation-resource-providers-rds, Translator.createDbInstanceReadReplicaRequest, which does send MultiAZ]
    Nor does that request carry MaxAllocatedStorage: a replica starts with its source's storage and keeps that size.

    It is protected like its source, since RDS.8 counts every instance outside a cluster [Config rule
    rds-instance-deletion-protection-enabled]. So whatever takes it out of the template has to lift that first: else
    CloudFormation fails to delete it, says UPDATE_COMPLETE all the same, and it goes on costing. [checks/replicas.py]
    """
    replica = rds.DBInstance(
        "Replica",
        validation=False,  # troposphere refuses MultiAZ on a replica; CreateDBInstanceReadReplica takes it
        **shared_properties(
            stack,
            parameter_group=stack.output_of("data", "DatabaseParameterGroup"),
            monitoring_role=stack.output_of("data", "MonitoringRoleArn") if stack.env.rds.monitoring_interval else None,
        ),
        SourceDBInstanceIdentifier=stack.output_of("data", "DatabaseIdentifier"),
        # Its DeletionPolicy is ignored; it holds nothing that its source does not. [UG CFN DBInstance]
        DeletionPolicy="Delete",
        UpdateReplacePolicy="Delete",
    )
    return stack.add(ignore_lint(with_reasons(stack, replica), "E3020"))


def _events(stack: StackBuilder, instances: Iterable[Any]) -> None:
    """RDS's own messages to the alarm topic: controls RDS.20 (instances), RDS.21 (parameters), RDS.22 (groups)."""
    group = stack.output_of("data", "DatabaseParameterGroup")
    wanted: dict[str, tuple[str, list[str], list[Any]]] = {
        "Instance": (
            "db-instance",
            ["availability", "configuration change", "failover", "failure", "low storage", "maintenance"],
            list(instances),
        ),
        "ParameterGroup": (
            "db-parameter-group",
            ["configuration change"],
            [group],
        ),
        "SecurityGroup": ("db-security-group", ["configuration change", "failure"], []),
    }
    for name, (source, categories, ids) in wanted.items():
        subscription = rds.EventSubscription(
            f"{name}Events",
            SnsTopicArn=stack.output_of("platform", "AlarmTopicArn"),
            SourceType=source,
            EventCategories=categories,
            Enabled=True,
        )
        if ids:
            subscription.SourceIds = ids
        stack.add(subscription)
