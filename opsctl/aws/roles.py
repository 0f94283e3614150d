"""IAM: the roles that AWS's services make themselves in an account that uses them for the first time."""

from __future__ import annotations

from typing import Any

from opsctl.aws.errors import AwsError
from opsctl.aws.translation import translated


class Roles:
    """Calls of an account. Every method raises AwsError."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def exists(self, name: str) -> bool:
        """Whether the account has a role of this name."""
        try:
            with translated():
                self._client.get_role(RoleName=name)
        except AwsError as error:
            if error.aws_code in {"NoSuchEntity", "NoSuchEntityException"}:
                return False
            raise
        return True
