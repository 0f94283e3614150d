"""Secrets Manager: one secret's text at one stage."""

from __future__ import annotations

from typing import Any

from opsctl.aws.errors import AwsError
from opsctl.aws.translation import translated


class Secrets:
    """Calls of one region. Every method raises AwsError."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def read(self, arn: str, stage: str) -> str | None:
        """The secret's text at `stage` (AWSCURRENT, AWSPENDING); None when that stage has none."""
        try:
            with translated():
                answer = self._client.get_secret_value(SecretId=arn, VersionStage=stage)
        except AwsError as error:
            if error.aws_code == "ResourceNotFoundException" and stage != "AWSCURRENT":
                return None
            raise
        return str(answer["SecretString"])
