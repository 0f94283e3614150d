"""What a person's shell needs to use the local target's emulator with the AWS CLI."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opsctl.local.ports import LOOPBACK

if TYPE_CHECKING:
    from opsctl.local.keys import AccessKey
    from opsctl.local.report import LocalEndpoints


def aws_variables(ends: LocalEndpoints, key: AccessKey) -> dict[str, str]:
    """The environment in which the AWS CLI and SDKs reach the emulator."""
    return _variables(ends.endpoint_url, key.id, key.secret, ends.region)


def nowhere() -> dict[str, str]:
    """The environment in which they reach nothing. Without one they would reach the account of the shell's own keys."""
    return _variables(f"http://{LOOPBACK}:0", "none", "none", "us-east-1")


def _variables(url: str, key_id: str, secret: str, region: str) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": key_id,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
    }
