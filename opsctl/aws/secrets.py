"""Secrets Manager: secrets by name, their versions and texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from opsctl.aws.errors import AwsError
from opsctl.aws.translation import translated


@dataclass(frozen=True, slots=True)
class KnownSecret:
    """A secret without its text. `version` is "" while it has none; `key` is the customer key's id or ARN, or ""."""

    name: str
    arn: str
    version: str
    changed: str
    key: str
    stamp: str


STAMP_TAG = "opsctl:made-from"
"""Of a derived secret: a hash of what it was put together from."""


class Secrets:
    """Calls of one region. Every method raises AwsError."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def read(self, arn: str, stage: str = "AWSCURRENT") -> str | None:
        """The secret's text at `stage` (AWSCURRENT, AWSPENDING); None when that stage has none."""
        try:
            with translated():
                answer = self._client.get_secret_value(SecretId=arn, VersionStage=stage)
        except AwsError as error:
            if error.aws_code == "ResourceNotFoundException" and stage != "AWSCURRENT":
                return None
            raise
        return str(answer["SecretString"])

    def below(self, prefix: str) -> dict[str, KnownSecret]:
        """Secrets whose name starts with `prefix`, by name; those that wait for deletion are left out."""
        found: dict[str, KnownSecret] = {}
        token: dict[str, str] = {}
        while True:
            with translated():
                page = self._client.list_secrets(Filters=[{"Key": "name", "Values": [prefix]}], MaxResults=100, **token)
            for item in page.get("SecretList", []):
                if item["Name"].startswith(prefix) and not item.get("DeletedDate"):
                    found[item["Name"]] = _known(item)
            if not page.get("NextToken"):
                return found
            token = {"NextToken": page["NextToken"]}

    def describe(self, arn: str) -> KnownSecret | None:
        """One secret; None when there is none."""
        try:
            with translated():
                return _known(self._client.describe_secret(SecretId=arn))
        except AwsError as error:
            if error.aws_code == "ResourceNotFoundException":
                return None
            raise

    def write(self, name: str, text: str, *, key: str | None, tags: dict[str, str]) -> None:
        """Make the secret, or give it a new version; one that waits for deletion is brought back."""
        listed = [{"Key": tag, "Value": value} for tag, value in tags.items()]
        encryption = {"KmsKeyId": key} if key else {}
        try:
            with translated():
                self._client.create_secret(Name=name, SecretString=text, Tags=listed, **encryption)
            return
        except AwsError as error:
            # InvalidRequestException: it is scheduled for deletion. [API CreateSecret]
            if error.aws_code not in {"ResourceExistsException", "InvalidRequestException"}:
                raise
        with translated():
            if self._client.describe_secret(SecretId=name).get("DeletedDate"):
                self._client.restore_secret(SecretId=name)
            if key:
                self._client.update_secret(SecretId=name, KmsKeyId=key)
            self._client.put_secret_value(SecretId=name, SecretString=text)
            self._client.tag_resource(SecretId=name, Tags=listed)

    def encrypt(self, name: str, key: str) -> None:
        """Encrypt the current version with another key."""
        with translated():
            self._client.update_secret(SecretId=name, KmsKeyId=key)

    def remove(self, name: str, *, days: int) -> None:
        """Schedule it for deletion; for so long it can be brought back."""
        with translated():
            self._client.delete_secret(SecretId=name, RecoveryWindowInDays=days)


def _known(item: dict[str, Any]) -> KnownSecret:
    stages = item.get("SecretVersionsToStages") or item.get("VersionIdsToStages") or {}
    version = next((each for each, names in stages.items() if "AWSCURRENT" in names), "")
    stamp = next((tag["Value"] for tag in item.get("Tags") or [] if tag["Key"] == STAMP_TAG), "")
    changed = item.get("LastChangedDate")
    return KnownSecret(
        item["Name"], item["ARN"], version, changed.isoformat() if changed is not None else "",
        item.get("KmsKeyId", ""), stamp,
    )  # fmt: skip
