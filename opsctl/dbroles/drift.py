"""What stands in the catalog beside the model: reported, never touched. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from opsctl.dbroles.catalog import PUBLIC, Catalog
from opsctl.dbroles.mode_switch import (
    OWNER_RIGHTS,
    leave_ownership,
    leave_settings,
    leftover_logins,
    leftover_memberships,
    wanted_settings,
)
from opsctl.dbroles.model import PUBLIC_SCHEMA, RDS_IAM, STAGE_SCHEMA, Auth, RoleModel
from opsctl.dbroles.planner import relation_grants, schema_grants


def find_drift(model: RoleModel, catalog: Catalog, auth: Auth) -> tuple[str, ...]:
    """Sentences about what opsctl did not make and leaves alone, in a stable order."""
    return (
        *_authentication(catalog, auth),
        *_leftovers(model, catalog),
        *_memberships(model, catalog),
        *_database(model, catalog),
        *_schemas(model, catalog),
        *_extensions(model, catalog),
        *(_owned(model, catalog) if model.owner_login else _relations(model, catalog)),
        *_defaults(model, catalog),
        *_settings(model, catalog),
        *_left_behind(model, catalog),
    )


def _who(grantee: str) -> str:
    return "PUBLIC" if grantee == PUBLIC else grantee


def _authentication(catalog: Catalog, auth: Auth) -> Iterator[str]:
    if auth == "iam" and RDS_IAM not in catalog.roles:
        yield "The server has no role rds_iam, so no login role can log in with an IAM token."


def _leftovers(model: RoleModel, catalog: Catalog) -> Iterator[str]:
    logins = leftover_logins(model, catalog)
    if logins:
        word = "are logins" if len(logins) > 1 else "is a login"
        yield f"{', '.join(logins)} {word} of an earlier configuration; drop what no task uses any more."
    if catalog.strays and not model.owner_login:
        yield (
            f"{catalog.strays} relations of {model.owner} are in schema public, where the roles of owner: false do not "
            "look; ALTER TABLE … SET SCHEMA app moves one."
        )


def _memberships(model: RoleModel, catalog: Catalog) -> Iterator[str]:
    wanted = {*model.memberships, (model.owner, catalog.current_user), *leftover_memberships(model)}
    wanted |= {(RDS_IAM, role) for role in model.login_roles}
    pending = {(model.writer, model.user)}
    if model.passwords:
        pending |= {(RDS_IAM, role) for role in model.login_roles}
    for one in sorted(catalog.memberships, key=lambda found: (found.role, found.member)):
        pair = (one.role, one.member)
        if one.member == catalog.current_user and not one.inherit and not one.set_role:
            continue  # what PostgreSQL 16+ gives the creator of a role by itself
        if pair in wanted:
            if one.admin and one.member != catalog.current_user:
                yield f"{one.member} may pass on its membership in {one.role}; opsctl did not grant that."
        elif pair not in pending:
            yield f"{one.member} is a member of {one.role}; opsctl did not grant that."


def _database(model: RoleModel, catalog: Catalog) -> Iterator[str]:
    logins = {*model.login_roles, *leftover_logins(model, catalog)}
    owners = OWNER_RIGHTS if model.owner_login or [*leave_ownership(model, catalog)] else ()
    for grantee, privilege in sorted(catalog.database_acl):
        expected = (grantee in logins and privilege == "CONNECT") or (grantee == model.owner and privilege in owners)
        if not expected and grantee not in (PUBLIC, catalog.database_owner, catalog.current_user):
            yield f"{grantee} has {privilege} on database {catalog.database}; opsctl did not grant that."


def _schemas(model: RoleModel, catalog: Catalog) -> Iterator[str]:
    wanted = {(name, role, one) for name, role, privileges in schema_grants(model) for one in privileges}
    # USAGE is what everyone has in a new database; CREATE is about to be revoked.
    wanted |= {(PUBLIC_SCHEMA, PUBLIC, one) for one in ("USAGE", "CREATE")}
    for name in model.schemas:
        schema = catalog.schemas.get(name)
        for grantee, privilege in sorted(schema.acl if schema else ()):
            if schema and grantee != schema.owner and (name, grantee, privilege) not in wanted:
                yield f"{_who(grantee)} has {privilege} on schema {name}; opsctl did not grant that."


def _extensions(model: RoleModel, catalog: Catalog) -> Iterator[str]:
    looked_in = {one for role in model.login_roles for one in wanted_settings(model, catalog, role)["search_path"]}
    for name, found in sorted(catalog.extensions.items()):
        if found.installed and not found.home and found.installed not in {*looked_in, "pg_catalog"}:
            yield f"The extension {name} is in schema {found.installed}, where the logins do not look for it."


def _left_behind(model: RoleModel, catalog: Catalog) -> Iterator[str]:
    for what, owner, count in catalog.left_behind:
        yield (
            f"{count} {what} belong to {owner}, and came with the database; ALTER … OWNER TO {model.owner} gives one "
            "away."
        )


def _owned(model: RoleModel, catalog: Catalog) -> Iterator[str]:
    """What migrations could not change. Which grants the project makes on its own tables is its affair."""
    others = Counter(relation.owner for relation in catalog.relations if relation.owner != model.owner)
    for owner, count in sorted(others.items()):
        yield (
            f"{count} relations in schema public belong to {owner}, so that migrations can't change them; "
            f"ALTER TABLE … OWNER TO {model.owner} gives one away."
        )


def _relations(model: RoleModel, catalog: Catalog) -> Iterator[str]:
    wanted = {(kind, role, one) for kind, role, privileges in relation_grants(model) for one in privileges}
    for relation in catalog.relations:
        label = f"{relation.kind} {relation.schema}.{relation.name}"
        if relation.owner != model.owner:
            if (relation.schema, relation.owner) != (STAGE_SCHEMA, model.loader):
                yield f"The {label} belongs to {relation.owner}, not to {model.owner}."
            continue
        extra: dict[str, list[str]] = {}
        for grantee, privilege in sorted(relation.acl):
            if grantee != relation.owner and (relation.kind, grantee, privilege) not in wanted:
                extra.setdefault(grantee, []).append(privilege)
        for grantee, privileges in extra.items():
            yield f"{_who(grantee)} has {', '.join(privileges)} on {label}; opsctl did not grant that."


def _defaults(model: RoleModel, catalog: Catalog) -> Iterator[str]:
    if model.owner_login:
        return
    wanted = {(f"{kind}s", role, one) for kind, role, privileges in relation_grants(model) for one in privileges}
    for kind, acl in sorted(catalog.default_acl.items()):
        for grantee, privilege in sorted(acl):
            pending = (kind, grantee, privilege) == ("functions", PUBLIC, "EXECUTE")
            if grantee != model.owner and not pending and (kind, grantee, privilege) not in wanted:
                yield f"{_who(grantee)} gets {privilege} on future {kind} of {model.owner}; opsctl did not grant that."
    for schema in sorted(catalog.narrow_default_acl):
        yield f"{model.owner} has default privileges of its own in schema {schema}; opsctl did not set them."


def _settings(model: RoleModel, catalog: Catalog) -> Iterator[str]:
    for role in model.names:
        known = wanted_settings(model, catalog, role) if role in model.login_roles else {}
        stored = catalog.settings.get(role, {})
        pending = {one.setting for one in leave_settings(model, catalog) if one.role == role}
        for setting, value in sorted(stored.items()):
            if setting not in known and setting not in pending:
                yield f"{role} has {setting} = {value} in database {catalog.database}; opsctl did not set that."
        for setting, value in sorted(catalog.settings_everywhere.get(role, {}).items()):
            yield f"{role} has {setting} = {value} in every database; opsctl did not set that."
