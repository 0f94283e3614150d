"""Customer keys: rotated, retained, used only through the services that need them."""

from __future__ import annotations

from typing import Any, Literal

from troposphere import GetAtt, Ref, Sub, kms

from opsctl.config import naming
from opsctl.stacks.parts.base import StackBuilder, arn, skip
from opsctl.stacks.parts.policies import SAME_ACCOUNT, Statement, account_root, allow, document, service

Purpose = Literal["data", "logs", "notifications"]

NO_CUSTOMER_KEYS = "security.customer_managed_keys is off: AWS's own key encrypts it."
# checkov's id of "encrypted with a customer key", by resource type.
_KEY_CHECKS = {"AWS::SecretsManager::Secret": "CKV_AWS_149", "AWS::Logs::LogGroup": "CKV_AWS_158"}

# What administrators may do with a key, spelt out instead of `kms:*`. PutKeyPolicy must be among them, or KMS refuses
# the policy because nobody could change it any more. [API CreateKey, BypassPolicyLockoutSafetyCheck]
_ADMINISTER = [
    "kms:CancelKeyDeletion", "kms:CreateAlias", "kms:DeleteAlias", "kms:DescribeKey", "kms:DisableKey",
    "kms:DisableKeyRotation", "kms:EnableKey", "kms:EnableKeyRotation", "kms:GetKeyPolicy",
    "kms:GetKeyRotationStatus", "kms:ListAliases", "kms:ListGrants", "kms:ListKeyPolicies", "kms:ListKeyRotations",
    "kms:ListResourceTags", "kms:PutKeyPolicy", "kms:RevokeGrant", "kms:RotateKeyOnDemand", "kms:ScheduleKeyDeletion",
    "kms:TagResource", "kms:UntagResource", "kms:UpdateAlias", "kms:UpdateKeyDescription",
]  # fmt: skip
_USE = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"]


def data_key(stack: StackBuilder) -> Any:
    """ARN of the key of database, secrets, buckets, images and function environments.

    People and roles of the account use it only through these services, never by calling KMS themselves. RDS, ECR and
    Lambda work with grants that the caller makes.
    """
    services = ["ecr", "lambda", "rds", "s3", "secretsmanager"]
    via = {"kms:ViaService": [Sub(f"{name}.${{AWS::Region}}.${{AWS::URLSuffix}}") for name in services]}
    return _key(
        stack,
        "data",
        "database, secrets, buckets and images",
        # Retiring is what ECR asks for besides, on deleting a repository. [UG ECR encryption-at-rest]
        allow(
            "UseThroughServices",
            [*_USE, "kms:RetireGrant"],
            "*",
            principal=account_root(),
            condition={"StringEquals": via},
        ),
        allow(
            "GrantToServices",
            "kms:CreateGrant",
            "*",
            principal=account_root(),
            condition={"StringEquals": via, "Bool": {"kms:GrantIsForAWSResource": "true"}},
        ),
    )


def logs_key(stack: StackBuilder) -> Any:
    """ARN of the key of this environment's log groups, those that AWS's services name among them, and of no others.

    The principal is regional and the encryption context names the group; both must be in the policy before the group
    is made, or its creation is refused. [UG Logs encrypt-log-data; API AssociateKmsKey]
    """
    own = naming.own_log_groups(stack.env)
    names = [naming.log_group(stack.env, "*"), own["rotation"], own["container-insights"]]
    names += [f"{own[instance]}*" for instance in ("database", "replica")]
    groups = [arn("logs", f"log-group:{name}") for name in names]
    return _key(
        stack,
        "logs",
        "log groups",
        allow(
            "EncryptLogs",
            _USE,
            "*",
            principal=service_in_region("logs"),
            condition={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": groups}},
        ),
    )


def notifications_key(stack: StackBuilder) -> Any:
    """ARN of the key of the alarm topic; every environment has it, as SNS's own key keeps alarms from arriving.

    CloudWatch's grant takes a condition on the source account. RDS's has none: such conditions make some services'
    messages vanish without a trace (seen with EventBridge); the topic's policy limits the account instead.
    [re:Post cloudwatch-configure-alarm-sns; UG RDS USER_Events.GrantingPermissions; MDAA]
    """
    actions = ["kms:Decrypt", "kms:GenerateDataKey*"]
    statements = [
        allow("AlarmsPublish", actions, "*", principal=service("cloudwatch.amazonaws.com"), condition=SAME_ACCOUNT),
        allow("DatabaseEventsPublish", actions, "*", principal=service("events.rds.amazonaws.com")),
        allow(
            "UseThroughSns",
            actions,
            "*",
            principal=account_root(),
            condition={"StringEquals": {"kms:ViaService": Sub("sns.${AWS::Region}.${AWS::URLSuffix}")}},
        ),
    ]
    return _key(stack, "notifications", "alarm topic", *statements)


def with_key(resource: Any, key_arn: Any) -> Any:
    """Encrypt a secret or log group with a customer key, or say why not. Log groups take an ARN only. [API]"""
    if key_arn is None:
        return skip(resource, _KEY_CHECKS[resource.resource_type], NO_CUSTOMER_KEYS)
    resource.KmsKeyId = key_arn
    return resource


def service_in_region(name: str) -> dict[str, Any]:
    """A regional service principal, such as `logs.us-east-1.amazonaws.com`."""
    return {"Service": Sub(f"{name}.${{AWS::Region}}.${{AWS::URLSuffix}}")}


def _key(stack: StackBuilder, purpose: Purpose, what: str, *statements: Statement) -> Any:
    """Add `<Purpose>Key` and its alias. In a key policy the resource `*` means this key."""
    name = f"{purpose.capitalize()}Key"
    administer = allow("Administer", _ADMINISTER, "*", principal=account_root())
    key = stack.keep(
        kms.Key(
            name,
            Description=f"{stack.env.service} in {stack.env.name}: {what}",
            EnableKeyRotation=True,
            PendingWindowInDays=30,
            KeyPolicy=document(administer, *statements),
        )
    )
    stack.add(kms.Alias(f"{name}Alias", AliasName=naming.kms_alias(stack.env, purpose), TargetKeyId=Ref(key)))
    return GetAtt(key, "Arn")
