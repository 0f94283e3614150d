"""The policy `publish`: what a push of an image takes, into one repository."""

from __future__ import annotations

from opsctl.stacks.access.grounds import Grounds
from opsctl.stacks.parts.policies import Statement, allow


def publish(on: Grounds) -> list[Statement]:
    """Writes layers and tags, and reads what is there so that it is not sent again. Deletes nothing."""
    key = on.signing_key
    return [
        # Takes no resource: a login is for the whole registry, and what it may do there is asked with every request.
        allow("LogIn", "ecr:GetAuthorizationToken", "*"),
        allow(
            "Push",
            [
                "ecr:BatchCheckLayerAvailability",
                "ecr:BatchGetImage",
                "ecr:CompleteLayerUpload",
                "ecr:DescribeImages",
                "ecr:GetDownloadUrlForLayer",
                "ecr:InitiateLayerUpload",
                "ecr:PutImage",
                "ecr:UploadLayerPart",
            ],
            on.repository,
        ),
        *([allow("Sign", ["kms:GetPublicKey", "kms:Sign"], key[0], condition=key[1])] if key else []),
    ]
