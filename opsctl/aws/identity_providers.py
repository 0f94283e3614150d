"""OIDC providers: whose tokens an account takes for roles. An account has one for each issuer."""

from __future__ import annotations

from typing import Any

from opsctl.aws.translation import translated


class IdentityProviders:
    """Calls of one account. Every method raises AwsError."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def audiences(self, issuer: str) -> tuple[str, ...] | None:
        """For whom tokens of this issuer (a host and path) may be made out; None where its tokens are not taken."""
        with translated():
            known = self._client.list_open_id_connect_providers()["OpenIDConnectProviderList"]
            for arn in (each["Arn"] for each in known):
                if arn.partition(":oidc-provider/")[2] == issuer:
                    found = self._client.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
                    return tuple(found.get("ClientIDList", ()))
        return None
