"""IAM: roles that services make themselves in an account that uses them for the first time, and OIDC providers."""

from __future__ import annotations

from typing import Any

from opsctl.aws.errors import AwsError
from opsctl.aws.translation import translated


class Iam:
    """Calls of one account. Every method raises AwsError."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def has_role(self, name: str) -> bool:
        """Whether the account has a role of this name."""
        try:
            with translated():
                self._client.get_role(RoleName=name)
        except AwsError as error:
            if error.aws_code in {"NoSuchEntity", "NoSuchEntityException"}:
                return False
            raise
        return True

    def audiences(self, issuer: str) -> tuple[str, ...] | None:
        """For whom tokens of this issuer (a host and path) may be made out; None where its tokens are not taken.

        An account has one OIDC provider for each issuer.
        """
        with translated():
            known = self._client.list_open_id_connect_providers()["OpenIDConnectProviderList"]
            for arn in (each["Arn"] for each in known):
                if arn.partition(":oidc-provider/")[2] == issuer:
                    found = self._client.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
                    return tuple(found.get("ClientIDList", ()))
        return None
