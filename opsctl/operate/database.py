"""Reaching an environment's database as its master, or through its DbInit function."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from opsctl.errors import ExitCode, OpsctlError
from opsctl.operate.deployed import require_outputs, state_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from opsctl.dbroles.connection import MasterOpener
    from opsctl.dbroles.model import RoleModel
    from opsctl.dbroles.settings import ConnectionSettings
    from opsctl.operate.target import Target

    Directly = Callable[[ConnectionSettings, RoleModel, MasterOpener | None], dict[str, Any]]

GIVE_UP_SECONDS = 75.0
"""More than the work gives itself: a host name that is never resolved is what takes longer."""


class DatabaseError(OpsctlError):
    """The roles could not be made or read."""

    code = "db-roles"


def initialize(target: Target, *, dsn: str | None, check: bool) -> dict[str, Any]:
    """Make the roles, or with `check` say what that would change; returns the report's JSON form."""
    from opsctl.dbroles.service import initialize as run

    def directly(settings: ConnectionSettings, model: RoleModel, opener: MasterOpener | None) -> dict[str, Any]:
        return dict(run(settings, model, check=check, opener=opener).to_dict())

    return _reach(target, dsn, "check" if check else "init", directly)


def read_status(target: Target, *, dsn: str | None) -> dict[str, Any]:
    """The roles as they are and how they differ from the configuration, as plain data. Changes nothing."""
    from opsctl.dbroles.service import status as run

    def directly(settings: ConnectionSettings, model: RoleModel, opener: MasterOpener | None) -> dict[str, Any]:
        return dict(run(settings, model, opener=opener).to_dict())

    return _reach(target, dsn, "status", directly)


def _reach(target: Target, dsn: str | None, action: str, directly: Directly) -> dict[str, Any]:
    """Do it on the server of `dsn`, in the environment's function, or directly on this machine's database."""
    from opsctl.config.naming import role_mapping
    from opsctl.dbroles.errors import DbRolesError
    from opsctl.dbroles.model import RoleModel

    try:
        model = RoleModel.from_mapping(role_mapping(target.env))
        if dsn is None and not target.is_local:
            return _invoke(target, action)
        settings, opener = _direct(target) if dsn is None else (_named(dsn, target), None)
        return _interruptible(lambda: directly(settings, model, opener))
    except DbRolesError as error:
        raise DatabaseError(error.message, hint=error.hint, code=error.code) from error


def rotate_login(target: Target) -> dict[str, Any]:
    """Have the function give the other of the two logins a new password; answers which, never the password."""
    from opsctl.dbroles.errors import DbRolesError

    if target.is_local:
        raise DatabaseError(
            "The application of this machine's database has no password of its own (database.auth: trust).",
            code="no-password",
            hint="Rotate in an environment on AWS.",
        )
    try:
        return _invoke(target, "rotate")
    except DbRolesError as error:
        raise DatabaseError(error.message, hint=error.hint, code=error.code) from error


def _interruptible(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """`work()` in a thread, since libpq waits without heeding Ctrl-C. The server rolls back what is left behind."""
    from opsctl.dbroles.bounded import UnfinishedError, run_bounded

    try:
        return run_bounded(work, GIVE_UP_SECONDS)
    except UnfinishedError:
        raise DatabaseError(
            f"The server has not answered within {GIVE_UP_SECONDS:.0f} s.",
            hint="See what keeps it busy or unreachable.",
        ) from None


def _named(dsn: str, target: Target) -> ConnectionSettings:
    """The server that `--dsn` names. Raises DatabaseError."""
    from opsctl.dbroles.errors import BadSettingsError
    from opsctl.dbroles.settings import ConnectionSettings

    try:
        return ConnectionSettings.from_dsn(dsn, auth=target.env.database_auth)
    except BadSettingsError as error:
        raise DatabaseError(error.message, hint=error.hint, code=error.code, exit_code=ExitCode.USAGE) from error


def _direct(target: Target) -> tuple[ConnectionSettings, MasterOpener]:
    """Connection of the local database's master, whose password the emulator's secret holds."""
    from opsctl.dbroles.connection import MasterOpener
    from opsctl.dbroles.settings import ConnectionSettings

    data = require_outputs(target, state_of(target), "data", "DatabaseHost", "DatabasePort", "MasterSecretArn")
    settings = ConnectionSettings(
        host=data["DatabaseHost"],
        port=int(data["DatabasePort"]),
        database=target.env.rds.database,
        secret_arn=data["MasterSecretArn"],
        auth=target.env.database_auth,
    )
    return settings, MasterOpener(settings, secrets=target.aws.secrets)


def _invoke(target: Target, action: str) -> dict[str, Any]:
    """Have the DbInit function do it, with the properties that its custom resource has."""
    from opsctl.config.naming import role_mapping

    state = state_of(target)
    data = require_outputs(target, state, "data", "DatabaseHost", "DatabasePort", "MasterSecretArn")
    function = require_outputs(target, state, "functions", "DbInitFunctionName")["DbInitFunctionName"]
    properties = {
        "MasterSecretArn": data["MasterSecretArn"],
        "Host": data["DatabaseHost"],
        "Port": data["DatabasePort"],
        "Database": target.env.rds.database,
        "Roles": role_mapping(target.env),
        "Auth": target.env.database_auth,
        **({"LoginSecretArn": data["LoginSecretArn"]} if "LoginSecretArn" in data else {}),
    }
    with target.outlasting():
        target.aws.functions.wake(function, time.sleep)
        answer = target.aws.functions.invoke(function, {"Action": action, "ResourceProperties": properties})
    if failure := answer.get("error"):
        raise DatabaseError(failure["message"], hint=failure.get("hint", ""), code=failure.get("code"))
    return answer
