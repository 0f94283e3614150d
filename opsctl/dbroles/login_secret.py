"""The secret that holds the application's login: what it looks like, and how it is read and written.

Its JSON has the keys of Secrets Manager's own for databases (engine, host, port, dbname, username, password), so that
whoever reads those can read it. No error and no repr holds any of its text.
"""

from __future__ import annotations

import json
import secrets
import string
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from opsctl.dbroles.connection import GRANT_WAITS, Credentials, secrets_manager
from opsctl.dbroles.errors import BadSecretError
from opsctl.dbroles.settings import ConnectionSettings

PASSWORD_LENGTH = 40
_ALPHABET = string.ascii_letters + string.digits
_CURRENT = "AWSCURRENT"


@dataclass(frozen=True)
class DatabaseLogin:
    """A login and where it leads."""

    host: str
    port: int
    database: str
    user: str
    password: str = field(repr=False)

    @classmethod
    def at(cls, settings: ConnectionSettings, user: str, password: str) -> DatabaseLogin:
        """That login of the settings' database."""
        return cls(settings.host, settings.port, settings.database, user, password)

    @property
    def credentials(self) -> Credentials:
        """What a connection takes."""
        return Credentials(self.user, self.password, _CURRENT)

    def text(self) -> str:
        """The secret's JSON."""
        return json.dumps(
            {
                "engine": "postgres",
                "host": self.host,
                "port": self.port,
                "dbname": self.database,
                "username": self.user,
                "password": self.password,
            }
        )


def make_password() -> str:
    """40 letters and digits (238 bits): nothing in it needs an escape, in a URL or anywhere else."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(PASSWORD_LENGTH))


def parse_login(text: str | None, users: Sequence[str]) -> DatabaseLogin | None:
    """The login in a secret's text; None when there is none of `users` in it, or no password."""
    try:
        found = json.loads(text or "")
    except ValueError:
        return None
    if not isinstance(found, dict):
        return None
    user, password, port = found.get("username"), found.get("password"), str(found.get("port"))
    if not isinstance(user, str) or user not in users:
        return None
    if not isinstance(password, str) or not password or "\0" in password:
        return None
    number = int(port) if port.isascii() and port.isdigit() and len(port) <= 5 else 0
    return DatabaseLogin(str(found.get("host")), number, str(found.get("dbname")), user, password)


@dataclass
class SecretsManagerStore:
    """Reads and writes the application's login in Secrets Manager.

    A right that is not known everywhere yet is waited for, as with the master's secret.
    """

    sleep: Callable[[float], None] = time.sleep

    def read(self, arn: str, stage: str) -> str | None:
        """The secret's text, None when it has no value yet."""
        answer = self._ask(arn, "read", lambda client: client.get_secret_value(SecretId=arn, VersionStage=stage))
        return None if answer is None else str(answer.get("SecretString", ""))

    def write(self, arn: str, text: str, version: str) -> None:
        """PutSecretValue, which moves AWSCURRENT to the new version and AWSPREVIOUS to the one before."""
        answer = self._ask(
            arn,
            "write",
            lambda client: client.put_secret_value(SecretId=arn, SecretString=text, ClientRequestToken=version),
        )
        if answer is None:
            raise BadSecretError(
                f"There is no secret {arn} for the application's login.", hint="Deploy the stack that makes it."
            )

    def _ask(self, arn: str, doing: str, call: Callable[[Any], Any]) -> Any:
        """The answer; None for what is not there. NOTE: an absent secret and one without a value fail alike."""
        from botocore.exceptions import BotoCoreError, ClientError

        waits = iter(GRANT_WAITS)
        try:
            client = secrets_manager(arn)
            while True:
                try:
                    return call(client)
                except ClientError as error:
                    code = str(error.response.get("Error", {}).get("Code", "unknown"))
                    if code == "ResourceNotFoundException":
                        return None
                    wait = next(waits, None)
                    if wait is None or code != "AccessDeniedException":
                        raise BadSecretError(
                            f"Secrets Manager refused to {doing} the login's secret {arn} ({code}).",
                            hint="Check that the secret exists, that the caller's role may read it and put values "
                            "into it, and use its KMS key.",
                        ) from None
                self.sleep(wait)
        except (BotoCoreError, ValueError) as error:
            raise BadSecretError(
                f"Secrets Manager can't be asked to {doing} the login's secret ({type(error).__name__}).",
                hint="Check that the subnets reach Secrets Manager through NAT or an interface endpoint.",
            ) from None
