"""What the other kind of model left in the database: what has to go for this one to hold, and what may stay. Pure.

Nothing that holds data is touched, and no login loses its way in: tasks of the release before still run when the roles
change. Only a setting that opsctl itself made is taken back, which is told by its value; an owner's login is told by
its `role`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from opsctl.dbroles.catalog import Catalog
from opsctl.dbroles.changes import Change, GiveSchema, ResetInDatabase, RevokeOnDatabase, RevokeRole
from opsctl.dbroles.model import APP_SCHEMA, PUBLIC_SCHEMA, RDS_IAM, TEMP_FILE_LIMIT, RoleModel

OWNER_RIGHTS = ("CONNECT", "CREATE", "TEMPORARY")
"""What an application's owner may do on the database: schemas, trusted extensions and temporary tables of its own."""

DATABASE_OWNER = "pg_database_owner"
"""PostgreSQL's name for whoever owns the database, to whom `public` belongs in a new one (since 15)."""


def wanted_settings(model: RoleModel, catalog: Catalog, role: str) -> dict[str, tuple[str, ...]]:
    """The model's settings, as far as the connected user may make them.

    An owner's login goes on finding, and making, its tables in `app` where seven roles did.
    """
    values = model.settings(role)
    if model.owner_login and _made_by_seven(model, catalog):
        values["search_path"] = (APP_SCHEMA, *values["search_path"])
    if role in model.limited_roles and catalog.limits_temp_files:
        values["temp_file_limit"] = (TEMP_FILE_LIMIT,)
    return values


def leave_settings(model: RoleModel, catalog: Catalog) -> Iterator[ResetInDatabase]:
    """Take back what the other kind of model set for a role of this one."""
    other = _other(model)
    for role in model.login_roles:
        if role not in other.login_roles:
            continue
        stored = catalog.settings.get(role, {})
        known = model.settings(role)
        for setting, value in wanted_settings(other, catalog, role).items():
            if setting not in known and stored.get(setting) == ", ".join(value):
                yield ResetInDatabase(role, catalog.database, setting)


def leave_memberships(model: RoleModel, catalog: Catalog) -> Iterator[Change]:
    """Take out what would keep this model from holding."""
    if model.passwords:
        # With rds_iam, RDS accepts a token only, never a password.
        for login in model.login_roles:
            if catalog.membership(RDS_IAM, login):
                yield RevokeRole(RDS_IAM, login)
    toggled = not model.owner_login and _becomes_owner(model, catalog, model.user)
    if toggled and catalog.membership(model.owner, model.user):
        yield RevokeRole(model.owner, model.user)


def leave_ownership(model: RoleModel, catalog: Catalog) -> Iterator[Change]:
    """The seven roles' owner makes nothing outside its two schemas: take back what an owner's login needed."""
    if model.owner_login or not any(_becomes_owner(model, catalog, login) for login in (model.user, *model.pair)):
        return
    rights = tuple(one for one in OWNER_RIGHTS if (model.owner, one) in catalog.database_acl)
    if rights:
        yield RevokeOnDatabase(catalog.database, rights, model.owner)
    public = catalog.schemas.get(PUBLIC_SCHEMA)
    if public and public.owner == model.owner:
        yield GiveSchema(PUBLIC_SCHEMA, DATABASE_OWNER)


def leftover_logins(model: RoleModel, catalog: Catalog) -> tuple[str, ...]:
    """DatabaseLogin roles of another kind of model that are still there."""
    others = (name for name in model.every_name if name not in model.names)
    return tuple(name for name in others if name in catalog.roles and catalog.roles[name].login)


def leftover_memberships(model: RoleModel) -> frozenset[tuple[str, str]]:
    """(role, member) pairs that opsctl made under another kind of model, and left."""
    pairs = {(model.owner, login) for login in model.pair}
    if model.owner_login:
        seven = _other(model)
        pairs |= {*seven.memberships, (model.writer, model.user), (model.owner, model.user)}
        pairs |= {(RDS_IAM, login) for login in seven.login_roles}
    return frozenset(pairs)


def _other(model: RoleModel) -> RoleModel:
    return replace(model, owner_login=not model.owner_login, passwords=False)


def _made_by_seven(model: RoleModel, catalog: Catalog) -> bool:
    """Whether `app` is the schema of the seven roles, and not one that the project itself calls so."""
    app = catalog.schemas.get(APP_SCHEMA)
    return app is not None and app.owner == model.owner and (model.reader, "USAGE") in app.acl


def _becomes_owner(model: RoleModel, catalog: Catalog, login: str) -> bool:
    return catalog.settings.get(login, {}).get("role") == model.owner
