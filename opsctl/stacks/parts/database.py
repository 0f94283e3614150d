"""What the database and its replica, which are in different stacks, have in common."""

from __future__ import annotations

from typing import Any

from opsctl.stacks.parts.base import StackBuilder, skip

# RDS takes printable ASCII without `/ " @`, 8 to 128 characters. [API CreateDBInstance] The rest of the list would need
# quoting in shells and connection strings. The rotation function must leave out the same ones.
EXCLUDED_CHARACTERS = "/\"@ '\\`$%&#?:;{}[]<>|"


def shared_properties(stack: StackBuilder, *, parameter_group: Any, monitoring_role: Any) -> dict[str, Any]:
    """Properties of both. Enhanced monitoring: an interval other than 0 needs a role, and a role such one. [API]"""
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
        "DBParameterGroupName": parameter_group,
        "EnableIAMDatabaseAuthentication": True,
        "EnableCloudwatchLogsExports": ["postgresql", "upgrade"],
        # With a pinned minor version off: AWS would move on, and sending the old one again then fails.
        # [cloud-platform-environments#45178]
        "AutoMinorVersionUpgrade": not settings.pins_minor_version,
        "CopyTagsToSnapshot": True,
        "DeletionProtection": settings.deletion_protection,
        "MonitoringInterval": settings.monitoring_interval,
        **({"MonitoringRoleArn": monitoring_role} if settings.monitoring_interval else {}),
    }


def with_reasons(stack: StackBuilder, instance: Any) -> Any:
    """Say for what this environment's settings leave off why that is."""
    if not stack.env.security.encryption_at_rest:
        skip(instance, "CKV_AWS_16", "security.encryption_at_rest is off.")
    if not stack.env.rds.multi_az:
        skip(instance, "CKV_AWS_157", "rds.multi_az is off: a standby doubles the price.")
    if not stack.env.rds.monitoring_interval:
        skip(instance, "CKV_AWS_118", "rds.monitoring_interval is 0: standard metrics are enough here.")
    return instance
