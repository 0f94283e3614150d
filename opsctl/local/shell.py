"""What a person's shell needs to use the local target's emulator with the AWS CLI."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opsctl.local.settings import LocalTargetError

if TYPE_CHECKING:
    from opsctl.local.target import LocalTarget


def aws_variables(target: LocalTarget) -> dict[str, str]:
    """The environment in which the AWS CLI and SDKs reach the emulator. Raises LocalTargetError when it doesn't run."""
    ends = target.status().endpoints
    if ends is None:
        raise LocalTargetError(
            "The local target does not run.", code="emulator-down", hint="Run `opsctl deploy --env local`."
        )
    return {
        "AWS_ENDPOINT_URL": ends.endpoint_url,
        "AWS_ACCESS_KEY_ID": target.key.id,
        "AWS_SECRET_ACCESS_KEY": target.key.secret,
        "AWS_REGION": ends.region,
        "AWS_DEFAULT_REGION": ends.region,
    }
