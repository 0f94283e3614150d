"""What the server's catalog said at one moment, as frozen values that the planner compares with the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

PUBLIC = ""
"""The grantee that stands for everyone; no role can have this name."""

RelationKind = Literal["table", "sequence"]
DefaultKind = Literal["tables", "sequences", "functions"]
Acl = frozenset[tuple[str, str]]
"""(grantee, privilege) pairs, for instance ("app_reader", "SELECT"); owners are in it as the server lists them."""


@dataclass(frozen=True)
class Role:
    """One row of pg_roles, as far as the model cares. A `connection_limit` of -1 means none."""

    name: str
    login: bool = False
    inherit: bool = True
    superuser: bool = False
    createdb: bool = False
    createrole: bool = False
    replication: bool = False
    bypassrls: bool = False
    connection_limit: int = -1


@dataclass(frozen=True)
class Membership:
    """`member` belongs to `role`, over all grantors.

    PostgreSQL 16 makes the creator of a role a member with ADMIN alone, without `inherit` and `set_role`.
    Before 16 every membership has both.
    """

    role: str
    member: str
    admin: bool = False
    inherit: bool = True
    set_role: bool = True

    @property
    def usable(self) -> bool:
        """Whether the member has the role's rights and may become it."""
        return self.inherit and self.set_role


@dataclass(frozen=True)
class Schema:
    """A schema, its owner and who may do what in it (USAGE, CREATE)."""

    name: str
    owner: str
    acl: Acl = frozenset()


@dataclass(frozen=True)
class Relation:
    """A table-like object (table, view, materialized view, foreign table) or a sequence."""

    schema: str
    name: str
    kind: RelationKind
    owner: str
    acl: Acl = frozenset()


@dataclass(frozen=True)
class Legacy:
    """A relation in `public` of a database that came from elsewhere. `reachable`: the connected user has its owner's
    rights. `follows`: a sequence that goes where its table goes.
    """

    name: str
    kind: RelationKind
    owner: str
    reachable: bool = True
    follows: bool = False


@dataclass(frozen=True)
class Extension:
    """An extension that the server has. `home` is the schema that its author fixed, `installed` the one it is in."""

    name: str
    home: str | None = None
    installed: str | None = None


@dataclass(frozen=True)
class Neighbour:
    """Another database of the server in which PUBLIC has rights. `owned`: the connected user may take them away."""

    name: str
    owned: bool


@dataclass(frozen=True)
class ServerFunction:
    """A function of PostgreSQL's own. `owned`: the connected user may revoke it; `grantees` may execute it."""

    name: str
    arguments: tuple[str, ...]
    owned: bool
    grantees: frozenset[str]


@dataclass(frozen=True)
class Catalog:
    """Everything the planner looks at. `settings` maps role -> setting -> value as stored, for this database alone.

    `settings_everywhere` is what holds in every database, which a role may set for itself. `functions` are those of the
    server that write without a table; `limits_temp_files` says whether the connected user may set such a limit,
    `temp_files_limited` whether the server's configuration has one for everybody.
    `legacy` is what a model that adopts finds in `public`, `left_behind` (what, owner, how many) other things there and
    elsewhere that do not belong to the model's owner.
    `extensions` holds those that the model wants. `strays` counts the owner's relations in `public`.
    `default_acl` holds the default privileges of the model's owner role, for every schema (the built-in ones where none
    are stored); it is empty while that role doesn't exist. `narrow_default_acl`: schemas with entries of their own.
    """

    server_version: int
    database: str
    current_user: str
    may_create_roles: bool
    owns_database: bool
    database_owner: str
    database_acl: Acl
    roles: Mapping[str, Role] = field(default_factory=dict)
    memberships: frozenset[Membership] = frozenset()
    schemas: Mapping[str, Schema] = field(default_factory=dict)
    relations: tuple[Relation, ...] = ()
    default_acl: Mapping[DefaultKind, Acl] = field(default_factory=dict)
    narrow_default_acl: frozenset[str] = frozenset()
    settings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    settings_everywhere: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    extensions: Mapping[str, Extension] = field(default_factory=dict)
    strays: int = 0
    neighbours: tuple[Neighbour, ...] = ()
    functions: tuple[ServerFunction, ...] = ()
    limits_temp_files: bool = False
    temp_files_limited: bool = False
    legacy: tuple[Legacy, ...] = ()
    left_behind: tuple[tuple[str, str, int], ...] = ()

    def membership(self, role: str, member: str) -> Membership | None:
        """The membership of `member` in `role`, or None."""
        return next((one for one in self.memberships if (one.role, one.member) == (role, member)), None)

    def is_member(self, role: str, member: str) -> bool:
        """Whether `member` has the rights of `role` by a direct membership."""
        found = self.membership(role, member)
        return found is not None and found.usable
