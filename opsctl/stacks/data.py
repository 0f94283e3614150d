"""The database, its master secret with rotation, its parameters, and the alarms that watch it.

DbInit is not here on purpose: its failure must not roll back a stack that holds a protected database.
"""

from __future__ import annotations

import json
from typing import Any

from troposphere import GetAtt, Join, Ref, Sub, iam, rds, secretsmanager

from opsctl.config import naming
from opsctl.config.models import Environment
from opsctl.stacks.model import StackTemplate
from opsctl.stacks.parts.base import StackBuilder, ignore_lint, managed_policy, skip
from opsctl.stacks.parts.database_alarms import database_alarms
from opsctl.stacks.parts.kms import with_key
from opsctl.stacks.parts.log_groups import log_group
from opsctl.stacks.parts.policies import SAME_ACCOUNT, trust

# RDS takes printable ASCII without `/ " @`, 8 to 128 characters. [API CreateDBInstance] The rest of the list would need
# quoting in shells and connection strings. The rotation function must leave out the same ones.
EXCLUDED_CHARACTERS = "/\"@ '\\`$%&#?:;{}[]<>|"
# Hosted rotation is a macro: it makes a nested stack with the function. It must be this literal. [UG CFN transforms]
ROTATION_TRANSFORM = "AWS::SecretsManager-2024-09-16"


def build(env: Environment) -> StackTemplate:
    """The data stack. Outputs: see `_publish`."""
    stack = StackBuilder(env, "data")
    stack.template.set_transform(ROTATION_TRANSFORM)
    key = stack.output_of("platform", "DataKeyArn") if env.security.customer_managed_keys else None
    secret = _master_secret(stack, key)
    group = _parameter_group(stack)
    monitoring = _monitoring(stack)
    database = _database(stack, secret, group, monitoring, key)
    _rotation(stack, secret, database, key)
    instances = [database]
    if env.rds.enable_replica:
        instances.append(_replica(stack, database, group, monitoring))
    if env.rds.event_notifications:
        _events(stack, instances, group)
    for instance in instances:
        database_alarms(stack, instance.title, Ref(instance), is_replica=instance is not database)
    _publish(stack, secret, instances)
    # The transform needs AUTO_EXPAND, and its nested stack makes a role: both are acknowledged. [API CreateChangeSet]
    return stack.finish(extra_capabilities=("CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"))


def _master_secret(stack: StackBuilder, key: Any) -> Any:
    """Name and password of the master. Changing how it is generated writes another version without changing the
    database's password [UG CFN Secret], so these options stay as they are.
    """
    secret = secretsmanager.Secret(
        "MasterSecret",
        Description=f"Master login of the {stack.env.service} database in {stack.env.name}; used by db init alone",
        GenerateSecretString=secretsmanager.GenerateSecretString(
            SecretStringTemplate=json.dumps({"username": stack.env.rds.admin_user}),
            GenerateStringKey="password",
            PasswordLength=40,
            ExcludeCharacters=EXCLUDED_CHARACTERS,
        ),
    )
    return stack.keep(with_key(secret, key))


def _parameter_group(stack: StackBuilder) -> Any:
    """TLS for everyone. It is the default since PostgreSQL 15 [UG RDS]; saying so keeps it that way.

    Family is create-only [Schema], so another major version makes another group. Its name is CloudFormation's: the new
    one is there before the database changes over to it, in the same ModifyDBInstance that raises the version, and the
    old one goes afterwards. [aws-cloudformation-resource-providers-rds, Translator.modifyDbInstanceRequest]

    NOTE: `log_statement` stays off: rotation runs ALTER ROLE … PASSWORD, which would put the password into the log.
    """
    return stack.add(
        rds.DBParameterGroup(
            "DatabaseParameters",
            Description="TLS only",
            Family=f"postgres{stack.env.rds.major_version}",
            Parameters={"rds.force_ssl": "1"},
        )
    )


def _monitoring(stack: StackBuilder) -> dict[str, Any]:
    """Enhanced monitoring: an interval other than 0 needs a role, and a role such an interval. [API]"""
    interval = stack.env.rds.monitoring_interval
    if not interval:
        return {"MonitoringInterval": 0}
    role = stack.add(
        iam.Role(
            "DatabaseMonitoringRole",
            AssumeRolePolicyDocument=trust("monitoring.rds.amazonaws.com", condition=SAME_ACCOUNT),
            ManagedPolicyArns=[managed_policy("service-role/AmazonRDSEnhancedMonitoringRole")],
        )
    )
    return {"MonitoringInterval": interval, "MonitoringRoleArn": GetAtt(role, "Arn")}


def _database(stack: StackBuilder, secret: Any, group: Any, monitoring: dict[str, Any], key: Any) -> Any:
    """The primary. It has no fixed identifier: with one, nothing that replaces it could ever succeed. [UG CFN]

    Its name, master, key, encryption and subnet group are create-only [Schema]: a change would make an empty database.
    """
    settings = stack.env.rds
    subnets = stack.add(
        rds.DBSubnetGroup(
            "DatabaseSubnets",
            DBSubnetGroupDescription="Private subnets, at least two zones",
            SubnetIds=stack.output_of("network", "PrivateSubnetIds", "CommaDelimitedList"),
        )
    )
    database = rds.DBInstance(
        "Database",
        **_common(stack, group, monitoring),
        EngineVersion=settings.engine_version,
        # Not the paid Extended Support that is the default. [API EngineLifecycleSupport]
        EngineLifecycleSupport="open-source-rds-extended-support-disabled",
        AllocatedStorage=str(settings.allocated_storage),
        DBName=settings.database,
        DBSubnetGroupName=Ref(subnets),
        MasterUsername=settings.admin_user,
        # Resolved by CloudFormation; change sets compare this text, so a rotated password is no difference. [UG CFN]
        MasterUserPassword=Sub(f"{{{{resolve:secretsmanager:${{{secret.title}}}:SecretString:password}}}}"),
        BackupRetentionPeriod=settings.backup_days,
        DeleteAutomatedBackups=False,
        # Half an hour each, in UTC, when the dataset refresh (04:15) is over.
        PreferredBackupWindow="06:00-06:30",
        PreferredMaintenanceWindow="sun:07:00-sun:07:30",
    )
    if settings.allow_major_version_upgrade:
        # Sent with every ModifyDBInstance while it is set; deploy/upgrade.py keeps it from doing more than was meant.
        database.AllowMajorVersionUpgrade = True
    if settings.max_allocated_storage:
        database.MaxAllocatedStorage = settings.max_allocated_storage
    if key is not None and stack.env.security.encryption_at_rest:
        database.KmsKeyId = key
    stack.keep(_skipped(stack, database))
    return database


def _common(stack: StackBuilder, group: Any, monitoring: dict[str, Any]) -> dict[str, Any]:
    """What primary and replica share."""
    settings = stack.env.rds
    return {
        "Engine": "postgres",
        "DBInstanceClass": settings.instance_class,
        # gp3 starts at 20 GiB; IOPS and throughput can't be set below 400. [API]
        "StorageType": "gp3",
        "StorageEncrypted": stack.env.security.encryption_at_rest,
        "Port": str(settings.port),
        "MultiAZ": settings.multi_az,
        "PubliclyAccessible": False,
        "VPCSecurityGroups": [stack.output_of("network", "DatabaseSecurityGroupId", "AWS::EC2::SecurityGroup::Id")],
        "DBParameterGroupName": Ref(group),
        "EnableIAMDatabaseAuthentication": True,
        "EnableCloudwatchLogsExports": ["postgresql", "upgrade"],
        # With a pinned minor version off: AWS would move on, and sending the old one again then fails.
        # [cloud-platform-environments#45178]
        "AutoMinorVersionUpgrade": not settings.pins_minor_version,
        "CopyTagsToSnapshot": True,
        "DeletionProtection": settings.deletion_protection,
        **monitoring,
    }


def _replica(stack: StackBuilder, database: Any, group: Any, monitoring: dict[str, Any]) -> Any:
    """A read replica in the same region. It takes name, master, key, backups and subnets from its source, and must not
    be given them; its security groups it must be given, or the next update puts it into the default group. Removing
    SourceDBInstanceIdentifier would promote it. [UG CFN DBInstance; API CreateDBInstanceReadReplica]

    Its encryption is its source's. The guide says not to state that [UG CFN; cfn-lint E3020], checkov fails a replica
    that does not, and AWS's handler sends it for primaries only: stated, and equal to the source, it changes nothing.
    [aws-cloudformation-resource-providers-rds, Translator.createDbInstanceReadReplicaRequest, which does send MultiAZ]
    Nor does that request carry MaxAllocatedStorage: a replica starts with its source's storage and keeps that size.

    It is protected like its source, since RDS.8 counts every instance outside a cluster [Config rule
    rds-instance-deletion-protection-enabled]. So whatever takes it out of the template has to lift that first: else
    CloudFormation fails to delete it, says UPDATE_COMPLETE all the same, and it goes on costing. [deploy/replicas.py]
    """
    replica = rds.DBInstance(
        "Replica",
        validation=False,  # troposphere refuses MultiAZ on a replica; CreateDBInstanceReadReplica takes it
        **_common(stack, group, monitoring),
        SourceDBInstanceIdentifier=Ref(database),
        # Its DeletionPolicy is ignored; it holds nothing that its source does not. [UG CFN DBInstance]
        DeletionPolicy="Delete",
        UpdateReplacePolicy="Delete",
    )
    return stack.add(ignore_lint(_skipped(stack, replica), "E3020"))


def _skipped(stack: StackBuilder, instance: Any) -> Any:
    """Reasons for what this environment's settings leave off."""
    if not stack.env.security.encryption_at_rest:
        skip(instance, "CKV_AWS_16", "security.encryption_at_rest is off.")
    if not stack.env.rds.multi_az:
        skip(instance, "CKV_AWS_157", "rds.multi_az is off: a standby doubles the price.")
    if not stack.env.rds.monitoring_interval:
        skip(instance, "CKV_AWS_118", "rds.monitoring_interval is 0: standard metrics are enough here.")
    return instance


def _rotation(stack: StackBuilder, secret: Any, database: Any, key: Any) -> None:
    """Attach the secret to the database, then rotate it.

    Not at once, which is the default: the first rotation comes with the first window, when DbInit has long run with the
    password that it read. The schedule needs the attachment first. [UG CFN RotationSchedule; API RotateSecret]
    """
    attachment = stack.add(
        secretsmanager.SecretTargetAttachment(
            "MasterSecretAttachment",
            SecretId=Ref(secret),
            TargetId=Ref(database),
            TargetType="AWS::RDS::DBInstance",
        )
    )
    logs_key = stack.output_of("platform", "LogsKeyArn") if stack.env.security.customer_managed_keys else None
    group = log_group(stack, "RotationLogGroup", naming.own_log_groups(stack.env)["rotation"], logs_key)
    subnets = stack.output_of("network", "PrivateSubnetIds", "CommaDelimitedList")
    function = secretsmanager.HostedRotationLambda(
        RotationType="PostgreSQLSingleUser",
        ExcludeCharacters=EXCLUDED_CHARACTERS,
        # Or Lambda's name for it, and so its log group's, would be known only afterwards. It must be there before the
        # function writes: one that Lambda makes has no end. [UG Lambda monitoring-cloudwatchlogs]
        RotationLambdaName=naming.rotation_function(stack.env),
        # Strings joined by commas, not lists. [UG CFN HostedRotationLambda]
        VpcSubnetIds=Join(",", subnets),
        VpcSecurityGroupIds=stack.output_of("network", "RotationSecurityGroupId", "AWS::EC2::SecurityGroup::Id"),
    )
    if key is not None:
        function.KmsKeyArn = key
    stack.add(
        secretsmanager.RotationSchedule(
            "MasterSecretRotation",
            SecretId=Ref(secret),
            HostedRotationLambda=function,
            RotateImmediatelyOnUpdate=False,
            RotationRules=secretsmanager.RotationRules(AutomaticallyAfterDays=stack.env.rds.secret_rotation_days),
            DependsOn=[attachment.title, group.title],
        )
    )


def _events(stack: StackBuilder, instances: list[Any], group: Any) -> None:
    """RDS's own messages to the alarm topic: controls RDS.20 (instances), RDS.21 (parameters), RDS.22 (groups)."""
    wanted: dict[str, tuple[str, list[str], list[Any]]] = {
        "Instance": (
            "db-instance",
            ["availability", "configuration change", "failover", "failure", "low storage", "maintenance"],
            [Ref(instance) for instance in instances],
        ),
        "ParameterGroup": ("db-parameter-group", ["configuration change"], [Ref(group)]),
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


def _publish(stack: StackBuilder, secret: Any, instances: list[Any]) -> None:
    database = instances[0]
    stack.output("DatabaseHost", GetAtt(database, "Endpoint.Address"), "Host name of the database")
    stack.output("DatabasePort", GetAtt(database, "Endpoint.Port"), "Port of the database")
    stack.output("DatabaseName", stack.env.rds.database, "Name of the database")
    # What rds-db:connect is granted on; identifier and ARN never match there. [UG RDS IAM policy]
    stack.output("DatabaseResourceId", GetAtt(database, "DbiResourceId"), "Resource id, for IAM authentication")
    stack.output("DatabaseIdentifier", Ref(database), "Identifier of the database instance")
    stack.output("MasterSecretArn", Ref(secret), "Master login, in Secrets Manager")
    for replica in instances[1:]:
        stack.output("ReplicaHost", GetAtt(replica, "Endpoint.Address"), "Host name of the replica")
        stack.output("ReplicaResourceId", GetAtt(replica, "DbiResourceId"), "Resource id of the replica")
        stack.output("ReplicaIdentifier", Ref(replica), "Identifier of the replica")
