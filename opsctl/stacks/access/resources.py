"""What CloudFormation does with the deployer's rights to make, change and remove what the stacks hold.

The actions are those of AWS's handlers of these resource types, as far as the templates use them. Where a name begins
with the environment's, the name is the fence; where AWS makes up names or numbers, it is the stack's tags.
"""

from __future__ import annotations

from opsctl.config import naming
from opsctl.stacks.access.grounds import Grounds, actions
from opsctl.stacks.access.network import reached_through
from opsctl.stacks.parts.policies import Statement, allow

# Who takes a role of the stacks, and whose role AWS makes itself on an account's first use.
ROLE_SERVICES = (
    "ec2.amazonaws.com",
    "ecs-tasks.amazonaws.com",
    "lambda.amazonaws.com",
    "monitoring.rds.amazonaws.com",
    "scheduler.amazonaws.com",
    "vpc-flow-logs.amazonaws.com",
)
LINKED_SERVICES = (
    "ecs.amazonaws.com",
    "ecs.application-autoscaling.amazonaws.com",
    "elasticloadbalancing.amazonaws.com",
    "rds.amazonaws.com",
)
MANAGED_POLICIES = ("service-role/AmazonRDSEnhancedMonitoringRole",)
# What an earlier template gave to the NAT instance: an update takes it away, and gives it back where it fails.
FORMER_POLICIES = ("AmazonSSMManagedInstanceCore",)
# What AWS's own function for the rotation takes beside: its template is SAM's, which gives these to one in a VPC.
ROTATION_POLICIES = ("service-role/AWSLambdaBasicExecutionRole", "service-role/AWSLambdaVPCAccessExecutionRole")


def made_by_stacks(on: Grounds) -> list[Statement]:
    """For all stacks of one environment."""
    return [
        *_without_resource(), *_roles(on), *reached_through(on), *_database(on), *_tasks(on),
        *_logs_and_alarms(on), *_function(on), *_buckets(on), *_messages(on), *_keys_and_secrets(on), *_repository(on),
        *_budget(on),
    ]  # fmt: skip


def _without_resource() -> list[Statement]:
    return [
        # These take no resource, or list what they name none of: numbers, names and states, no content.
        allow(
            "Describe",
            [
                "application-autoscaling:Describe*",
                "ec2:Describe*",
                "ecs:DescribeTaskDefinition",
                "elasticloadbalancing:Describe*",
                "kms:ListAliases",
                "rds:DescribeEngineDefaultParameters",
                "rds:DescribeEvents",
                "logs:DescribeIndexPolicies",
                "logs:DescribeResourcePolicies",
                "route53:ListHostedZones",
                "secretsmanager:GetRandomPassword",
            ],
            "*",
        ),
        # Nor do these. What they can do to another environment: a revision that nobody starts any more (services run
        # on), a subscription that ends, whose number one has to know.
        allow(
            "ChangeWithoutResource",
            [
                "ecs:DeregisterTaskDefinition",
                "elasticloadbalancing:SetWebACL",  # AssociateWebACL says which firewall, and before what
                "sns:GetSubscriptionAttributes",
                "sns:SetSubscriptionAttributes",
                "sns:Unsubscribe",
            ],
            "*",
        ),
    ]


def _roles(on: Grounds) -> list[Statement]:
    roles, profiles = on.named("iam", "role/", region=""), on.named("iam", "instance-profile/", region="")
    names = (*MANAGED_POLICIES, *ROTATION_POLICIES, *FORMER_POLICIES)
    managed = [f"arn:aws:iam::aws:policy/{name}" for name in names]
    return [
        allow(
            "KeepRoles",
            actions(
                "iam",
                "CreateRole DeleteRole DeleteRolePolicy GetRole GetRolePolicy ListAttachedRolePolicies "
                "ListInstanceProfilesForRole ListRolePolicies PutRolePolicy TagRole UntagRole UpdateAssumeRolePolicy "
                "UpdateRole UpdateRoleDescription",
            ),
            roles,
        ),
        allow(
            "AttachAwsPolicies",
            actions("iam", "AttachRolePolicy DetachRolePolicy"),
            roles,
            condition={"ArnEquals": {"iam:PolicyARN": managed}},
        ),
        allow("PassRoles", "iam:PassRole", roles,
              condition={"StringEquals": {"iam:PassedToService": list(ROLE_SERVICES)}}),
        allow(
            "KeepProfiles",
            actions(
                "iam",
                "AddRoleToInstanceProfile CreateInstanceProfile DeleteInstanceProfile GetInstanceProfile "
                "RemoveRoleFromInstanceProfile TagInstanceProfile UntagInstanceProfile",
            ),
            profiles,
        ),
        allow(
            "FirstUse",
            "iam:CreateServiceLinkedRole",
            on.arn("iam", "role/aws-service-role/*", region=""),
            condition={"StringEquals": {"iam:AWSServiceName": list(LINKED_SERVICES)}},
        ),
    ]  # fmt: skip


def _database(on: Grounds) -> list[Statement]:
    return [
        allow(
            "KeepDatabase",
            actions(
                "rds",
                "AddSourceIdentifierToSubscription AddTagsToResource CreateDBInstance CreateDBInstanceReadReplica "
                "CreateDBParameterGroup CreateDBSnapshot CreateDBSubnetGroup CreateEventSubscription DeleteDBInstance "
                "DeleteDBParameterGroup DeleteDBSubnetGroup DeleteEventSubscription DescribeDBInstanceAutomatedBackups "
                "DescribeDBInstances DescribeDBParameterGroups DescribeDBParameters DescribeDBSnapshots "
                "DescribeDBSubnetGroups DescribeEventSubscriptions ListTagsForResource "
                "ModifyDBInstance ModifyDBParameterGroup ModifyDBSubnetGroup ModifyEventSubscription RebootDBInstance "
                "RemoveSourceIdentifierFromSubscription RemoveTagsFromResource ResetDBParameterGroup StartDBInstance",
            ),
            [
                *on.named("rds", "db:", "es:", "pg:", "subgrp:"),
                *on.named("rds", "snapshot:", "snapshot:final-", "snapshot:before-recreate-"),
                *on.taken_over,
            ],
        ),
        *_restored(on),
        # AWS's own, whose names begin with it.
        allow(
            "UseDefaultOptions",
            actions("rds", "CreateDBInstance CreateDBInstanceReadReplica ModifyDBInstance"),
            [on.arn("rds", "og:default:*"), on.arn("rds", "pg:default.*")],
        ),
    ]


def _restored(on: Grounds) -> list[Statement]:
    """Where the first deploy restores a snapshot: what reads it and makes an instance of it."""
    if on.snapshot is None:
        return []
    return [
        allow(
            "RestoreDatabase",
            actions("rds", "DescribeDBSnapshots RestoreDBInstanceFromDBSnapshot"),
            [on.snapshot, *on.named("rds", "db:", "pg:", "subgrp:"), on.arn("rds", "og:default:*")],
        )
    ]


def _tasks(on: Grounds) -> list[Statement]:
    cluster = naming.cluster_name(on.env)
    return [
        allow(
            "KeepTasks",
            actions(
                "ecs",
                "CreateCluster CreateService DeleteCluster DeleteService DescribeClusters DescribeServiceDeployments "
                "ListServiceDeployments ListTagsForResource PutClusterCapacityProviders RegisterTaskDefinition "
                "StopServiceDeployment TagResource UntagResource UpdateCluster UpdateClusterSettings UpdateService",
            ),
            [on.cluster, on.arn("ecs", f"*/{cluster}/*"), on.arn("ecs", f"task-definition/{cluster}-*")],
        ),
        allow(
            "KeepScaling",
            actions(
                "application-autoscaling",
                "DeleteScalingPolicy DeregisterScalableTarget ListTagsForResource PutScalingPolicy "
                "RegisterScalableTarget UntagResource",
            ),
            on.arn("application-autoscaling", "scalable-target/*"),
            condition=on.nobody_elses,
        ),
        allow(
            "TagScaling",
            "application-autoscaling:TagResource",
            on.arn("application-autoscaling", "scalable-target/*"),
            condition=on.tagged_ours,
        ),
        allow(
            "KeepSchedules",
            actions("scheduler", "CreateSchedule DeleteSchedule GetSchedule UpdateSchedule"),
            on.named("scheduler", "schedule/default/"),
        ),
    ]


def _logs_and_alarms(on: Grounds) -> list[Statement]:
    return [
        allow(
            "KeepLogs",
            actions(
                "logs",
                "AssociateKmsKey CreateLogGroup DeleteLogGroup DeleteRetentionPolicy "
                "DisassociateKmsKey GetDataProtectionPolicy "
                "ListTagsForResource PutRetentionPolicy TagResource UntagResource",
            ),
            [each for group in on.log_groups for each in (group, f"{group}:*")],
        ),
        allow(
            "KeepAlarms",
            actions(
                "cloudwatch", "DeleteAlarms DescribeAlarms ListTagsForResource PutMetricAlarm TagResource UntagResource"
            ),
            [
                *on.named("cloudwatch", "alarm:"),
                # Autoscaling's, by its own names.
                on.arn("cloudwatch", f"alarm:TargetTracking-service/{naming.cluster_name(on.env)}/*"),
            ],
        ),
    ]


def _function(on: Grounds) -> list[Statement]:
    return [
        allow(
            "KeepFunctions",
            actions(
                "lambda",
                "AddPermission CreateFunction DeleteFunction DeleteFunctionConcurrency "
                "DeleteFunctionEventInvokeConfig GetFunction GetFunctionCodeSigningConfig GetFunctionConfiguration "
                "GetFunctionEventInvokeConfig GetFunctionRecursionConfig GetFunctionScalingConfig GetPolicy "
                "GetRuntimeManagementConfig ListTags PutFunctionConcurrency PutFunctionEventInvokeConfig "
                "RemovePermission TagResource UntagResource UpdateFunctionCode UpdateFunctionConfiguration "
                "UpdateFunctionEventInvokeConfig",
            ),
            on.named("lambda", "function:"),
        ),
    ]


def _buckets(on: Grounds) -> list[Statement]:
    objects = [f"{bucket}/*" for bucket in on.buckets]
    return [
        allow(
            "KeepBuckets",
            actions(
                "s3",
                "CreateBucket DeleteBucket DeleteBucketPolicy GetBucket* Get*Configuration ListBucket "
                "ListBucketVersions ListTagsForResource PutBucketAcl PutBucketLogging PutBucketOwnershipControls "
                "PutBucketPolicy PutBucketPublicAccessBlock PutBucketTagging PutBucketVersioning "
                "PutEncryptionConfiguration PutLifecycleConfiguration TagResource UntagResource",
            ),
            on.buckets,
            condition=on.in_account,
        ),
        # Publishing, raw files, and emptying what `destroy` removes.
        allow(
            "KeepFiles",
            actions("s3", "AbortMultipartUpload DeleteObject DeleteObjectVersion GetObject PutObject"),
            objects,
            condition=on.in_account,
        ),
    ]


def _budget(on: Grounds) -> list[Statement]:
    """Only where there is one. Bills are the account's: who may see a budget's figures sees no other's."""
    if not on.env.observability.budget_alarm:
        return []
    budgets = [on.arn("budgets", f"budget/{on.made}*", region="")]
    return [
        allow(
            "KeepBudget",
            actions("budgets", "ListTagsForResource ModifyBudget TagResource UntagResource ViewBudget"),
            budgets,
        ),
        # Takes a billing view, which a budget that names none has not.
        allow("ReadBills", "billing:GetBillingViewData", f"arn:aws:billing::{on.account}:billingview/primary"),
    ]


def _messages(on: Grounds) -> list[Statement]:
    return [
        allow(
            "KeepTopics",
            actions(
                "sns",
                "CreateTopic DeleteTopic GetDataProtectionPolicy GetTopicAttributes ListSubscriptionsByTopic "
                "ListTagsForResource SetTopicAttributes Subscribe TagResource UntagResource",
            ),
            on.named("sns", ""),
        ),
        allow(
            "KeepQueues",
            actions(
                "sqs",
                "CreateQueue DeleteQueue GetQueueAttributes GetQueueUrl ListQueueTags SetQueueAttributes TagQueue "
                "UntagQueue",
            ),
            on.named("sqs", ""),
        ),
    ]


def _keys_and_secrets(on: Grounds) -> list[Statement]:
    keys, secrets = on.arn("kms", "key/*"), on.arn("secretsmanager", "secret:*")
    aliases = [on.arn("kms", naming.kms_alias(on.env, purpose)) for purpose in ("data", "logs", "notifications")]
    change_alias = actions("kms", "CreateAlias DeleteAlias UpdateAlias")
    return [
        # A new one has no name yet.
        allow("MakeKeys", "kms:CreateKey", "*", condition=on.born_ours),
        allow("TagKeys", "kms:TagResource", keys, condition=on.tagged_ours),
        allow(
            "KeepKeys",
            [
                *change_alias,
                *actions(
                    "kms",
                    "CreateGrant Decrypt DescribeKey DisableKey EnableKey EnableKeyRotation Encrypt GenerateDataKey "
                    "GetKeyPolicy GetKeyRotationStatus ListResourceTags PutKeyPolicy RetireGrant ScheduleKeyDeletion "
                    "UntagResource UpdateKeyDescription",
                ),
            ],
            keys,
            condition=on.ours,
        ),
        allow("NameKeys", change_alias, aliases),
        allow("MakeSecrets", "secretsmanager:CreateSecret", secrets, condition=on.born_ours),
        allow("TagSecrets", "secretsmanager:TagResource", secrets, condition=on.tagged_ours),
        allow(
            "KeepStacksSecrets",
            actions(
                "secretsmanager",
                "CancelRotateSecret DeleteSecret GetSecretValue PutSecretValue RotateSecret UntagResource UpdateSecret",
            ),
            secrets,
            condition=on.ours,
        ),
    ]


def _repository(on: Grounds) -> list[Statement]:
    if not on.env.ecs.manage_repository:
        return []
    return [
        allow(
            "KeepRepository",
            actions(
                "ecr",
                "CreateRepository DeleteLifecyclePolicy DeleteRepository DeleteRepositoryPolicy DescribeRepositories "
                "GetLifecyclePolicy GetRepositoryPolicy ListTagsForResource PutImageScanningConfiguration "
                "PutImageTagMutability PutLifecyclePolicy SetRepositoryPolicy TagResource UntagResource",
            ),
            on.repository,
        ),
    ]
