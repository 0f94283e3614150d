"""The image repository, its clean-up rules, and who else may pull from it."""

from __future__ import annotations

import json
from typing import Any

from troposphere import GetAtt, Ref, Sub, ecr

from opsctl.config.models import Environment
from opsctl.stacks.parts.base import StackBuilder, skip
from opsctl.stacks.parts.kms import NO_CUSTOMER_KEYS
from opsctl.stacks.parts.policies import allow, document

UNTAGGED_DAYS = 7
UNRELEASED_DAYS = 90
# As many as a repository never holds: a rule has to say a number, and this one is there to expire nothing.
_ALL = 100_000


def repository(stack: StackBuilder, key: Any) -> None:
    """Add the repository. Tags are immutable: a release names the same bytes for ever.

    `EncryptionConfiguration` is create-only [Schema]: turning customer keys on later replaces the repository, which
    `--allow-replace` guards. Not `EmptyOnDelete`: a repository with images is not deleted. [UG CFN]
    """
    env = stack.env
    encryption = {"EncryptionType": "KMS", "KmsKey": key} if key is not None else {"EncryptionType": "AES256"}
    resource = ecr.Repository(
        "Repository",
        RepositoryName=env.ecs.repository_name,
        ImageTagMutability="IMMUTABLE",
        ImageScanningConfiguration=ecr.ImageScanningConfiguration(ScanOnPush=True),
        EncryptionConfiguration=ecr.EncryptionConfiguration(**encryption),
        LifecyclePolicy=ecr.LifecyclePolicy(LifecyclePolicyText=lifecycle_text(sharing_environments(env))),
    )
    if env.repository_reader_accounts:
        resource.RepositoryPolicyText = reader_policy(env.repository_reader_accounts)
    if key is None:
        skip(resource, "CKV_AWS_136", NO_CUSTOMER_KEYS)
    stack.keep(resource)
    stack.output("RepositoryArn", GetAtt(resource, "Arn"), "Image repository")
    stack.output("RepositoryUri", GetAtt(resource, "RepositoryUri"), "Address to push images to")
    stack.output("RepositoryName", Ref(resource), "Name of the image repository")


def sharing_environments(env: Environment) -> tuple[str, ...]:
    """Names of the environments that run images of this repository, this one included, in the file's order."""
    return env.repository_environments or (env.name,)


def lifecycle_text(environments: tuple[str, ...]) -> str:
    """Rules of what is kept, most valuable first: an image that matches a rule is never expired by a later one.

    None counts images: whoever may push would push others out by it. What a release ran has a tag of its environment's
    releases, and no rule expires it; a deploy takes the tag from what is old, by the release records. Everything else
    goes by its age. Each environment gets a rule of its own, as `tagPrefixList` matches only images that carry ALL its
    prefixes. [UG ECR LifecyclePolicies]
    """
    rules: list[dict[str, Any]] = [
        _rule(
            f"Keep what releases of {name} ran: deploys let go of it",
            {"tagStatus": "tagged", "tagPrefixList": [f"{name}-r"], "countType": "imageCountMoreThan",
             "countNumber": _ALL},
        )
        for name in reversed(environments)
    ]  # fmt: skip
    rules.append(_rule("Drop what lost its tag", {"tagStatus": "untagged", **_older_than(UNTAGGED_DAYS)}))
    # A rule for `any` must have the highest number of all. [UG ECR]
    rules.append(_rule("Drop what no release uses", {"tagStatus": "any", **_older_than(UNRELEASED_DAYS)}))
    numbered = [{"rulePriority": number, **rule} for number, rule in enumerate(rules, start=1)]
    return json.dumps({"rules": numbered}, indent=1)


def reader_policy(accounts: tuple[str, ...]) -> dict[str, Any]:
    """Other accounts pull, look up digests, and tag what they release as `{env}-r{release}`.

    PutImage without the upload actions can only name layers that are here already, and no tag can be moved.
    """
    principal = {"AWS": [Sub(f"arn:${{AWS::Partition}}:iam::{account}:root") for account in accounts]}
    pull = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:DescribeImages", "ecr:GetDownloadUrlForLayer"]
    statements = [
        allow("Pull", pull, None, principal=principal),
        allow("TagReleases", "ecr:PutImage", None, principal=principal),
    ]
    for statement in statements:
        del statement["Resource"]  # a repository policy has none: it is about this repository
    return document(*statements)


def _older_than(days: int) -> dict[str, Any]:
    return {"countType": "sinceImagePushed", "countUnit": "days", "countNumber": days}


def _rule(description: str, selection: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "selection": selection, "action": {"type": "expire"}}
