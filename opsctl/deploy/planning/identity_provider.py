"""Whether CI's stack makes the account's OIDC provider: an account has one for each issuer, whoever made it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opsctl.errors import OpsctlError
from opsctl.stacks.ci import AUDIENCE, ISSUER

if TYPE_CHECKING:
    from opsctl.aws.iam import Iam


def is_made(deployed: str | None, iam: Iam) -> bool:
    """`deployed` is what the stack was told before: what it made stays its own. Raises OpsctlError, AwsError."""
    if deployed == "true":
        return True
    audiences = iam.audiences(ISSUER)
    if audiences is not None and AUDIENCE not in audiences:
        raise OpsctlError(
            f"The account's OIDC provider for {ISSUER} takes no tokens for {AUDIENCE}, so no job could sign in.",
            code="oidc-audience",
            hint="Run `aws iam add-client-id-to-open-id-connect-provider --client-id "
            f"{AUDIENCE} --open-id-connect-provider-arn arn:aws:iam::ACCOUNT:oidc-provider/{ISSUER}`.",
        )
    return audiences is None
