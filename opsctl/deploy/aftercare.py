"""The last look at the database, after a deploy that changed something. CloudFormation may call done what RDS has not
done, and RDS makes log groups that keep their lines for ever. Nothing here fails a deploy: what can't be read or set is
noted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from opsctl.aws.errors import AwsError
from opsctl.deploy.checks import upgrade
from opsctl.deploy.events import Emit, Note

if TYPE_CHECKING:
    from collections.abc import Callable

    from opsctl.aws.account import Account, Database
    from opsctl.aws.logs import Logs
    from opsctl.config.models import Environment
    from opsctl.deploy.planning.state import RemoteState

# What its instances export; RDS writes each to a group /aws/rds/instance/IDENTIFIER/LOG, which it makes without an
# end and which stays when the instance goes. https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/
# USER_LogAccess.Concepts.PostgreSQL.html
_LOGS = ("postgresql", "upgrade")


def look_after(env: Environment, state: RemoteState, account: Account, logs: Logs, emit: Emit) -> None:
    """Say what is left or was not reached, and give the database's logs the environment's retention and key."""
    outputs = state.outputs("data")
    identifier = outputs.get("DatabaseIdentifier")
    if env.target == "local" or identifier is None:
        return
    replica = state.outputs("upkeep").get("ReplicaIdentifier")
    _noted("database", emit, lambda: _look_at(env, state, account.database(identifier), emit))
    key = state.outputs("platform").get("LogsKeyArn")
    for instance in filter(None, (identifier, replica)):
        _noted(f"logs of {instance}", emit, lambda each=instance: _end(env, logs, each, key))  # type: ignore[misc]


def delete_logs(logs: Logs, identifier: str, emit: Emit) -> None:
    """Delete the log groups of an instance that is gone: RDS leaves them."""

    def forget() -> None:
        for name in logs.groups(_prefix(identifier)):
            logs.delete_group(name)

    _noted(f"logs of {identifier}", emit, forget)


def _look_at(env: Environment, state: RemoteState, database: Database | None, emit: Emit) -> None:
    if database is None:
        return
    # CloudFormation names what it makes after the stack; a replica of another name is somebody's own.
    made = tuple(f"{state.stacks[name].name.lower()[:24]}-" for name in ("data", "upkeep") if name in state.stacks)
    known = state.outputs("upkeep").get("ReplicaIdentifier")
    for left in sorted(name for name in database.replicas if name.startswith(made) and name != known):
        emit(
            Note(
                f"upkeep: the read replica {left} is no part of {env.name} any more, and goes on costing. Delete it: "
                f"`aws rds modify-db-instance --db-instance-identifier {left} --no-deletion-protection "
                f"--apply-immediately`, then `aws rds delete-db-instance --db-instance-identifier {left}`."
            )
        )
    # The handler waits until nothing is pending, and after a failed check nothing is. [aws-cloudformation-resource-
    # providers-rds, isNoPendingChanges]
    wanted = upgrade.major_version(state.bodies.get("data", ""))
    if wanted and database.version.partition(".")[0] != wanted:
        emit(
            Note(
                f"data: the database still runs PostgreSQL {database.version}, not {wanted}: RDS looked "
                "at the data before the upgrade and kept the old version. The newest of its logs `pg_upgrade…` says "
                "why; correct that, put rds.engine_version back, deploy, and try again."
            )
        )


def _end(env: Environment, logs: Logs, identifier: str, key: str | None) -> None:
    """Give an instance's groups their retention and key; those that RDS has not made yet are made, so that it finds
    them so.
    """
    days, found = env.observability.log_retention_days, logs.groups(_prefix(identifier))
    for name in (f"{_prefix(identifier)}{log}" for log in _LOGS):
        group = found.get(name)
        if group is None:
            logs.create_group(name, key)
        elif group.key != key:
            logs.encrypt_group(name, key)
        if group is None or group.days != days:
            logs.keep_days(name, days)


def _prefix(identifier: str) -> str:
    return f"/aws/rds/instance/{identifier}/"


def _noted(what: str, emit: Emit, work: Callable[[], None]) -> None:
    try:
        work()
    except AwsError as error:
        emit(Note(f"Not looked after ({what}): {error.message}"))
