"""Customer keys and what they encrypt: the alarm topic and log groups; and certificates."""

from __future__ import annotations

from tests.golden.controls.expectations import absent, at_least, equals, lacks, matches, one_of
from tests.golden.controls.language import (
    ANY_STACK,
    DEV,
    EVERYWHERE,
    HML,
    PRD,
    STRICT,
    WHOLE,
    Control,
    att,
    belonging_to,
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
from tests.golden.controls.policies import (
    contains_statement,
    named_principal,
)

KEY, GROUP = "AWS::KMS::Key", "AWS::Logs::LogGroup"
ALLOWED = "PolicyDocument/Statement[?Effect=Allow]"
TOPIC_POLICY = one("AlarmTopicPolicy", "AWS::SNS::TopicPolicy")
ACCOUNT = sub("arn:${AWS::Partition}:iam::${AWS::AccountId}:root")
# Services through which people and roles of the account use the data key; not by calling KMS themselves.
THROUGH = [
    sub(f"{name}.${{AWS::Region}}.${{AWS::URLSuffix}}") for name in ("ecr", "lambda", "rds", "s3", "secretsmanager")
]

LOG_GROUP = "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:"
CLUSTER = one("Cluster", "AWS::ECS::Cluster")


def _groups(env: str) -> list[str]:
    """What the key for logs may be used for: the environment's own groups, and those that AWS's services name."""
    return [
        f"/opsctl/{env}/salaries/*",
        f"/aws/lambda/{env}-salaries-rotation-acme",
        f"/aws/ecs/containerinsights/{env}-salaries-acme/performance",
        f"/aws/rds/instance/{env}-salaries-data-acme*",
        f"/aws/rds/instance/{env}-salaries-upkeep-acme*",
    ]


CONTROLS: tuple[Control, ...] = (
    control(
        "sns",
        "Security",
        "The alarm topic has a customer key that CloudWatch and RDS may use (with SNS's own key alarms never arrive), "
        "and nobody else may publish.",
        *(
            check(
                "SNS.4",
                "platform",
                TOPIC_POLICY,
                "PolicyDocument/Statement",
                contains_statement(
                    {
                        "Effect": "Allow",
                        "Principal": {"Service": service},
                        "Action": "sns:Publish",
                        "Resource": ref("AlarmTopic"),
                    }
                ),
            )
            for service in ("cloudwatch.amazonaws.com", "events.rds.amazonaws.com")
        ),
        check("SNS.1 CKV_AWS_26", "platform", one("AlarmTopic"), "KmsMasterKeyId", equals(att("NotificationsKey.Arn"))),
        *(
            check(
                "SNS.1",
                "platform",
                one("NotificationsKey", KEY),
                "KeyPolicy/Statement",
                contains_statement(
                    {
                        "Effect": "Allow",
                        "Principal": {"Service": service},
                        "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
                    }
                ),
            )
            for service in ("cloudwatch.amazonaws.com", "events.rds.amazonaws.com")
        ),
        check("SNS.4", "platform", TOPIC_POLICY, "Topics", equals([ref("AlarmTopic")])),
        check(
            "SNS.4",
            "platform",
            TOPIC_POLICY,
            f"{ALLOWED}/Principal",
            one_of(({"Service": "cloudwatch.amazonaws.com"}, {"Service": "events.rds.amazonaws.com"})),
        ),
        check(
            "SNS.4",
            "platform",
            TOPIC_POLICY,
            f"{ALLOWED}/Condition",
            equals({"StringEquals": {"aws:SourceAccount": ref("AWS::AccountId")}}),
        ),
        check("SNS.4", "platform", TOPIC_POLICY, f"{ALLOWED}/Action", equals("sns:Publish")),
        check(
            "SNS.4",
            "platform",
            TOPIC_POLICY,
            "PolicyDocument/Statement",
            contains_statement(
                {
                    "Effect": "Deny",
                    "Principal": "*",
                    "Action": "sns:Publish",
                    "Resource": ref("AlarmTopic"),
                    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                }
            ),
        ),
        check(
            "SNS.4",
            ANY_STACK,
            belonging_to("AWS::SQS::QueuePolicy", "AWS::SQS::Queue", "Queues[*]"),
            "PolicyDocument/Statement",
            contains_statement(
                {
                    "Effect": "Deny",
                    "Principal": "*",
                    "Action": ["sqs:ReceiveMessage", "sqs:SendMessage"],
                    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                }
            ),
        ),
        check("SNS.1", ANY_STACK, every("AWS::SQS::Queue"), "KmsMasterKeyId", equals("alias/aws/sqs")),
        dev="on",
        prd="on",
    ),
    control(
        "logs",
        "Security",
        "Log groups keep their lines for a stated time, under a customer key where there is one; so do those to which "
        "the rotation and Container Insights write under names of their own.",
        check("CKV_AWS_66", ANY_STACK, every(GROUP), "RetentionInDays", equals(14), on=DEV),
        check("CKV_AWS_66", ANY_STACK, every(GROUP), "RetentionInDays", at_least(90), on=HML),
        check("CKV_AWS_66", ANY_STACK, every(GROUP), "RetentionInDays", at_least(365), on=PRD),
        check("CKV_AWS_158", "platform", every(GROUP), "KmsKeyId", equals(att("LogsKey.Arn")), on=STRICT),
        check("CKV_AWS_158", "data", every(GROUP), "KmsKeyId", equals(ref("LogsKeyArn")), on=STRICT),
        check("CKV_AWS_158", "data", WHOLE, "Stack/Parameters/LogsKeyArn", equals("platform.LogsKeyArn"), on=STRICT),
        check(
            "CKV_AWS_158",
            "platform",
            one("LogsKey", KEY),
            "KeyPolicy/Statement",
            contains_statement(
                {"Effect": "Allow", "Principal": {"Service": sub("logs.${AWS::Region}.${AWS::URLSuffix}")}}
            ),
            on=STRICT,
        ),
        *(
            check(
                "CKV_AWS_158",
                "platform",
                one("LogsKey", KEY),
                "KeyPolicy/Statement[Sid=EncryptLogs]/Condition/ArnLike/kms:EncryptionContext:aws:logs:arn",
                equals([sub(f"{LOG_GROUP}{name}") for name in _groups(env)]),
                on=on,
            )
            for env, on in (("hml", HML), ("prd", PRD))
        ),
        *(
            check("own:foreign-logs", stack, one(title, GROUP), "LogGroupName", equals(_groups(env)[number]), on=on)
            for stack, title, number, wanted in (
                ("data", "RotationLogGroup", 1, EVERYWHERE),
                ("platform", "ContainerInsightsLogGroup", 2, STRICT),
            )
            for env, on in (("dev", DEV), ("hml", HML), ("prd", PRD))
            if env in wanted
        ),
        *(
            check(
                "own:foreign-logs",
                "upkeep",
                one("MasterSecretRotation"),
                "HostedRotationLambda/RotationLambdaName",
                equals(f"{env}-salaries-rotation-acme"),
                on=on,
            )
            for env, on in (("dev", DEV), ("hml", HML), ("prd", PRD))
        ),
        # Its group is made with the database, for which the rotation's stack waits.
        check("own:foreign-logs", "upkeep", WHOLE, "Stack/Parameters/MasterSecretArn", equals("data.MasterSecretArn")),
        check("own:foreign-logs", "platform", CLUSTER, "/DependsOn", equals("ContainerInsightsLogGroup"), on=STRICT),
        none("own:foreign-logs", "platform", no(GROUP, name="ContainerInsightsLogGroup"), on=DEV),
        check("CKV_AWS_158", ANY_STACK, every(GROUP), "KmsKeyId", absent(), on=DEV),
        skipped("CKV_AWS_158", ANY_STACK, every(GROUP)),
        dev="14 days; AWS's key (skip)",
        hml="90 days, customer key",
        prd="365 days, customer key",
    ),
    control(
        "kms",
        "Security",
        "Customer keys rotate every year, stay for 30 days after deletion, and nobody outside the account uses them.",
        *(
            check(
                "KMS.5",
                "platform",
                one(name, KEY),
                "KeyPolicy/Statement",
                contains_statement(
                    {"Effect": "Allow", "Action": action, "Principal": {"AWS": ACCOUNT}, "Condition": condition}
                ),
                on=on,
            )
            for name, action, condition, on in (
                (
                    "DataKey",
                    "kms:CreateGrant",
                    {"StringEquals": {"kms:ViaService": THROUGH}, "Bool": {"kms:GrantIsForAWSResource": "true"}},
                    STRICT,
                ),
                (
                    "NotificationsKey",
                    ["kms:Decrypt", "kms:GenerateDataKey*"],
                    {"StringEquals": {"kms:ViaService": sub("sns.${AWS::Region}.${AWS::URLSuffix}")}},
                    EVERYWHERE,
                ),
            )
        ),
        check(
            "KMS.5", ANY_STACK, every(KEY), "KeyPolicy/Statement[?Sid=Administer]/Principal", equals({"AWS": ACCOUNT})
        ),
        check("KMS.4 CKV_AWS_7", ANY_STACK, every(KEY), "EnableKeyRotation", equals(True)),
        check("KMS.4", ANY_STACK, every(KEY), "PendingWindowInDays", equals(30)),
        check("KMS.5 CKV_AWS_33", ANY_STACK, every(KEY), "KeyPolicy/Statement[*]/Principal", named_principal()),
        check(
            "KMS.5",
            ANY_STACK,
            every(KEY),
            "KeyPolicy/Statement[?Sid=UseThroughServices]/Condition/StringEquals/kms:ViaService",
            equals(THROUGH),
            on=STRICT,
        ),
        check("KMS.4", "platform", one("DataKey", KEY), "/Type", equals(KEY), on=STRICT),
        check("KMS.4", "platform", one("LogsKey", KEY), "/Type", equals(KEY), on=STRICT),
        none("KMS.4", "platform", no(KEY, name=".*", but="NotificationsKey"), on=DEV),
        dev="AWS's keys, but for the alarm topic",
        prd="customer keys",
    ),
    control(
        "acm",
        "Security",
        "Certificates name one host each, no wildcard, and are validated by DNS.",
        *(
            check("CKV2_AWS_71", stack, every("AWS::CertificateManager::Certificate"), path, expect, on=STRICT)
            for stack in ("front", "edge")
            for path, expect in (
                ("DomainName", lacks(r"\*", "*.example.com")),
                ("SubjectAlternativeNames", absent()),
                ("ValidationMethod", equals("DNS")),
                ("DomainValidationOptions[*]/HostedZoneId", matches(r"^Z[A-Z0-9]+$")),
            )
        ),
        none("CKV2_AWS_71", ANY_STACK, no("AWS::CertificateManager::Certificate"), on=DEV),
        dev="on if there is a domain; as committed there is none",
        prd="on",
    ),
)
