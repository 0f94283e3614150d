"""What callers do: bring the roles in line (or say what that would take), describe them, rotate the login."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

from opsctl.dbroles.apply import apply_model, guard_master, read_snapshot
from opsctl.dbroles.connection import MasterOpener
from opsctl.dbroles.deadline import Deadline
from opsctl.dbroles.drift import find_drift
from opsctl.dbroles.errors import (
    BadModelError,
    ConflictError,
    FaultyServerError,
    MissingPrivilegeError,
    UnavailableExtensionError,
)
from opsctl.dbroles.left_open import find_left_open
from opsctl.dbroles.login_keeper import Rotated, keeper_of
from opsctl.dbroles.login_secret import SecretsManagerStore
from opsctl.dbroles.model import RoleModel
from opsctl.dbroles.planner import plan
from opsctl.dbroles.report import Report, RotationReport, StatusReport, build_status, version_text
from opsctl.dbroles.settings import ConnectionSettings

DEFAULT_SECONDS = 60.0


def initialize(
    settings: ConnectionSettings,
    model: RoleModel,
    *,
    check: bool = False,
    deadline: Deadline | None = None,
    opener: MasterOpener | None = None,
    store: SecretsManagerStore | None = None,
) -> Report:
    """Bring the server in line with `model`, all of it or nothing; with `check`, only say what that would change.

    With auth password a login that works is in its secret afterwards; one that was there stays as it is.
    Raises DbRolesError. A second call changes nothing.
    """
    deadline = deadline or Deadline(DEFAULT_SECONDS)
    opener = opener or MasterOpener(settings)
    model = model.for_auth(settings.auth)
    keeper = keeper_of(settings, model, store or SecretsManagerStore())
    with closing(opener(deadline)) as connection:
        if check:
            catalog = read_snapshot(connection, model)
            changes = plan(model, catalog)
            login = keeper.pending() if keeper else ()
        else:
            outcome = apply_model(connection, model, deadline)
            catalog, changes = outcome.catalog, outcome.changes
            guard_master(connection, outcome, opener, deadline)
            login = keeper.ensure(connection, deadline) if keeper else ()
    return Report(
        database=catalog.database,
        server_version=version_text(catalog.server_version),
        master=catalog.current_user,
        digest=model.digest(),
        checked=check,
        changes=(*(change.sentence for change in changes), *login),
        findings=find_drift(model, catalog, settings.auth),
        left_open=find_left_open(model, catalog),
    )


def rotate(
    settings: ConnectionSettings,
    model: RoleModel,
    *,
    deadline: Deadline | None = None,
    opener: MasterOpener | None = None,
    store: SecretsManagerStore | None = None,
) -> RotationReport:
    """Give the login that is not in the secret a new password, and let the secret name it.

    The login that was in the secret goes on working until the next rotation. Raises DbRolesError, and then the secret
    is as it was.
    """
    deadline = deadline or Deadline(DEFAULT_SECONDS)
    opener = opener or MasterOpener(settings)
    model = model.for_auth(settings.auth)
    keeper = keeper_of(settings, model, store or SecretsManagerStore())
    if keeper is None:
        raise BadModelError(
            f"There is no password to rotate: application.database has auth: {settings.auth}"
            f"{'' if settings.auth != 'password' else ' and no secret was named'}.",
            hint="A rotation is for auth: password with owner: true.",
        )
    with closing(opener(deadline)) as connection:
        catalog = read_snapshot(connection, model)
        # The other login must have the rights of the first before anybody gets it.
        left = plan(replace(model, extensions=()), catalog)
        if left:
            raise ConflictError(
                f"The roles are not as configured, so the password was not rotated: it remains to {left[0].sentence}.",
                hint="Run opsctl db init, then rotate.",
            )
        rotated = keeper.rotate(connection, deadline)
    return RotationReport(
        database=catalog.database,
        login=rotated.login,
        previous=rotated.previous,
        secret_version=rotated.version,
        findings=_late_tasks(rotated),
    )


def _late_tasks(rotated: Rotated) -> tuple[str, ...]:
    if not rotated.open_sessions:
        return ()
    return (
        f"{rotated.login} had {rotated.open_sessions} sessions open when its password changed: a task that still holds "
        "the old one can't open another. Deploy, so that every task reads the secret again.",
    )


def status(
    settings: ConnectionSettings,
    model: RoleModel,
    *,
    deadline: Deadline | None = None,
    opener: MasterOpener | None = None,
    store: SecretsManagerStore | None = None,
) -> StatusReport:
    """Describe the roles as they are and how they differ from `model`. Changes nothing. Raises DbRolesError."""
    deadline = deadline or Deadline(DEFAULT_SECONDS)
    opener = opener or MasterOpener(settings)
    model = model.for_auth(settings.auth)
    keeper = keeper_of(settings, model, store or SecretsManagerStore())
    with closing(opener(deadline)) as connection:
        catalog = read_snapshot(connection, model)
    try:
        pending = (
            *(change.sentence for change in plan(model, catalog)),
            *(keeper.pending() if keeper else ()),
        )
    except (ConflictError, FaultyServerError, MissingPrivilegeError, UnavailableExtensionError) as error:
        pending = (f"nothing until this is solved: {error.reason()}",)
    return build_status(model, catalog, settings.auth, pending)
