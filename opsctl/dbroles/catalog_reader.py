"""Read the catalog of a server into a `Catalog`. Only SELECTs, only with bound parameters.

NOTE: a NULL acl column means the built-in default, which is not empty (PUBLIC may connect to a new database, and
execute a new function), so every acl goes through acldefault().
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, cast

from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 names its class in lower case

from opsctl.dbroles.catalog import (
    PUBLIC,
    Acl,
    Catalog,
    DefaultKind,
    Extension,
    Legacy,
    Membership,
    Neighbour,
    Relation,
    RelationKind,
    Role,
    Schema,
    ServerFunction,
)
from opsctl.dbroles.model import APP_SCHEMA, PUBLIC_SCHEMA, RDS_IAM, STAGE_SCHEMA, WRITING_FUNCTIONS, RoleModel

_DATABASE = """
SELECT d.datname, pg_get_userbyid(d.datdba), current_user,
       pg_has_role(current_user, d.datdba, 'USAGE'), r.rolcreaterole OR r.rolsuper
FROM pg_database d JOIN pg_roles r ON r.rolname = current_user
WHERE d.datname = current_database()
"""
_DATABASE_ACL = """
SELECT coalesce(g.rolname, ''), a.privilege_type
FROM pg_database d
CROSS JOIN LATERAL aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
LEFT JOIN pg_roles g ON g.oid = a.grantee
WHERE d.datname = current_database()
"""
_ROLES = """
SELECT rolname, rolcanlogin, rolinherit, rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls,
       rolconnlimit
FROM pg_roles WHERE rolname = ANY(%s)
"""
# inherit_option and set_option came with PostgreSQL 16, where one membership can also have several grantors.
_MEMBERSHIPS_16 = """
SELECT r.rolname, m.rolname, bool_or(a.admin_option), bool_or(a.inherit_option), bool_or(a.set_option)
FROM pg_auth_members a JOIN pg_roles r ON r.oid = a.roleid JOIN pg_roles m ON m.oid = a.member
WHERE r.rolname = ANY(%(names)s) OR m.rolname = ANY(%(names)s)
GROUP BY 1, 2
"""
_MEMBERSHIPS_15 = """
SELECT r.rolname, m.rolname, a.admin_option, true, true
FROM pg_auth_members a JOIN pg_roles r ON r.oid = a.roleid JOIN pg_roles m ON m.oid = a.member
WHERE r.rolname = ANY(%(names)s) OR m.rolname = ANY(%(names)s)
"""
_SCHEMAS = """
SELECT n.nspname, pg_get_userbyid(n.nspowner), coalesce(g.rolname, ''), a.privilege_type
FROM pg_namespace n
LEFT JOIN LATERAL aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a ON true
LEFT JOIN pg_roles g ON g.oid = a.grantee
WHERE n.nspname = ANY(%s)
"""
# Sequences behind identity columns (deptype i) follow their table and take no grants of their own. A partitioned table
# has such a dependency too, on the columns that it is cut by.
_RELATIONS = """
SELECT n.nspname, c.relname, CASE c.relkind WHEN 'S' THEN 'sequence' ELSE 'table' END,
       pg_get_userbyid(c.relowner), coalesce(g.rolname, ''), a.privilege_type
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN LATERAL aclexplode(coalesce(
    c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's'::"char" ELSE 'r'::"char" END, c.relowner))) a ON true
LEFT JOIN pg_roles g ON g.oid = a.grantee
WHERE n.nspname = ANY(%s) AND c.relkind = ANY(ARRAY['r','p','v','m','f','S']::"char"[])
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                  AND (d.deptype = 'e' OR d.deptype = 'i' AND c.relkind = 'S'))
"""
_DEFAULT_ACL = """
SELECT k.kind, coalesce(g.rolname, ''), a.privilege_type
FROM pg_roles o
CROSS JOIN (VALUES ('tables', 'r', 'r'), ('sequences', 'S', 's'), ('functions', 'f', 'f')) AS k(kind, stored, built_in)
LEFT JOIN pg_default_acl d
       ON d.defaclrole = o.oid AND d.defaclnamespace = 0 AND d.defaclobjtype = k.stored::"char"
LEFT JOIN LATERAL aclexplode(coalesce(d.defaclacl, acldefault(k.built_in::"char", o.oid))) a ON true
LEFT JOIN pg_roles g ON g.oid = a.grantee
WHERE o.rolname = %s
"""
_NARROW_DEFAULT_ACL = """
SELECT DISTINCT n.nspname FROM pg_default_acl d
JOIN pg_roles o ON o.oid = d.defaclrole JOIN pg_namespace n ON n.oid = d.defaclnamespace
WHERE o.rolname = %s
"""
_SETTINGS = """
SELECT r.rolname, unnest(s.setconfig)
FROM pg_db_role_setting s JOIN pg_roles r ON r.oid = s.setrole JOIN pg_database d ON d.oid = s.setdatabase
WHERE d.datname = current_database() AND r.rolname = ANY(%s)
"""
_SETTINGS_EVERYWHERE = """
SELECT r.rolname, unnest(s.setconfig)
FROM pg_db_role_setting s JOIN pg_roles r ON r.oid = s.setrole
WHERE s.setdatabase = 0 AND r.rolname = ANY(%s)
"""
_EXTENSIONS = """
SELECT a.name, v.schema, n.nspname
FROM pg_available_extensions a
LEFT JOIN pg_available_extension_versions v ON v.name = a.name AND v.version = a.default_version
LEFT JOIN pg_extension e ON e.extname = a.name
LEFT JOIN pg_namespace n ON n.oid = e.extnamespace
WHERE a.name = ANY(%s)
"""
_STRAYS = """
SELECT count(*) FROM pg_class c
WHERE c.relnamespace = to_regnamespace(%s) AND c.relkind = ANY(ARRAY['r','p','v','m','f']::"char"[])
  AND pg_get_userbyid(c.relowner) = %s
"""
# A sequence that a column owns ('a') changes owner and schema with its table, and can't without.
_LEGACY = """
SELECT c.relname, CASE c.relkind WHEN 'S' THEN 'sequence' ELSE 'table' END, o.rolname,
       pg_has_role(current_user, c.relowner, 'USAGE'),
       c.relkind = 'S' AND EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                                   AND d.deptype = 'a')
FROM pg_class c JOIN pg_roles o ON o.oid = c.relowner
WHERE c.relnamespace = to_regnamespace(%s) AND c.relkind = ANY(ARRAY['r','p','v','m','f','S']::"char"[])
  AND NOT o.rolsuper
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                  AND (d.deptype = 'e' OR d.deptype = 'i' AND c.relkind = 'S'))
ORDER BY o.rolname, c.relname
"""
_LEFT_BEHIND = """
SELECT f.what, pg_get_userbyid(f.owner), count(*)
FROM (SELECT 'functions in schema ' || n.nspname AS what, p.proowner AS owner, 'pg_proc'::regclass AS class, p.oid
      FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
      UNION ALL
      SELECT 'types in schema ' || n.nspname, t.typowner, 'pg_type'::regclass, t.oid
      FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
      WHERE t.typtype = ANY(ARRAY['d','e','r']::"char"[])
      UNION ALL
      SELECT 'relations in schema ' || n.nspname, c.relowner, 'pg_class'::regclass, c.oid
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind = ANY(ARRAY['r','p','v','m','f']::"char"[]) AND n.nspname <> ALL(%(known)s)) f
WHERE f.owner <> coalesce((SELECT oid FROM pg_roles WHERE rolname = %(owner)s), 0)
  AND split_part(f.what, ' in schema ', 2) !~ '^(pg_|information_schema$)'
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = f.class AND d.objid = f.oid AND d.deptype = 'e')
GROUP BY 1, 2 ORDER BY 1, 2
"""
_NEIGHBOURS = """
SELECT d.datname, pg_has_role(current_user, d.datdba, 'USAGE')
FROM pg_database d
WHERE d.datallowconn AND d.datname <> current_database()
  AND EXISTS (SELECT FROM aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a WHERE a.grantee = 0)
ORDER BY d.datname
"""
_FUNCTIONS = """
SELECT p.proname, ARRAY(SELECT format_type(t, NULL) FROM unnest(p.proargtypes) WITH ORDINALITY AS a(t, n) ORDER BY n),
       pg_has_role(current_user, p.proowner, 'USAGE'), array_agg(coalesce(g.rolname, '')::text)
FROM pg_proc p
CROSS JOIN LATERAL aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) e
LEFT JOIN pg_roles g ON g.oid = e.grantee
WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.proname = ANY(%s)
GROUP BY p.oid ORDER BY 1, 2
"""
_LIMITS_TEMP_FILES = (
    "SELECT has_parameter_privilege('temp_file_limit', 'SET'), current_setting('temp_file_limit') <> '-1'"
)

_Row = tuple[Any, ...]


def read_catalog(connection: Connection, model: RoleModel) -> Catalog:
    """Read what the planner needs to compare the server with `model`.

    The caller owns the transaction. Errors of psycopg2 pass through.
    """
    database, owner, user, owns, creates = _rows(connection, _DATABASE, ())[0]
    # Also what another kind of model would have made: a switch between them leaves some of it.
    every = list(model.every_name)
    names = [*every, RDS_IAM, user]
    may_limit, limited = _rows(connection, _LIMITS_TEMP_FILES, ())[0]
    return Catalog(
        server_version=connection.server_version,
        database=database,
        current_user=user,
        may_create_roles=creates,
        owns_database=owns,
        database_owner=owner,
        database_acl=_acl(_rows(connection, _DATABASE_ACL, ())),
        roles={row[0]: Role(*row) for row in _rows(connection, _ROLES, (names,))},
        memberships=_read_memberships(connection, every),
        schemas=_schemas(_rows(connection, _SCHEMAS, ([APP_SCHEMA, STAGE_SCHEMA, PUBLIC_SCHEMA],))),
        relations=_relations(_rows(connection, _RELATIONS, (list(model.schemas),))),
        default_acl=_default_acl(_rows(connection, _DEFAULT_ACL, (model.owner,))),
        narrow_default_acl=frozenset(row[0] for row in _rows(connection, _NARROW_DEFAULT_ACL, (model.owner,))),
        settings=_settings(_rows(connection, _SETTINGS, (every,))),
        settings_everywhere=_settings(_rows(connection, _SETTINGS_EVERYWHERE, (every,))),
        extensions={row[0]: Extension(*row) for row in _rows(connection, _EXTENSIONS, (list(model.extensions),))},
        strays=_rows(connection, _STRAYS, (PUBLIC_SCHEMA, model.owner))[0][0],
        neighbours=tuple(Neighbour(*row) for row in _rows(connection, _NEIGHBOURS, ())),
        functions=_functions(_rows(connection, _FUNCTIONS, (list(WRITING_FUNCTIONS),))),
        limits_temp_files=may_limit,
        temp_files_limited=limited,
        **(_brought_along(connection, model) if model.adopts else {}),
    )


def _brought_along(connection: Connection, model: RoleModel) -> dict[str, Any]:
    known = {"known": [APP_SCHEMA, STAGE_SCHEMA, PUBLIC_SCHEMA], "owner": model.owner}
    return {
        "legacy": tuple(Legacy(*row) for row in _rows(connection, _LEGACY, (PUBLIC_SCHEMA,))),
        "left_behind": tuple((what, owner, count) for what, owner, count in _rows(connection, _LEFT_BEHIND, known)),
    }


def _rows(connection: Connection, query: str, arguments: Sequence[object] | Mapping[str, object]) -> list[_Row]:
    with connection.cursor() as cursor:
        cursor.execute(query, arguments)
        return list(cursor.fetchall())


def _read_memberships(connection: Connection, names: list[str]) -> frozenset[Membership]:
    query = _MEMBERSHIPS_16 if connection.server_version >= 160000 else _MEMBERSHIPS_15
    return frozenset(Membership(*row) for row in _rows(connection, query, {"names": names}))


def _acl(rows: Sequence[_Row]) -> Acl:
    """(grantee, privilege) rows as an Acl; a LEFT JOIN's empty row drops out."""
    return frozenset((grantee or PUBLIC, privilege) for grantee, privilege in rows if privilege is not None)


def _schemas(rows: Sequence[_Row]) -> dict[str, Schema]:
    grouped: dict[tuple[str, str], list[_Row]] = defaultdict(list)
    for name, owner, *entry in rows:
        grouped[name, owner].append(tuple(entry))
    return {name: Schema(name, owner, _acl(entries)) for (name, owner), entries in grouped.items()}


def _relations(rows: Sequence[_Row]) -> tuple[Relation, ...]:
    grouped: dict[tuple[str, str, RelationKind, str], list[_Row]] = defaultdict(list)
    for schema, name, kind, owner, *entry in rows:
        grouped[schema, name, cast(RelationKind, kind), owner].append(tuple(entry))
    return tuple(Relation(*key, _acl(entries)) for key, entries in sorted(grouped.items()))


def _functions(rows: Sequence[_Row]) -> tuple[ServerFunction, ...]:
    return tuple(
        ServerFunction(name, tuple(arguments), owned, frozenset(grantee or PUBLIC for grantee in grantees))
        for name, arguments, owned, grantees in rows
    )


def _default_acl(rows: Sequence[_Row]) -> dict[DefaultKind, Acl]:
    grouped: dict[DefaultKind, list[_Row]] = defaultdict(list)
    for kind, *entry in rows:
        grouped[cast(DefaultKind, kind)].append(tuple(entry))
    return {kind: _acl(entries) for kind, entries in grouped.items()}


def _settings(rows: Sequence[_Row]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for role, setting in rows:
        name, _, value = str(setting).partition("=")
        found[role][name] = value
    return dict(found)
