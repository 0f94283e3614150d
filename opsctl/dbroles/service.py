"""The two things that callers do: bring the roles in line (or say what that would take), and describe them."""

from __future__ import annotations

from contextlib import closing

from opsctl.dbroles.apply import apply_model, guard_master, read_snapshot
from opsctl.dbroles.connection import MasterOpener, Opener
from opsctl.dbroles.deadline import Deadline
from opsctl.dbroles.drift import find_drift
from opsctl.dbroles.errors import ConflictError, MissingPrivilegeError
from opsctl.dbroles.model import RoleModel
from opsctl.dbroles.planner import plan
from opsctl.dbroles.report import Report, StatusReport, build_status, version_text
from opsctl.dbroles.settings import ConnectionSettings

DEFAULT_SECONDS = 60.0


def initialize(
    settings: ConnectionSettings,
    model: RoleModel,
    *,
    check: bool = False,
    deadline: Deadline | None = None,
    opener: Opener | None = None,
) -> Report:
    """Bring the server in line with `model`, all of it or nothing; with `check`, only say what that would change.

    Raises DbRolesError. A second call changes nothing.
    """
    deadline = deadline or Deadline(DEFAULT_SECONDS)
    opener = opener or MasterOpener(settings)
    with closing(opener(deadline)) as connection:
        if check:
            catalog = read_snapshot(connection, model)
            changes = plan(model, catalog)
        else:
            outcome = apply_model(connection, model, deadline)
            catalog, changes = outcome.catalog, outcome.changes
            guard_master(connection, outcome, opener, deadline)
    return Report(
        database=catalog.database,
        server_version=version_text(catalog.server_version),
        master=catalog.current_user,
        digest=model.digest(),
        checked=check,
        changes=tuple(change.sentence for change in changes),
        findings=find_drift(model, catalog, settings.auth),
    )


def status(
    settings: ConnectionSettings,
    model: RoleModel,
    *,
    deadline: Deadline | None = None,
    opener: Opener | None = None,
) -> StatusReport:
    """Describe the roles as they are and how they differ from `model`. Changes nothing. Raises DbRolesError."""
    deadline = deadline or Deadline(DEFAULT_SECONDS)
    opener = opener or MasterOpener(settings)
    with closing(opener(deadline)) as connection:
        catalog = read_snapshot(connection, model)
    try:
        pending = tuple(change.sentence for change in plan(model, catalog))
    except (ConflictError, MissingPrivilegeError) as error:
        pending = (f"nothing until this is solved: {error.reason()}",)
    return build_status(model, catalog, settings.auth, pending)
