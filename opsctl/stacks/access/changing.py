"""The policy `deploy`: what deploys, restarts, secrets, jobs, publishing and `destroy` call themselves.

CloudFormation acts with the rights of who calls it: what that takes beside stands in `resources`.
"""

from __future__ import annotations

from opsctl.config import naming
from opsctl.stacks.access import resources
from opsctl.stacks.access.grounds import Grounds
from opsctl.stacks.access.pushing import publish
from opsctl.stacks.access.reading import plan
from opsctl.stacks.parts.policies import Statement, allow
from opsctl.stacks.upkeep import ROTATION_TRANSFORM


def deploy(on: Grounds) -> list[Statement]:
    """All that a plan reads, and every change."""
    pushes = publish(on) if on.env.ecs.build_on_deploy else []
    return [
        *plan(on), *_stacks(on), *_artifacts(on), *_own_calls(on), *pushes, *_secrets(on),
        *resources.made_by_stacks(on),
    ]  # fmt: skip


def _stacks(on: Grounds) -> list[Statement]:
    templates = naming.template_key(naming.artifact_folder(on.env), "app", "*")
    bucket = on.artifacts.removeprefix("arn:aws:s3:::")
    return [
        allow(
            "ChangeStacks",
            [
                "cloudformation:CancelUpdateStack",
                "cloudformation:ContinueUpdateRollback",
                "cloudformation:DeleteChangeSet",
                "cloudformation:DeleteStack",
                "cloudformation:ExecuteChangeSet",
                "cloudformation:RollbackStack",
                "cloudformation:TagResource",
                "cloudformation:UntagResource",
                "cloudformation:UpdateTerminationProtection",
            ],
            on.stacks,
        ),
        # A template too large for the request comes from the environment's own folder, or the change set is refused.
        allow(
            "MakeChangeSets",
            "cloudformation:CreateChangeSet",
            on.stacks,
            condition={
                "StringLikeIfExists": {
                    "cloudformation:TemplateUrl": f"https://{bucket}.s3.*.amazonaws.com/{templates}*"
                }
            },
        ),
        *_hosted_rotation(on),
    ]


def _hosted_rotation(on: Grounds) -> list[Statement]:
    """AWS's own function for the master's password is a stack in ours, which a transform takes from AWS's repository.
    [UG Secrets Manager, rotate with CloudFormation]
    """
    return [
        allow(
            "NestRotation",
            ["cloudformation:CreateStack", "cloudformation:UpdateStack"],
            [on.arn("cloudformation", f"stack/{on.env.name}-{on.env.service}-upkeep-*")],
        ),
        allow(
            "TransformRotation",
            "cloudformation:CreateChangeSet",
            [
                on.arn("cloudformation", f"transform/{name}", account="aws")
                for name in (ROTATION_TRANSFORM.removeprefix("AWS::"), "Serverless-2016-10-31")
            ],
        ),
        allow(
            "FetchRotation",
            [
                "serverlessrepo:CreateCloudFormationTemplate",
                "serverlessrepo:GetApplication",
                "serverlessrepo:GetCloudFormationTemplate",
            ],
            "arn:aws:serverlessrepo:*:*:applications/SecretsManager*",
        ),
        allow(
            "FetchRotationsCode",
            "s3:GetObject",
            ["arn:aws:s3:::awsserverlessrepo-changesets-*", "arn:aws:s3:::secrets-manager-rotation-apps-*/*"],
        ),
    ]


def _artifacts(on: Grounds) -> list[Statement]:
    folder = naming.artifact_folder(on.env)
    code = [naming.bundle_key(folder, "*"), naming.template_key(folder, "app", "*")]
    lock = naming.lock_key(folder)
    written = [*code, lock, naming.release_key(folder, "*"), naming.run_key(folder, "*")]
    # Where an earlier opsctl put it: an update that is rolled back reads that again.
    earlier = naming.bundle_key(on.env.name, "*")
    return [
        allow("WriteArtifacts", "s3:PutObject", [f"{on.artifacts}/{key}" for key in written], condition=on.in_account),
        # Lambda and CloudFormation read the version that was uploaded, with the rights of who deploys.
        allow(
            "ReadCode",
            ["s3:GetObject", "s3:GetObjectVersion"],
            [f"{on.artifacts}/{key}" for key in (*code, earlier)],
            condition=on.in_account,
        ),
        allow("GiveLockBack", "s3:DeleteObject", f"{on.artifacts}/{lock}", condition=on.in_account),
    ]


def _own_calls(on: Grounds) -> list[Statement]:
    cluster = naming.cluster_name(on.env)
    user = "${aws:userid}"
    return [
        allow("RunTasks", "ecs:RunTask", on.arn("ecs", f"task-definition/{cluster}-*"), condition=on.in_cluster),
        allow("StopTasks", "ecs:StopTask", on.arn("ecs", f"task/{cluster}/*")),
        allow("CallDbInit", "lambda:InvokeFunction", on.named("lambda", "function:")),
        allow("TagImages", ["ecr:BatchDeleteImage", "ecr:PutImage", "ecr:StartImageScan"], on.repository),
        # A new way in for `db shell`, through an instance of this environment.
        allow("OpenTunnel", "ssm:StartSession", on.arn("ec2", "instance/*"), condition=on.ours),
        allow(
            "ForwardPorts",
            "ssm:StartSession",
            on.arn("ssm", "document/AWS-StartPortForwardingSessionToRemoteHost", account=""),
        ),
        allow("CloseOwnTunnel", "ssm:TerminateSession", on.arn("ssm", f"session/{user}-*")),
        allow("ForgetPages", "cloudfront:CreateInvalidation", on.arn("cloudfront", "distribution/*", region=""),
              condition=on.ours),
    ]  # fmt: skip


def _secrets(on: Grounds) -> list[Statement]:
    changes = [
        "secretsmanager:CreateSecret",
        "secretsmanager:DeleteSecret",
        "secretsmanager:GetSecretValue",
        "secretsmanager:PutSecretValue",
        "secretsmanager:RestoreSecret",
        "secretsmanager:TagResource",
        "secretsmanager:UpdateSecret",
    ]
    foreign = on.foreign_secrets
    return [
        allow("KeepSecrets", changes, on.secrets),
        # What a secret is put together from may be another team's.
        *([allow("ReadForeignSecrets", "secretsmanager:GetSecretValue", foreign)] if foreign else []),
    ]
