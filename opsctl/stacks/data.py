"""The database, its master secret and its parameters: what roles, releases and the service wait for.

What looks after it is in the upkeep stack, which nothing waits for. DbInit is not here on purpose: its failure must not
roll back a stack that holds a protected database.
"""

from __future__ import annotations

import json
from typing import Any

from troposphere import GetAtt, Ref, Sub, iam, rds, secretsmanager

from opsctl.config import naming
from opsctl.config.models import Environment
from opsctl.stacks.model import StackTemplate
from opsctl.stacks.parts.base import StackBuilder, managed_policy, skip
from opsctl.stacks.parts.database import EXCLUDED_CHARACTERS, shared_properties, with_reasons
from opsctl.stacks.parts.kms import with_key
from opsctl.stacks.parts.log_groups import log_group
from opsctl.stacks.parts.policies import SAME_ACCOUNT, trust


def build(env: Environment) -> StackTemplate:
    """The data stack. Outputs: see `_publish`."""
    stack = StackBuilder(env, "data")
    key = stack.output_of("platform", "DataKeyArn") if env.security.customer_managed_keys else None
    secret = _master_secret(stack, key)
    group = _parameter_group(stack)
    role = _monitoring_role(stack)
    database = _database(stack, secret, group, role, key)
    if env.database_auth == "password":
        _login_secret(stack, key)
    _rotation_log(stack)
    _publish(stack, secret, database, group, role)
    return stack.finish()


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


def _login_secret(stack: StackBuilder, key: Any) -> None:
    """What the application logs in with. It is made empty: the DbInit function writes it, and `opsctl db rotate`."""
    secret = secretsmanager.Secret(
        "LoginSecret",
        Description=f"The application's login to the {stack.env.service} database in {stack.env.name}",
    )
    stack.keep(with_key(secret, key))
    stack.output("LoginSecretArn", Ref(secret), "The application's login to the database")


def _parameter_group(stack: StackBuilder) -> Any:
    """TLS for everyone. It is the default since PostgreSQL 15 [UG RDS]; saying so keeps it that way.

    One session's sorts can't fill the disk: temporary files lie on the data's volume, and RDS stops a database that is
    full. The parameter is in kilobytes and takes effect without a restart. [UG RDS, PostgreSQL.ManagingTempFiles]

    Family is create-only [Schema], so another major version makes another group. Its name is CloudFormation's: the new
    one is there before the database changes over to it, in the same ModifyDBInstance that raises the version, and the
    old one goes afterwards. [aws-cloudformation-resource-providers-rds, Translator.modifyDbInstanceRequest]

    Of an instance that is taken over it outlives its stack, as the instance does: RDS deletes no group that an instance
    is a member of, so that a failed create could neither roll back nor be deleted. [API DeleteDBParameterGroup]

    NOTE: `log_statement` stays off: rotation runs ALTER ROLE … PASSWORD, which would put the password into the log.
    """
    limit = stack.env.rds.temp_file_kilobytes
    group = rds.DBParameterGroup(
        "DatabaseParameters",
        Description="TLS only",
        Family=f"postgres{stack.env.rds.major_version}",
        Parameters={"rds.force_ssl": "1", **({"temp_file_limit": str(limit)} if limit else {})},
    )
    if stack.env.rds.import_instance is not None:
        group.DeletionPolicy = "Retain"
        group.UpdateReplacePolicy = "Delete"  # by then the instance has the new one
    return stack.add(group)


def _monitoring_role(stack: StackBuilder) -> Any:
    """ARN of the role that enhanced monitoring needs; None without it."""
    if not stack.env.rds.monitoring_interval:
        return None
    role = stack.add(
        iam.Role(
            "DatabaseMonitoringRole",
            AssumeRolePolicyDocument=trust("monitoring.rds.amazonaws.com", condition=SAME_ACCOUNT),
            ManagedPolicyArns=[managed_policy("service-role/AmazonRDSEnhancedMonitoringRole")],
        )
    )
    return GetAtt(role, "Arn")


def _database(stack: StackBuilder, secret: Any, group: Any, monitoring_role: Any, key: Any) -> Any:
    """The primary. It has no fixed identifier: with one, nothing that replaces it could ever succeed. [UG CFN]

    Its name, master, key, encryption and subnet group are create-only [Schema]: a change would make an empty database.
    """
    settings = stack.env.rds
    subnets = _subnets(stack)
    database = rds.DBInstance(
        "Database",
        **shared_properties(stack, parameter_group=Ref(group), monitoring_role=monitoring_role),
        EngineVersion=settings.engine_version,
        # Not the paid Extended Support that is the default. [API EngineLifecycleSupport]
        EngineLifecycleSupport="open-source-rds-extended-support-disabled",
        AllocatedStorage=str(settings.allocated_storage),
        **_origin(stack, subnets=Ref(subnets)),
        # Resolved by CloudFormation; change sets compare this text, so a rotated password is no difference. [UG CFN]
        MasterUserPassword=Sub(f"{{{{resolve:secretsmanager:${{{secret.title}}}:SecretString:password}}}}"),
        BackupRetentionPeriod=settings.backup_days,
        DeleteAutomatedBackups=False,
        # Half an hour each, in UTC, when most of America is asleep.
        PreferredBackupWindow="06:00-06:30",
        PreferredMaintenanceWindow="sun:07:00-sun:07:30",
    )
    if settings.allow_major_version_upgrade:
        # Sent with every ModifyDBInstance while it is set; checks/upgrade.py keeps it from doing more than was meant.
        database.AllowMajorVersionUpgrade = True
    if settings.max_allocated_storage:
        database.MaxAllocatedStorage = settings.max_allocated_storage
    if key is not None and stack.env.security.encryption_at_rest and not settings.brought_along:
        database.KmsKeyId = key
    if settings.snapshot_identifier is not None:
        # Its encryption is the snapshot's, and must not be stated. [UG CFN DBInstance, StorageEncrypted]
        del database.properties["StorageEncrypted"]
        skip(database, "CKV_AWS_16", "Encrypted as its snapshot is; checks/brought_along.py compares.")
    with_reasons(stack, database)
    return stack.keep_taken_over(database) if settings.import_instance else stack.keep(database)


def _origin(stack: StackBuilder, *, subnets: Any) -> dict[str, Any]:
    """Where its data comes from, and where it is. What is create-only stays as it is for good, whichever it is.

    A restored one takes name, master and key from its snapshot, and must not be given them; its master's password it is
    given right after, in the ModifyDBInstance by which the handler brings it to the template. [UG CFN DBInstance;
    aws-cloudformation-resource-providers-rds, ResourceModelHelper.shouldUpdateAfterCreate] One that is taken over has
    its key already, which can't change.
    """
    settings = stack.env.rds
    if settings.snapshot_identifier is not None:
        return {"DBSnapshotIdentifier": settings.snapshot_identifier, "DBSubnetGroupName": subnets}
    found = {"DBName": settings.database, "DBSubnetGroupName": subnets, "MasterUsername": settings.admin_user}
    return found if settings.import_instance is None else {"DBInstanceIdentifier": settings.import_instance, **found}


def _subnets(stack: StackBuilder) -> Any:
    """An instance that is taken over is in this group already, under the one name that the template knows."""
    subnets = rds.DBSubnetGroup(
        "DatabaseSubnets",
        DBSubnetGroupDescription="Private subnets, at least two zones",
        SubnetIds=stack.output_of("network", "PrivateSubnetIds", "CommaDelimitedList"),
    )
    if stack.env.rds.import_instance is None:
        return stack.add(subnets)
    subnets.DBSubnetGroupName = naming.imported_subnets(stack.env)
    return stack.keep_taken_over(subnets)


def _rotation_log(stack: StackBuilder) -> None:
    """Here, not beside the function that writes to it: its lines outlive the stack that looks after the database, which
    holds nothing else that anybody would miss.
    """
    key = stack.output_of("platform", "LogsKeyArn") if stack.env.security.customer_managed_keys else None
    log_group(stack, "RotationLogGroup", naming.own_log_groups(stack.env)["rotation"], key)


def _publish(stack: StackBuilder, secret: Any, database: Any, group: Any, monitoring_role: Any) -> None:
    stack.output("DatabaseHost", GetAtt(database, "Endpoint.Address"), "Host name of the database")
    stack.output("DatabasePort", GetAtt(database, "Endpoint.Port"), "Port of the database")
    stack.output("DatabaseName", stack.env.rds.database, "Name of the database")
    # What rds-db:connect is granted on; identifier and ARN never match there. [UG RDS IAM policy]
    stack.output("DatabaseResourceId", GetAtt(database, "DbiResourceId"), "Resource id, for IAM authentication")
    stack.output("DatabaseIdentifier", Ref(database), "Identifier of the database instance")
    stack.output("MasterSecretArn", Ref(secret), "Master login, in Secrets Manager")
    stack.output("DatabaseParameterGroup", Ref(group), "Parameter group, also of a replica")
    if monitoring_role is not None:
        stack.output("MonitoringRoleArn", monitoring_role, "Role of enhanced monitoring, also of a replica")
