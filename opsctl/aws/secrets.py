"""Secrets Manager: secrets by name, their versions and texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from opsctl.aws.errors import AwsError
from opsctl.aws.translation import translated


@dataclass(frozen=True, slots=True)
class KnownSecret:
    """A secret without its text. `version` is "" while it has none; `key` is the customer key's id or ARN, or "";
    `client` is what its tag of that name says, or "".
    """

    name: str
    arn: str
    version: str
    changed: str
    key: str
    stamp: str
    client: str = ""


# What CreateSecret answers when the name is taken: the second while it waits for deletion. [API CreateSecret]
_THERE = {"ResourceExistsException", "InvalidRequestException"}
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
        """One secret as it is now, which a list may tell minutes later [API ListSecrets]; None when there is none."""
        try:
            with translated():
                found = self._client.describe_secret(SecretId=arn)
            return None if found.get("DeletedDate") else _known(found)
        except AwsError as error:
            if error.aws_code == "ResourceNotFoundException":
                return None
            raise

    def make(self, name: str, text: str, *, key: str | None, tags: dict[str, str]) -> None:
        """Make the secret unless there is one, whose value stays; one that waits for deletion is brought back."""
        try:
            self._create(name, text, key, tags)
        except AwsError as error:
            if error.aws_code not in _THERE:
                raise
            if self._is_going(name):
                with translated():
                    self._client.restore_secret(SecretId=name)

    def write(self, name: str, text: str, *, key: str | None, tags: dict[str, str]) -> None:
        """Make the secret, or give it a new version; one that waits for deletion is brought back."""
        try:
            self._create(name, text, key, tags)
            return
        except AwsError as error:
            if error.aws_code not in _THERE:
                raise
        with translated():
            if self._is_going(name):
                self._client.restore_secret(SecretId=name)
            if key:
                self._client.update_secret(SecretId=name, KmsKeyId=key)
            self._client.put_secret_value(SecretId=name, SecretString=text)
            self._client.tag_resource(SecretId=name, Tags=_tags(tags))

    def _create(self, name: str, text: str, key: str | None, tags: dict[str, str]) -> None:
        encryption = {"KmsKeyId": key} if key else {}
        with translated():
            self._client.create_secret(Name=name, SecretString=text, Tags=_tags(tags), **encryption)

    def _is_going(self, name: str) -> bool:
        """Whether it waits for deletion."""
        with translated():
            return bool(self._client.describe_secret(SecretId=name).get("DeletedDate"))

    def encrypt(self, name: str, key: str) -> None:
        """Encrypt the current version with another key."""
        with translated():
            self._client.update_secret(SecretId=name, KmsKeyId=key)

    def remove(self, name: str, *, days: int) -> None:
        """Schedule it for deletion; for so long it can be brought back."""
        with translated():
            self._client.delete_secret(SecretId=name, RecoveryWindowInDays=days)


def _tags(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": tag, "Value": value} for tag, value in tags.items()]


def _known(item: dict[str, Any]) -> KnownSecret:
    stages = item.get("SecretVersionsToStages") or item.get("VersionIdsToStages") or {}
    version = next((each for each, names in stages.items() if "AWSCURRENT" in names), "")
    tags = {tag["Key"]: tag["Value"] for tag in item.get("Tags") or []}
    changed = item.get("LastChangedDate")
    return KnownSecret(
        item["Name"], item["ARN"], version, changed.isoformat() if changed is not None else "",
        item.get("KmsKeyId", ""), tags.get(STAMP_TAG, ""), tags.get("client", ""),
    )  # fmt: skip
