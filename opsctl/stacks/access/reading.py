"""The policy `plan`: what `diff`, `status`, `drift`, `outputs` and logs read. No value of a secret, no data."""

from __future__ import annotations

from opsctl.config import naming
from opsctl.stacks.access.grounds import Grounds, actions
from opsctl.stacks.parts.policies import Statement, allow


def plan(on: Grounds) -> list[Statement]:
    """Reads only."""
    return [*_stacks(on), *_artifacts(on), *_running(on), *_signatures(on), *_questions(on)]


def _stacks(on: Grounds) -> list[Statement]:
    bootstrap = on.everywhere("cloudformation", f"stack/{naming.BOOTSTRAP_STACK}/*")
    drift = actions("cloudformation", "DescribeStackResourceDrifts DetectStackDrift DetectStackResourceDrift")
    return [
        # All are listed by one call, which names no stack.
        allow("ListStacks", ["cloudformation:DescribeStacks", "cloudformation:ListStacks"], "*"),
        allow(
            "ReadStacks",
            [
                "cloudformation:DescribeChangeSet",
                "cloudformation:DescribeEvents",
                "cloudformation:DescribeStackEvents",
                "cloudformation:GetTemplate",
                "cloudformation:ListStackResources",
            ],
            on.stacks,
        ),
        # Why a change set can't be carried out is asked of the change set itself, whose name is no environment's.
        allow("ReadReasons", "cloudformation:DescribeEvents", on.everywhere("cloudformation", "changeSet/opsctl-*")),
        # A check reads resources with the rights of who asks, and leaves out what these don't reach.
        # [UG CFN, using-cfn-stack-drift]
        allow("DetectDrift", drift, on.stacks),
        allow("DetectBootstrapsDrift", drift, bootstrap),
        allow("ReadBootstrap", "cloudformation:GetTemplate", bootstrap),
    ]


def _artifacts(on: Grounds) -> list[Statement]:
    name, folder = on.env.name, naming.artifact_folder(on.env)
    # What another environment of the repository released can be named here: `--image-tag hml-r12`. The names alone are
    # where an earlier opsctl wrote.
    released = dict.fromkeys((folder, *on.env.repository_folders, name, *on.env.repository_environments))
    locks = [naming.lock_key(folder), naming.lock_key(name)]
    read = [*locks, naming.run_key(folder, "*"), *(naming.release_key(each, "*") for each in released)]
    return [
        # S3 says that a key is free only to those who may list the bucket: they see keys, not what lies under them.
        allow("SeeKeys", "s3:ListBucket", on.artifacts, condition=on.in_account),
        allow("ReadRecords", "s3:GetObject", [f"{on.artifacts}/{key}" for key in read], condition=on.in_account),
    ]


def _running(on: Grounds) -> list[Statement]:
    cluster = naming.cluster_name(on.env)
    given = [each for each in (on.env.application.web.certificate_arn, on.env.site.certificate_arn) if each]
    return [
        allow(
            "SeeTasks",
            ["ecs:DescribeServices", "ecs:DescribeTasks"],
            [on.cluster, on.arn("ecs", f"*/{cluster}/*")],
        ),
        # Tasks are listed by cluster, which is a condition there.
        allow(
            "ListTasks",
            "ecs:ListTasks",
            "*",
            condition=on.in_cluster,
        ),
        allow("SeeAlarmHistory", "cloudwatch:DescribeAlarmHistory", on.named("cloudwatch", "alarm:")),
        # These take no resource.
        allow("ListLogGroups", "logs:DescribeLogGroups", "*"),
        allow("SeeTargets", "elasticloadbalancing:DescribeTargetHealth", "*"),
        allow(
            "ReadLogs",
            ["logs:DescribeLogStreams", "logs:FilterLogEvents", "logs:GetLogEvents"],
            [each for group in on.log_groups for each in (group, f"{group}:*")],
        ),
        allow(
            "SeeImages",
            ["ecr:BatchGetImage", "ecr:DescribeImageScanFindings", "ecr:DescribeImages"],
            on.repository,
        ),
        allow(
            "SeeDatabases",
            ["rds:DescribeDBInstances", "rds:DescribePendingMaintenanceActions"],
            [*on.named("rds", "db:"), *on.taken_over],
        ),
        *([] if on.snapshot is None else [allow("SeeSnapshot", "rds:DescribeDBSnapshots", on.snapshot)]),
        # Listed by the beginning of their names, which IAM takes for all. [Service Authorization Reference, CloudWatch]
        allow("SeeAlarms", "cloudwatch:DescribeAlarms", on.arn("cloudwatch", "alarm:*")),
        allow("SeeCertificates", "acm:DescribeCertificate", on.everywhere("acm", "certificate/*"), condition=on.ours),
        *([allow("SeeGivenCertificates", "acm:DescribeCertificate", given)] if given else []),
        allow("SeeSecrets", "secretsmanager:DescribeSecret", [on.secrets, *on.foreign_secrets]),
        # Those that CloudFormation names, by their tags alone.
        allow("SeeStacksSecrets", "secretsmanager:DescribeSecret", on.arn("secretsmanager", "secret:*"),
              condition=on.ours),
    ]  # fmt: skip


def _signatures(on: Grounds) -> list[Statement]:
    """A signature lies in the repository as an image does."""
    if on.env.images.verify is None:
        return []
    key = on.signing_key
    return [
        # Takes no resource.
        allow("LogInToRead", "ecr:GetAuthorizationToken", "*"),
        allow("ReadSignatures", "ecr:GetDownloadUrlForLayer", on.repository),
        *([allow("ReadSigningKey", "kms:GetPublicKey", key[0], condition=key[1])] if key else []),
    ]


def _questions(on: Grounds) -> list[Statement]:
    image = on.arn("ssm", "parameter/aws/service/ami-amazon-linux-latest/*", account="")
    zones = [allow("ReadZones", "route53:GetHostedZone", on.zones)] if on.zones else []
    return [
        # Of these none takes a resource: what AWS sells, where, how much of it this account may have, and whether
        # targets answer.
        allow(
            "AskAws",
            [
                "cloudformation:BatchDescribeTypeConfigurations",
                "cloudformation:DescribeStackDriftDetectionStatus",
                "ec2:DescribeAvailabilityZones",
                "ec2:DescribeImages",
                "ec2:DescribeInstanceTypeOfferings",
                "ec2:DescribePrefixLists",
                "ec2:DescribeVpcEndpointServices",
                "elasticloadbalancing:DescribeTargetHealth",
                "guardduty:ListDetectors",
                "lambda:GetAccountSettings",
                "pricing:GetProducts",
                "rds:DescribeDBEngineVersions",
                "rds:DescribeOrderableDBInstanceOptions",
                "secretsmanager:ListSecrets",
            ],
            "*",
        ),
        allow("ReadQuotas", "servicequotas:GetServiceQuota", on.arn("servicequotas", "fargate/*")),
        allow("ReadAmazonsImages", "ssm:GetParameter", image),
        # Whether AWS's own are there, and whether anybody hears of alarms.
        # One that is missing has no path that IAM could know.
        allow(
            "SeeServiceRoles",
            "iam:GetRole",
            [on.arn("iam", f"role/{name}*", region="") for name in ("aws-service-role/", "AWSServiceRoleFor")],
        ),
        allow("SeeSubscriptions", "sns:ListSubscriptionsByTopic", on.named("sns", "")),
        *zones,
    ]
