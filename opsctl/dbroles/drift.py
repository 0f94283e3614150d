"""What stands in the catalog beside the model: reported, never touched. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from opsctl.dbroles.catalog import PUBLIC, Catalog
from opsctl.dbroles.model import APP_SCHEMA, RDS_IAM, STAGE_SCHEMA, RoleModel
from opsctl.dbroles.planner import relation_grants, schema_grants

Auth = Literal["iam", "trust"]


def find_drift(model: RoleModel, catalog: Catalog, auth: Auth) -> tuple[str, ...]:
    """Sentences about what opsctl did not make and leaves alone, in a stable order."""
    return (
        *_authentication(catalog, auth),
        *_memberships(model, catalog),
        *_database(model, catalog),
        *_schemas(model, catalog),
        *_relations(model, catalog),
        *_defaults(model, catalog),
        *_settings(model, catalog),
    )


def _who(grantee: str) -> str:
    return "PUBLIC" if grantee == PUBLIC else grantee


def _authentication(catalog: Catalog, auth: Auth) -> Iterator[str]:
    if auth == "iam" and RDS_IAM not in catalog.roles:
        yield "The server has no role rds_iam, so no login role can log in with an IAM token."


def _memberships(model: RoleModel, catalog: Catalog) -> Iterator[str]:
    wanted = {*model.memberships, (model.owner, catalog.current_user)}
    wanted |= {(RDS_IAM, role) for role in model.login_roles}
    toggled = (model.writer, model.user)
    for one in sorted(catalog.memberships, key=lambda found: (found.role, found.member)):
        pair = (one.role, one.member)
        if one.member == catalog.current_user and not one.inherit and not one.set_role:
            continue  # what PostgreSQL 16+ gives the creator of a role by itself
        if pair in wanted:
            if one.admin and one.member != catalog.current_user:
                yield f"{one.member} may pass on its membership in {one.role}; opsctl did not grant that."
        elif pair != toggled:
            yield f"{one.member} is a member of {one.role}; opsctl did not grant that."


def _database(model: RoleModel, catalog: Catalog) -> Iterator[str]:
    for grantee, privilege in sorted(catalog.database_acl):
        expected = grantee in model.login_roles and privilege == "CONNECT"
        if not expected and grantee not in (PUBLIC, catalog.database_owner, catalog.current_user):
            yield f"{grantee} has {privilege} on database {catalog.database}; opsctl did not grant that."


def _schemas(model: RoleModel, catalog: Catalog) -> Iterator[str]:
    wanted = {(name, role, one) for name, role, privileges in schema_grants(model) for one in privileges}
    for name in (APP_SCHEMA, STAGE_SCHEMA):
        schema = catalog.schemas.get(name)
        for grantee, privilege in sorted(schema.acl if schema else ()):
            if schema and grantee != schema.owner and (name, grantee, privilege) not in wanted:
                yield f"{_who(grantee)} has {privilege} on schema {name}; opsctl did not grant that."


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
        known = model.settings(role) if role in model.login_roles else {}
        for setting, value in sorted(catalog.settings.get(role, {}).items()):
            if setting not in known:
                yield f"{role} has {setting} = {value} in database {catalog.database}; opsctl did not set that."
