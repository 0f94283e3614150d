"""Open the master's connection: credentials from Secrets Manager or given, time-outs on everything, errors explained.

This module and `login_secret` alone talk to AWS. A rotation of the master's password is ridden out: AWSCURRENT,
then AWSPENDING, again and again for up to 30 s.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 names its class in lower case

from opsctl.dbroles.deadline import Deadline
from opsctl.dbroles.errors import BadSecretError, DbRolesError, PasswordRefusedError
from opsctl.dbroles.postgres_errors import explain_connect_failure
from opsctl.dbroles.settings import ConnectionSettings

CONNECT_SECONDS = 5
STATEMENT_SECONDS = 20
LOCK_SECONDS = 15
# The right to read the secret may be seconds old, and IAM's changes are not known everywhere at once.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency
GRANT_WAITS = (1.0, 2.0, 4.0, 4.0)
_STAGES = ("AWSCURRENT", "AWSPENDING")


@dataclass(frozen=True)
class Credentials:
    """A user name and, where the server asks for one, a password. `stage` says where they came from."""

    user: str
    password: str | None = field(repr=False)
    stage: str = "given"


class SecretReader(Protocol):
    """Reads one stage of one secret."""

    def read(self, arn: str, stage: str) -> str | None:
        """The secret's text, None when it has no such stage. Raises BadSecretError."""
        ...


def secrets_manager(arn: str) -> Any:
    """boto3's client of Secrets Manager in the region that a secret's ARN names, with short time-outs."""
    import boto3
    from botocore.config import Config

    limits = Config(connect_timeout=3, read_timeout=5, retries={"total_max_attempts": 2})
    region = arn.split(":")[3] if arn.count(":") >= 6 else None
    return boto3.client("secretsmanager", region_name=region, config=limits)


class SecretsManagerReader:
    """Reads the master's secret from Secrets Manager."""

    def read(self, arn: str, stage: str) -> str | None:
        """The secret's text, None when it has no such stage."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return _read(secrets_manager(arn), arn, stage)
        except ClientError as error:
            code = _code(error)
            if code == "ResourceNotFoundException" and stage != "AWSCURRENT":
                return None
            raise BadSecretError(
                f"Secrets Manager refused to read the master's secret {arn} ({code}).",
                hint="Check that the secret exists and that the caller's role may read it and use its KMS key.",
            ) from None
        except (BotoCoreError, ValueError) as error:
            raise BadSecretError(
                f"Secrets Manager can't be asked for the master's secret ({type(error).__name__}).",
                hint="Check that the subnets reach Secrets Manager through NAT or an interface endpoint.",
            ) from None


def _read(client: Any, arn: str, stage: str) -> str:
    """GetSecretValue, repeated for a while when it is denied."""
    from botocore.exceptions import ClientError

    waits = iter(GRANT_WAITS)
    while True:
        try:
            return str(client.get_secret_value(SecretId=arn, VersionStage=stage).get("SecretString", ""))
        except ClientError as error:
            wait = next(waits, None)
            if wait is None or _code(error) != "AccessDeniedException":
                raise
        time.sleep(wait)


def _code(error: Any) -> str:
    return str(error.response.get("Error", {}).get("Code", "unknown"))


def parse_secret(text: str, stage: str) -> Credentials:
    """The credentials in a secret's JSON. Raises BadSecretError, whose words never hold any of the text."""
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    user = found.get("username") if isinstance(found, dict) else None
    password = found.get("password") if isinstance(found, dict) else None
    if not (isinstance(user, str) and user and isinstance(password, str) and password):
        raise BadSecretError(
            f"The master's secret ({stage}) is not a JSON object with the texts username and password.",
            hint="Put the master's user name and password into the secret as JSON, then try again.",
        )
    if "\0" in user + password:
        raise BadSecretError(
            f"The master's secret ({stage}) holds a NUL character.", hint="Store it anew without that character."
        )
    return Credentials(user, password, stage)


class Refusals:
    """Remembers for some minutes whose password was waited for in vain.

    CloudFormation rolls a failed update back by calling the function once more: to wait as long again would only keep
    people from the reason.
    """

    MINUTES = 2.0

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._times: dict[str, float] = {}

    def note(self, secret: str) -> None:
        """It was refused to the end."""
        self._times[secret] = self._clock()

    def clear(self, secret: str) -> None:
        """It was accepted."""
        self._times.pop(secret, None)

    def recent(self, secret: str) -> bool:
        """Whether waiting for it again is of no use."""
        return secret in self._times and self._clock() - self._times[secret] < self.MINUTES * 60


@dataclass
class MasterOpener:
    """Opens connections with the settings' credentials. Given `refusals` outlive one call."""

    settings: ConnectionSettings
    secrets: SecretReader = field(default_factory=SecretsManagerReader)
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    refusals: Refusals = field(default_factory=Refusals)

    def __call__(self, deadline: Deadline, patience: float | None = None) -> Connection:
        """Try until a connection stands, the error at hand is not worth another try, or its time is over."""
        start = self.clock()
        secret = self.settings.secret_arn or ""
        while True:
            try:
                opened = self._try_each()
            except DbRolesError as error:
                refused = isinstance(error, PasswordRefusedError)
                # A refused password without a secret is final: nothing is going to change it.
                waits = not refused or (secret and not self.refusals.recent(secret))
                limit = error.retry_seconds if waits else 0.0
                limit = limit if patience is None else min(limit, patience)
                if self.clock() - start + 1 > limit or deadline.remaining() <= CONNECT_SECONDS + 1:
                    if refused and patience is None:
                        self.refusals.note(secret)
                    raise
            else:
                self.refusals.clear(secret)
                return opened
            self.sleep(1)

    def _try_each(self) -> Connection:
        refused: PasswordRefusedError | None = None
        stages: list[str] = []
        for credentials in self._candidates():
            stages.append(credentials.stage)
            try:
                return connect(self.settings, credentials)
            except PasswordRefusedError as error:
                refused = error
        if refused is None:
            raise BadSecretError("The master's secret has no version to use.", hint="Give the secret a value.")
        if self.settings.secret_arn:
            message = f"{refused.message.rstrip('.')}; tried {' and '.join(stages)} of its secret."
            raise PasswordRefusedError(message, hint=refused.hint) from refused
        raise PasswordRefusedError(
            refused.message, hint="Check the user and the password that were given."
        ) from refused

    def _candidates(self) -> Iterator[Credentials]:
        """Lazily: the second stage is read when the first was refused, so that a rotation is seen as it goes on."""
        if not self.settings.secret_arn:
            yield Credentials(str(self.settings.user), self.settings.password)
            return
        for stage in _STAGES:
            text = self.secrets.read(self.settings.secret_arn, stage)
            if text is None:
                continue
            try:
                found = parse_secret(text, stage)
            except BadSecretError:
                if stage == "AWSCURRENT":
                    raise
                continue  # a rotation that has only begun
            yield found


def connect(settings: ConnectionSettings, credentials: Credentials) -> Connection:
    """One attempt. The session can't wait for a statement, a lock or a dead network for ever."""
    limits = {
        "statement_timeout": STATEMENT_SECONDS * 1000,
        "lock_timeout": LOCK_SECONDS * 1000,
        "idle_in_transaction_session_timeout": 60_000,
    }
    parameters: dict[str, Any] = {"sslrootcert": settings.ssl_root_cert} if settings.ssl_root_cert else {}
    try:
        opened: Connection = psycopg2.connect(
            host=settings.host,
            port=settings.port,
            dbname=settings.database,
            user=credentials.user,
            password=credentials.password,
            sslmode=settings.sslmode,
            **parameters,
            connect_timeout=CONNECT_SECONDS,
            tcp_user_timeout=STATEMENT_SECONDS * 1000,
            gssencmode="disable",
            client_encoding="UTF8",
            application_name="opsctl db init",
            # pg_catalog alone: no object in another schema can stand in for what is read here.
            options=" ".join(f"-c {key}={value}" for key, value in limits.items()) + " -c search_path=pg_catalog",
        )
        return opened
    except psycopg2.Error as error:
        raise explain_connect_failure(error, settings) from None
    except ValueError:
        raise BadSecretError("The master's user name or password holds a NUL.", hint="Store the secret anew.") from None
