"""RDS and its secrets."""

from __future__ import annotations

from tests.golden.controls.expectations import (
    Expectation,
    absent,
    at_least,
    at_most,
    contains,
    equals,
    items,
    matches,
    none_of,
)
from tests.golden.controls.language import (
    ANY_STACK,
    DEV,
    EVERYWHERE,
    HML,
    PRD,
    STRICT,
    WHOLE,
    Assertion,
    Control,
    att,
    check,
    control,
    every,
    no,
    none,
    one,
    ref,
    skipped,
    sub,
)
from tests.golden.controls.policies import contains_statement

INSTANCE = "AWS::RDS::DBInstance"
SECRET = "AWS::SecretsManager::Secret"
TASK = "AWS::ECS::TaskDefinition"
EVENTS = "AWS::RDS::EventSubscription"
INSTANCES, PRIMARY, REPLICA = every(INSTANCE), one("Database", INSTANCE), one("Replica", INSTANCE)
ROTATION = one("MasterSecretRotation", "AWS::SecretsManager::RotationSchedule")
ATTACHMENT = one("MasterSecretAttachment")
CONTAINER_ENV = "ContainerDefinitions[*]/Environment"
PRIVATE_ROUTES = every("AWS::EC2::Route", name="Private.*")
PRIVATE_ASSOCIATIONS = every("AWS::EC2::SubnetRouteTableAssociation", name="Private.*")


def _subscription(row: str, name: str, source: str, *categories: str) -> list[Assertion]:
    chosen = one(name, EVENTS)
    return [
        check(row, "upkeep", chosen, "SourceType", equals(source), on=STRICT),
        check(row, "upkeep", chosen, "Enabled", equals(True), on=STRICT),
        check(row, "upkeep", chosen, "EventCategories", contains(categories), on=STRICT),
        check(row, "upkeep", chosen, "SnsTopicArn", equals(ref("AlarmTopicArn")), on=STRICT),
    ]


def _sources(row: str, name: str, expected: Expectation) -> Assertion:
    return check(row, "upkeep", one(name, EVENTS), "SourceIds", expected, on=STRICT)


CONTROLS: tuple[Control, ...] = (
    control(
        "rds-private",
        "Security",
        "The database has no public address, is encrypted, and stands in private subnets of the VPC.",
        check("RDS.2 CIS-2.2.3 CKV_AWS_17", ANY_STACK, INSTANCES, "PubliclyAccessible", equals(False)),
        check("RDS.3 CIS-2.2.1 CKV_AWS_16", ANY_STACK, INSTANCES, "StorageEncrypted", equals(True)),
        check("RDS.3", "data", PRIMARY, "KmsKeyId", equals(ref("DataKeyArn")), on=STRICT),
        check("RDS.3", "data", PRIMARY, "KmsKeyId", absent(), on=DEV),
        check("RDS.18", "data", PRIMARY, "DBSubnetGroupName", equals(ref("DatabaseSubnets"))),
        check("RDS.18", "data", one("DatabaseSubnets"), "SubnetIds", equals(ref("PrivateSubnetIds"))),
        check("RDS.18", "data", WHOLE, "Stack/Parameters/PrivateSubnetIds", equals("network.PrivateSubnetIds")),
        check("RDS.18", ANY_STACK, INSTANCES, "VPCSecurityGroups", equals([ref("DatabaseSecurityGroupId")])),
        check("RDS.18", "network", WHOLE, "Outputs/PrivateSubnetIds/Value/Fn::Join/1", items(2)),
        check("RDS.2", "egress", PRIVATE_ROUTES, "GatewayId", absent()),
        check("RDS.2", "network", PRIVATE_ASSOCIATIONS, "RouteTableId", matches(r"^Private\wRouteTable$")),
        dev="on, AWS's key",
        prd="on, customer key",
    ),
    control(
        "rds-multi-az",
        "Reliability",
        "A standby in another zone takes over.",
        check("RDS.5 CIS-2.2.4 CKV_AWS_157", ANY_STACK, INSTANCES, "MultiAZ", equals(True), on=STRICT),
        check("RDS.5 CIS-2.2.4", ANY_STACK, INSTANCES, "MultiAZ", equals(False), on=DEV),
        skipped("CKV_AWS_157", "data", PRIMARY),
        dev="off (skip): a standby doubles the price",
        prd="on",
    ),
    control(
        "rds-monitoring",
        "Operations",
        "Enhanced monitoring every 60 seconds, by a role of its own.",
        check("RDS.6 CKV_AWS_118", ANY_STACK, INSTANCES, "MonitoringInterval", equals(60), on=STRICT),
        check("RDS.6", "data", PRIMARY, "MonitoringRoleArn", equals(att("DatabaseMonitoringRole.Arn")), on=STRICT),
        check("RDS.6", "upkeep", REPLICA, "MonitoringRoleArn", equals(ref("MonitoringRoleArn")), on=PRD),
        check("RDS.6", "upkeep", WHOLE, "Stack/Parameters/MonitoringRoleArn", equals("data.MonitoringRoleArn"), on=PRD),
        check(
            "RDS.6", "data", WHOLE, "Outputs/MonitoringRoleArn/Value", equals(att("DatabaseMonitoringRole.Arn")), on=PRD
        ),
        check(
            "RDS.6",
            "data",
            one("DatabaseMonitoringRole"),
            "ManagedPolicyArns",
            contains((sub("arn:${AWS::Partition}:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole"),)),
            on=STRICT,
        ),
        check("RDS.6", ANY_STACK, INSTANCES, "MonitoringInterval", equals(0), on=DEV),
        none("RDS.6", "data", no("AWS::IAM::Role", name="DatabaseMonitoringRole"), on=DEV),
        skipped("CKV_AWS_118", "data", PRIMARY),
        dev="off (skip): standard metrics are enough",
        prd="on",
    ),
    control(
        "rds-protection",
        "Reliability",
        "Deletion protection, minor versions by themselves and major ones only when asked for, tags on snapshots. A "
        "replica is protected like its source; the deploy that drops it lifts that first.",
        check("RDS.8", ANY_STACK, INSTANCES, "DeletionProtection", equals(True)),
        check("RDS.13 CIS-2.2.2", ANY_STACK, INSTANCES, "AutoMinorVersionUpgrade", equals(True)),
        check("own:major-version", ANY_STACK, INSTANCES, "AllowMajorVersionUpgrade", absent()),
        check("own:major-version", "data", PRIMARY, "EngineVersion", equals("18")),
        check("own:major-version", "data", one("DatabaseParameters"), "Family", equals("postgres18")),
        check("own:major-version", "data", one("DatabaseParameters"), "DBParameterGroupName", absent()),
        check("RDS.17", ANY_STACK, INSTANCES, "CopyTagsToSnapshot", equals(True)),
        dev="on",
        prd="on",
    ),
    control(
        "rds-storage",
        "Operations",
        "Storage that runs out raises the alarm on every instance. A replica's does not grow with its source's.",
        *(
            check("own:storage-alarm", "upkeep", one(f"{name}StorageAlarm"), path, expect, on=on)
            for name, identifier, on in (("Database", "DatabaseIdentifier", EVERYWHERE), ("Replica", "Replica", PRD))
            for path, expect in (
                ("MetricName", equals("FreeStorageSpace")),
                ("Dimensions", equals([{"Name": "DBInstanceIdentifier", "Value": ref(identifier)}])),
                ("ComparisonOperator", equals("LessThanThreshold")),
                ("AlarmActions", equals([ref("AlarmTopicArn")])),
            )
        ),
        *(
            check(
                "own:storage-alarm",
                "upkeep",
                one(f"{name}StorageAlarm"),
                "Threshold",
                equals(gib * 1024**3 * 15 // 100),
                on=on,
            )
            for name, gib, on in (
                ("Database", 20, DEV),
                ("Database", 20, HML),
                ("Database", 100, PRD),
                ("Replica", 100, PRD),
            )
        ),
        check("own:storage-alarm", "upkeep", REPLICA, "MaxAllocatedStorage", absent(), on=PRD),
        dev="on, no replica",
        hml="on, no replica",
        prd="on",
    ),
    control(
        "rds-backups",
        "Reliability",
        "Automatic backups, which outlive the instance.",
        check("RDS.11", "data", PRIMARY, "BackupRetentionPeriod", at_least(1), on=DEV),
        check("RDS.11", "data", PRIMARY, "BackupRetentionPeriod", at_least(7), on=HML),
        check("RDS.11", "data", PRIMARY, "BackupRetentionPeriod", at_least(30), on=PRD),
        check("RDS.11", "data", PRIMARY, "DeleteAutomatedBackups", equals(False)),
        dev="a setting, 1 day: AWS's free plan refuses more than its cap",
        hml="7 days",
        prd="at least 30 days",
    ),
    control(
        "rds-logs",
        "Operations",
        "The logs of PostgreSQL and of upgrades go to CloudWatch. Their groups' names hold the instance's, which no "
        "template knows beforehand, so the deploy gives them the environment's retention and key.",
        check("RDS.9 RDS.36", ANY_STACK, INSTANCES, "EnableCloudwatchLogsExports", contains(("postgresql", "upgrade"))),
        dev="on",
        prd="on",
    ),
    control(
        "rds-iam",
        "Security",
        "Log-in by IAM is on, and is how tasks log in: no password is handed to them.",
        check("RDS.10 CKV_AWS_161", ANY_STACK, INSTANCES, "EnableIAMDatabaseAuthentication", equals(True)),
        check("RDS.10", ANY_STACK, every(TASK), CONTAINER_ENV, contains(({"Name": "DB_AUTH", "Value": "iam"},))),
        check("RDS.10", "jobs", one("DatabaseRoles", "Custom::DbInit"), "Auth", equals("iam")),
        *(
            check(
                "RDS.10",
                stack,
                one(f"{name}TaskRole"),
                "Policies[*]/PolicyDocument/Statement",
                contains_statement(
                    {
                        "Effect": "Allow",
                        "Action": "rds-db:connect",
                        "Resource": sub(
                            "arn:${AWS::Partition}:rds-db:${AWS::Region}:${AWS::AccountId}:"
                            f"dbuser:${{DatabaseResourceId}}/{user}"
                        ),
                    }
                ),
            )
            for stack, name, user in (
                ("app", "Service", "app_user"),
                ("app", "Dataset", "app_loader"),
                ("jobs", "Migrate", "app_migrator"),
            )
        ),
        dev="on",
        prd="on",
    ),
    control(
        "rds-tls",
        "Security",
        "The server refuses connections without TLS, and every client verifies the server.",
        check("RDS.38 CKV2_AWS_69", "data", PRIMARY, "DBParameterGroupName", equals(ref("DatabaseParameters"))),
        check("RDS.38", "upkeep", REPLICA, "DBParameterGroupName", equals(ref("DatabaseParameterGroup")), on=PRD),
        check(
            "RDS.38",
            "upkeep",
            WHOLE,
            "Stack/Parameters/DatabaseParameterGroup",
            equals("data.DatabaseParameterGroup"),
            on=STRICT,
        ),
        check("RDS.38", "data", WHOLE, "Outputs/DatabaseParameterGroup/Value", equals(ref("DatabaseParameters"))),
        check("RDS.38 CKV2_AWS_69", "data", one("DatabaseParameters"), "Parameters/rds.force_ssl", equals("1")),
        check(
            "RDS.38",
            ANY_STACK,
            every(TASK),
            CONTAINER_ENV,
            contains(({"Name": "DB_SSL_ROOT_CERT", "Value": "/opt/opsctl/rds.pem"},)),
        ),
        check(
            "RDS.38",
            "functions",
            one("DbInitFunction"),
            "Environment/Variables/DB_SSL_ROOT_CERT",
            equals("certs/rds.pem"),
        ),
        dev="on",
        prd="on",
    ),
    control(
        "rds-names",
        "Security",
        "Neither the usual port nor a usual master name. The port travels as an output only.",
        check("RDS.23", ANY_STACK, INSTANCES, "Port", none_of(("5432",))),
        check("RDS.23", ANY_STACK, INSTANCES, "Port", equals("5433")),
        check("RDS.23", "data", WHOLE, "Outputs/DatabasePort/Value", equals(att("Database.Endpoint.Port"))),
        check(
            "RDS.23",
            ANY_STACK,
            every(TASK),
            CONTAINER_ENV,
            contains(({"Name": "DB_PORT", "Value": ref("DatabasePort")},)),
        ),
        *(
            check("RDS.23", stack, WHOLE, "Stack/Parameters/DatabasePort", equals("data.DatabasePort"))
            for stack in ("jobs", "app")
        ),
        check(
            "RDS.25", "data", PRIMARY, "MasterUsername", none_of(("postgres", "admin", "root", "master", "rdsadmin"))
        ),
        check(
            "RDS.25",
            "data",
            one("MasterSecret"),
            "GenerateSecretString/SecretStringTemplate",
            equals('{"username": "opsctl_master"}'),
        ),
        dev="on, port 5433",
        prd="on, port 5433",
    ),
    control(
        "rds-events",
        "Operations",
        "RDS's own messages about instances, parameters and security groups reach the alarm topic.",
        _subscription(
            "RDS.20", "InstanceEvents", "db-instance", "maintenance", "configuration change", "failure", "failover"
        ),
        _sources("RDS.20", "InstanceEvents", contains((ref("DatabaseIdentifier"),))),
        check("RDS.20", "upkeep", one("InstanceEvents"), "SourceIds", contains((ref("Replica"),)), on=PRD),
        _subscription("RDS.21", "ParameterGroupEvents", "db-parameter-group", "configuration change"),
        _sources("RDS.21", "ParameterGroupEvents", equals([ref("DatabaseParameterGroup")])),
        _subscription("RDS.22", "SecurityGroupEvents", "db-security-group", "configuration change", "failure"),
        check(
            "RDS.20 RDS.21 RDS.22", "upkeep", WHOLE, "Stack/Parameters/AlarmTopicArn", equals("platform.AlarmTopicArn")
        ),
        none("RDS.20 RDS.21 RDS.22", "upkeep", no(EVENTS), on=DEV),
        dev="off",
        prd="on",
    ),
    control(
        "secrets",
        "Security",
        "The master's password is generated, attached to the database and rotated at least every 30 days, first in "
        "its own time and not while DbInit reads it. Django's key is not rotated by a schedule: that would end every "
        "session, and tasks read it at their start only.",
        check("SecretsManager.1", "upkeep", ROTATION, "SecretId", equals(ref("MasterSecretArn"))),
        check(
            "SecretsManager.1", "upkeep", ROTATION, "HostedRotationLambda/RotationType", equals("PostgreSQLSingleUser")
        ),
        check("SecretsManager.1", "upkeep", ROTATION, "/DependsOn", equals("MasterSecretAttachment")),
        check("SecretsManager.1", "upkeep", ROTATION, "RotateImmediatelyOnUpdate", equals(False)),
        check("SecretsManager.4", "upkeep", ROTATION, "RotationRules/AutomaticallyAfterDays", at_most(30)),
        check("SecretsManager.1", "upkeep", ATTACHMENT, "TargetId", equals(ref("DatabaseIdentifier"))),
        check("SecretsManager.1", "upkeep", ATTACHMENT, "SecretId", equals(ref("MasterSecretArn"))),
        check("SecretsManager.1", "upkeep", WHOLE, "Stack/Parameters/MasterSecretArn", equals("data.MasterSecretArn")),
        check("SecretsManager.1", "data", WHOLE, "Outputs/MasterSecretArn/Value", equals(ref("MasterSecret"))),
        check("SecretsManager.1", ANY_STACK, every(SECRET), "GenerateSecretString/PasswordLength", at_least(32)),
        check("SecretsManager.1", ANY_STACK, every(SECRET), "SecretString", absent()),
        check("SecretsManager.1", "data", PRIMARY, "MasterUserPassword", matches(r"^\{\{resolve:secretsmanager:")),
        check("CKV_AWS_149", "data", one("MasterSecret"), "KmsKeyId", equals(ref("DataKeyArn")), on=STRICT),
        check("CKV_AWS_149", "platform", one("DjangoSecret"), "KmsKeyId", equals(att("DataKey.Arn")), on=STRICT),
        check("CKV_AWS_149", ANY_STACK, every(SECRET), "KmsKeyId", absent(), on=DEV),
        skipped("CKV_AWS_149", ANY_STACK, every(SECRET)),
        dev="rotation; AWS's key (skip)",
        prd="rotation and customer key",
    ),
)
