"""Logging in to an environment's database as one of its roles: tokens, and psql."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from opsctl.errors import OpsctlError, UsageError
from opsctl.operate.deployed import require_outputs, state_of
from opsctl.operate.tunnel import require_plugin, tunnel
from opsctl.paths import certificates

if TYPE_CHECKING:
    from opsctl.operate.target import Target

READONLY = "readonly"
TOKEN_LIFE = timedelta(minutes=15)


@dataclass(frozen=True)
class RoleAddress:
    """Where a role logs in."""

    role: str
    host: str
    port: int
    database: str
    read_only: bool = False


def role_name(target: Target, given: str) -> str:
    """The login role of this name, or for this purpose (`readonly`). Raises UsageError.

    With `database.owner` the application's login is the only one, for reading as well.
    """
    from opsctl.config.nearest import nearest

    names = _logins(target)
    if given in names:
        return names[given]
    if given in names.values():
        return given
    raise UsageError(
        f"{target.env.name} has no role `{given}` that logs in; there are {', '.join(dict.fromkeys(names.values()))}.",
        code="unknown-role",
        hint=nearest(given, dict.fromkeys(names.values())) or f"Write --role {names['readonly']}.",
    )


def reads_as_owner(target: Target, given: str) -> bool:
    """Whether who asks for a login that only reads gets the owner's, as the database has no other."""
    return given == READONLY and target.env.application.database.owner


def _logins(target: Target) -> dict[str, str]:
    """Each purpose that a login of this database serves, with the login's name."""
    from opsctl.config.naming import role_mapping

    mapping = role_mapping(target.env)
    if target.env.application.database.owner:
        return dict.fromkeys(("user", READONLY), str(mapping["user"]))
    return {purpose: str(mapping[purpose]) for purpose in ("migrator", "loader", "user", READONLY)}


def login(target: Target, role: str, *, replica: bool) -> RoleAddress:
    """Address of the database, or of its replica, for a role."""
    name = role_name(target, role)
    if replica and not target.env.rds.enable_replica:
        raise UsageError(
            f"{target.env.name} has no replica.", code="no-replica", hint="Set rds.enable_replica, and deploy."
        )
    state = state_of(target)
    data = require_outputs(target, state, "data", "DatabaseHost", "DatabasePort")
    host = require_outputs(target, state, "upkeep", "ReplicaHost")["ReplicaHost"] if replica else data["DatabaseHost"]
    port, read_only = int(data["DatabasePort"]), reads_as_owner(target, role)
    return RoleAddress(name, host, port, target.env.rds.database, read_only)


def make_token(target: Target, role: str, *, replica: bool) -> dict[str, Any]:
    """A token for a role, with where and until when it is good.

    Raises UsageError where who asks to read would get the owner's: a token can't say that its session only reads.
    """
    if target.env.database_auth != "iam":
        raise OpsctlError(
            f"{target.env.name} knows no tokens: its application logs in by database.auth {target.env.database_auth}.",
            code="no-token",
            hint=f"Run `opsctl db shell --env {target.env.name}`.",
        )
    to = login(target, role, replica=replica)
    if to.read_only:
        raise UsageError(
            f"{target.env.name} has no role that only reads: with a token of its application's login one can write.",
            code="no-read-only-role",
            hint=f"`opsctl db shell --env {target.env.name}` only reads; `--role user` prints a token that writes too.",
        )
    made = datetime.now(UTC)
    token = target.aws.rds.login_token(to.host, to.port, to.role)
    return {
        "token": token,
        "role": to.role,
        "host": to.host,
        "port": to.port,
        "database": to.database,
        "expires": (made + TOKEN_LIFE).isoformat(timespec="seconds"),
    }


def run_psql(target: Target, role: str, *, replica: bool, via: str | None, arguments: Sequence[str]) -> int:
    """psql as `role`; its exit code. It reads the terminal, or what is piped in."""
    psql = shutil.which("psql")
    if psql is None:
        raise OpsctlError(
            "psql is not installed here.",
            code="psql-missing",
            hint="Install PostgreSQL's client (Debian: apt-get install postgresql-client), then run this again.",
        )
    if not target.is_local:
        _require_way(target, via)
    to = login(target, role, replica=replica)
    with _parameters(target, to, via) as (parameters, login_variables):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        if to.read_only:
            environment["PGOPTIONS"] = "-c default_transaction_read_only=on"
        command = [psql, "--dbname", conninfo(parameters), *arguments]
        return _wait_for(command, {**environment, **login_variables})


@contextmanager
def _parameters(target: Target, to: RoleAddress, via: str | None) -> Iterator[tuple[dict[str, str], dict[str, str]]]:
    """libpq's parameters and the variables of the password, as long as the way to the server is open."""
    common = {"dbname": to.database, "user": to.role, "application_name": "opsctl db shell"}
    if target.is_local:
        yield {**common, "host": to.host, "port": str(to.port)}, target.local.database_login(to.port, to.role)
        return
    assert via is not None
    bundle = certificates()
    if bundle is None:
        raise OpsctlError("RDS's certificates are not beside opsctl.", code="no-ca-bundle", hint="Run `make setup`.")
    user, password = credentials(target, to)
    with tunnel(target.aws.sessions, via, to.host, to.port) as port:
        # `host` is what the certificate is checked against and what the token is signed for; `hostaddr` is the way.
        yield (
            {
                **common,
                "user": user,
                "host": to.host,
                "hostaddr": "127.0.0.1",
                "port": str(port),
                "sslmode": "verify-full",
                "sslrootcert": str(bundle),
            },
            {"PGPASSWORD": password},
        )


def credentials(target: Target, to: RoleAddress) -> tuple[str, str]:
    """Who logs in, with what: a token, or what the application's own secret holds, whose two logins take turns."""
    if target.env.database_auth != "password":
        return to.role, target.aws.rds.login_token(to.host, to.port, to.role)
    place = require_outputs(target, state_of(target), "data", "LoginSecretArn")["LoginSecretArn"]
    held = json.loads(target.aws.secrets.read(place) or "{}")
    if not held.get("password"):
        raise OpsctlError(
            f"The application's login to the database of {target.env.name} has no password yet.",
            code="no-password",
            hint=f"`opsctl deploy --env {target.env.name}` makes it.",
        )
    return held["username"], held["password"]


def _require_way(target: Target, via: str | None) -> None:
    """Say what is missing before anything is opened."""
    require_plugin()
    if via is None:
        raise OpsctlError(
            f"The database of {target.env.name} is private, and opsctl keeps no machine there to go through.",
            code="no-way-in",
            hint="Name an EC2 instance in its VPC that Session Manager manages and that has the security group "
            "JobsSecurityGroupId: `--via i-0123456789abcdef0`. docs/database.md tells how to start one.",
        )


def conninfo(parameters: Mapping[str, str]) -> str:
    """libpq's key='value' form; quotes and backslashes are escaped."""
    escaped = {key: value.replace("\\", "\\\\").replace("'", "\\'") for key, value in parameters.items()}
    return " ".join(f"{key}='{value}'" for key, value in escaped.items())


def _wait_for(command: list[str], environment: Mapping[str, str]) -> int:
    """Ctrl-C belongs to psql, which cancels the running query with it."""
    before = signal.signal(signal.SIGINT, lambda *_: None)  # a handler, unlike SIG_IGN, is not inherited
    try:
        return subprocess.run(command, env=environment, check=False).returncode
    finally:
        signal.signal(signal.SIGINT, before)
