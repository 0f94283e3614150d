"""Compare the model with the catalog: a pure function from a `Catalog` to the changes that remain, in their order.

The order matters and is fixed: roles, the master's membership in the owner (16+ gives a role's creator ADMIN alone,
which neither creates a schema for the owner nor sets its default privileges), memberships, rds_iam, the databases, the
server's functions, schemas, extensions, what is adopted, what exists, what will exist, settings. What opsctl did not
make is left alone, but for what a model adopts: where it stands in the way the planner raises ConflictError, everything
else is `drift.find_drift`'s to report.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from opsctl.dbroles.adoption import adopt, adopted
from opsctl.dbroles.catalog import PUBLIC, Catalog, DefaultKind, Relation, RelationKind, Role
from opsctl.dbroles.changes import (
    AlterRole,
    Change,
    CloseDatabase,
    CloseFunctions,
    CloseFunctionsByDefault,
    CloseSchema,
    CreateExtension,
    CreateRole,
    CreateSchema,
    GiveSchema,
    GrantByDefault,
    GrantConnect,
    GrantFunctions,
    GrantOnDatabase,
    GrantOnRelations,
    GrantOnSchema,
    GrantRole,
    LimitConnections,
    RevokeOnTable,
    RevokeRole,
    RoleOption,
    SetInDatabase,
)
from opsctl.dbroles.errors import (
    ConflictError,
    FaultyServerError,
    MissingPrivilegeError,
    UnavailableExtensionError,
)
from opsctl.dbroles.mode_switch import (
    OWNER_RIGHTS,
    leave_memberships,
    leave_ownership,
    leave_settings,
    wanted_settings,
)
from opsctl.dbroles.model import (
    APP_SCHEMA,
    MIGRATIONS_TABLE,
    PUBLIC_SCHEMA,
    RDS_IAM,
    SERVER_DATABASES,
    STAGE_SCHEMA,
    RoleModel,
)

TABLE_WRITES = ("INSERT", "UPDATE", "DELETE")
SEQUENCE_USE = ("USAGE", "SELECT")
# The fix of CVE-2024-10978 made `ALTER ROLE … SET role` ineffective until the next release (notes of 17.2).
_IGNORES_ROLE_SETTING = frozenset({150009, 160005, 170001})


def plan(model: RoleModel, catalog: Catalog) -> tuple[Change, ...]:
    """The changes that turn `catalog` into `model`, empty when nothing is left to do.

    Raises ConflictError when a thing that opsctl did not make stands in the way, and MissingPrivilegeError when changes
    are needed that the connected user can't make. An extension that the server doesn't have is an
    UnavailableExtensionError.
    """
    _refuse_conflicts(model, catalog)
    changes = (
        *_roles(model, catalog),
        *_memberships(model, catalog),
        *_database(model, catalog),
        *_neighbours(catalog),
        *_functions(model, catalog),
        *_schemas(model, catalog),
        *_extensions(model, catalog),
        *adopt(model, catalog),
        *_existing(model, adopted(model, catalog)),
        *_future(model, catalog),
        *_settings(model, catalog),
    )
    if changes:
        _refuse_without_privilege(catalog)
    return changes


def relation_grants(model: RoleModel) -> tuple[tuple[RelationKind, str, tuple[str, ...]], ...]:
    """(kind, role, privileges) on every relation that belongs to the owner role.

    The same privileges hold in `app` and `stage`; USAGE on the schema, which only the loader has on `stage`, decides
    who gets that far. An owner's login needs none.
    """
    if model.owner_login:
        return ()
    return (
        ("table", model.reader, ("SELECT",)),
        ("table", model.writer, TABLE_WRITES),
        ("sequence", model.writer, SEQUENCE_USE),
    )


def schema_grants(model: RoleModel) -> tuple[tuple[str, str, tuple[str, ...]], ...]:
    """(schema, role, privileges) of the two schemas; an owner's login needs none."""
    if model.owner_login:
        return ()
    return (
        (APP_SCHEMA, model.reader, ("USAGE",)),
        (STAGE_SCHEMA, model.loader, ("USAGE", "CREATE")),
    )


def _connection_limit(model: RoleModel, name: str) -> int:
    return model.user_connection_limit if name in model.limited_roles else -1


def _refuse_conflicts(model: RoleModel, catalog: Catalog) -> None:
    if catalog.current_user in model.names:
        raise ConflictError(
            f"opsctl is connected as {catalog.current_user}, which is also a role of the model.",
            hint="Connect as the master user, or give the role another name in the configuration.",
        )
    for role in (catalog.roles[name] for name in model.names if name in catalog.roles):
        if role.superuser or role.replication or role.bypassrls:
            raise ConflictError(
                f"The role {role.name} exists and is a superuser, or may replicate or bypass row security.",
                hint="Take those rights away as a superuser, or give the role another name in the configuration.",
            )
    if model.owner_login:
        _refuse_faulty_server(catalog)
        return
    for name in model.schemas:
        schema = catalog.schemas.get(name)
        if schema and schema.owner != model.owner:
            raise ConflictError(
                f"The schema {name} exists and belongs to {schema.owner}, not to {model.owner}.",
                hint=f"Rename it, or run ALTER SCHEMA {name} OWNER TO {model.owner} as its owner, and try again.",
            )


def _refuse_faulty_server(catalog: Catalog) -> None:
    number = catalog.server_version
    if number in _IGNORES_ROLE_SETTING:
        major, minor = divmod(number, 10000)
        raise FaultyServerError(
            f"PostgreSQL {major}.{minor} ignores ALTER ROLE … SET role, on which application.database.owner counts.",
            hint=f"Upgrade the server to {major}.{minor + 1} or later, then try again.",
        )


def _refuse_without_privilege(catalog: Catalog) -> None:
    if not catalog.may_create_roles:
        raise MissingPrivilegeError(
            f"{catalog.current_user} may not create roles (it lacks CREATEROLE).",
            hint="Connect as the master user of the database server.",
        )
    if not catalog.owns_database:
        raise MissingPrivilegeError(
            f"{catalog.current_user} does not own the database {catalog.database}; {catalog.database_owner} does.",
            hint=f"Run ALTER DATABASE {catalog.database} OWNER TO {catalog.current_user} as its owner.",
        )


def _roles(model: RoleModel, catalog: Catalog) -> Iterator[Change]:
    for name in model.names:
        login, limit = name in model.login_roles, _connection_limit(model, name)
        role = catalog.roles.get(name)
        if role is None:
            yield CreateRole(name, login=login, connection_limit=limit)
            continue
        options = _role_options(role, login=login)
        if options:
            yield AlterRole(name, options)
        if role.connection_limit != limit:
            yield LimitConnections(name, limit)


def _role_options(role: Role, *, login: bool) -> tuple[RoleOption, ...]:
    options: list[RoleOption] = []
    if role.login != login:
        options.append("LOGIN" if login else "NOLOGIN")
    if not role.inherit:
        options.append("INHERIT")
    if role.createdb:
        options.append("NOCREATEDB")
    if role.createrole:
        options.append("NOCREATEROLE")
    return tuple(options)


def _memberships(model: RoleModel, catalog: Catalog) -> Iterator[Change]:
    if not catalog.is_member(model.owner, catalog.current_user):
        yield GrantRole(model.owner, catalog.current_user)
    for role, member in model.memberships:
        if not catalog.is_member(role, member):
            yield GrantRole(role, member)
    # The one membership that opsctl itself may have made under an earlier configuration.
    if not model.owner_login and not model.user_writer and catalog.membership(model.writer, model.user):
        yield RevokeRole(model.writer, model.user)
    yield from leave_memberships(model, catalog)
    if RDS_IAM in catalog.roles and not model.passwords:
        for member in model.login_roles:
            if not catalog.is_member(RDS_IAM, member):
                yield GrantRole(RDS_IAM, member)


def _database(model: RoleModel, catalog: Catalog) -> Iterator[Change]:
    if any(grantee == PUBLIC for grantee, _ in catalog.database_acl):
        yield CloseDatabase(catalog.database)
    if model.owner_login:
        missing = tuple(one for one in OWNER_RIGHTS if (model.owner, one) not in catalog.database_acl)
        if missing:
            yield GrantOnDatabase(catalog.database, missing, model.owner)
    for role in model.login_roles:
        if (role, "CONNECT") not in catalog.database_acl:
            yield GrantConnect(catalog.database, role)
    yield from leave_ownership(model, catalog)


def _neighbours(catalog: Catalog) -> Iterator[Change]:
    """Close what came with the server: there a login has no time-outs, and could make temporary tables."""
    for one in catalog.neighbours:
        if one.owned and one.name in SERVER_DATABASES:
            yield CloseDatabase(one.name)


def _functions(model: RoleModel, catalog: Catalog) -> Iterator[Change]:
    owned = [one for one in catalog.functions if one.owned]
    opened = tuple(one for one in owned if PUBLIC in one.grantees)
    if opened:
        yield CloseFunctions(opened)
    missing = tuple(one for one in owned if model.owner not in one.grantees)
    if missing:
        yield GrantFunctions(missing, model.owner)


def _schemas(model: RoleModel, catalog: Catalog) -> Iterator[Change]:
    public = catalog.schemas.get(PUBLIC_SCHEMA)
    if public and (PUBLIC, "CREATE") in public.acl:
        yield CloseSchema(PUBLIC_SCHEMA)
    for name in dict.fromkeys((*model.schemas, *([PUBLIC_SCHEMA] if model.extensions else []))):
        if name not in catalog.schemas:
            yield CreateSchema(name, model.owner)
    if model.owner_login and public and public.owner != model.owner:
        yield GiveSchema(PUBLIC_SCHEMA, model.owner)
    for name, role, privileges in schema_grants(model):
        schema = catalog.schemas.get(name)
        missing = tuple(one for one in privileges if schema is None or (role, one) not in schema.acl)
        if missing:
            yield GrantOnSchema(name, missing, role)


def _extensions(model: RoleModel, catalog: Catalog) -> Iterator[Change]:
    """NOTE: what is not wanted any longer stays, since dropping an extension drops the columns of its types."""
    for name in model.extensions:
        found = catalog.extensions.get(name)
        if found is None:
            raise UnavailableExtensionError(
                f"The server has no extension {name}, which application.database.extensions names.",
                hint="Correct the name, or take it out and use a server that has it (on this machine one in a "
                "container, by `opsctl deploy --runtime containers`); SELECT name FROM pg_available_extensions "
                "lists them.",
            )
        if found.installed is None:
            yield CreateExtension(name, None if found.home else PUBLIC_SCHEMA)


def _existing(model: RoleModel, catalog: Catalog) -> Iterator[Change]:
    """Grants on the owner's tables and sequences that lack them, gathered into one change for equal grants."""
    gathered: dict[tuple[str, RelationKind, tuple[str, ...], str], list[str]] = defaultdict(list)
    for kind, role, privileges in relation_grants(model):
        for relation in catalog.relations:
            if relation.kind != kind or relation.owner != model.owner:
                continue
            if role == model.writer and _tells_migrations(relation):
                continue
            missing = tuple(one for one in privileges if (role, one) not in relation.acl)
            if missing:
                gathered[relation.schema, kind, missing, role].append(relation.name)
    for (schema, kind, missing, role), names in gathered.items():
        yield GrantOnRelations(schema, kind, tuple(names), missing, role)
    yield from _withheld(model, catalog)


def _tells_migrations(relation: Relation) -> bool:
    return (relation.schema, relation.name) == (APP_SCHEMA, MIGRATIONS_TABLE)


def _withheld(model: RoleModel, catalog: Catalog) -> Iterator[Change]:
    """Take back what default privileges gave on the table of migrations: no load has to write there."""
    for relation in catalog.relations:
        given = tuple(one for one in TABLE_WRITES if (model.writer, one) in relation.acl)
        if given and _tells_migrations(relation) and relation.owner == model.owner and not model.owner_login:
            yield RevokeOnTable(relation.schema, relation.name, given, model.writer)


def _future(model: RoleModel, catalog: Catalog) -> Iterator[Change]:
    kinds: dict[RelationKind, DefaultKind] = {"table": "tables", "sequence": "sequences"}
    for kind, role, privileges in relation_grants(model):
        acl = catalog.default_acl.get(kinds[kind], frozenset())
        missing = tuple(one for one in privileges if (role, one) not in acl)
        if missing:
            yield GrantByDefault(model.owner, kinds[kind], missing, role)
    if model.owner_login:
        return
    functions = catalog.default_acl.get("functions")
    if functions is None or (PUBLIC, "EXECUTE") in functions:
        yield CloseFunctionsByDefault(model.owner)


def _settings(model: RoleModel, catalog: Catalog) -> Iterator[Change]:
    for role in model.login_roles:
        stored = catalog.settings.get(role, {})
        for setting, value in wanted_settings(model, catalog, role).items():
            if stored.get(setting) != ", ".join(value):
                yield SetInDatabase(role, catalog.database, setting, value)
    yield from leave_settings(model, catalog)
