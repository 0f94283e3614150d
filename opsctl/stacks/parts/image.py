"""The image of the release, as every task definition names it."""

from __future__ import annotations

from typing import Any

from opsctl.stacks.parts.base import StackBuilder


def image(stack: StackBuilder) -> Any:
    """By digest, so that the bytes of a rollback are those that ran before."""
    return stack.context(
        "ImageUri",
        "image_uri",
        "Image of the release, by digest",
        AllowedPattern="^.+@sha256:[0-9a-f]{64}$",
        ConstraintDescription="must name an image by digest: repository@sha256:DIGEST",
    )
