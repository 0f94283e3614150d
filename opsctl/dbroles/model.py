"""The role model: which roles there are, what each is for, and what a name may look like.

Pure and free of I/O. The model is made from the configuration (or from the properties of the custom resource, where all
values arrive as strings); a name that PostgreSQL would cut, reserve or refuse is refused here, before any SQL.
`RoleModel.from_mapping` says the shape of the mapping that the custom resource and the command line pass.

There are two kinds of model. With `owner_login` false: seven roles, each for one purpose. With `owner_login` true: the
owner without login, and what the application logs in as, which becomes the owner at once (`ALTER ROLE … SET role`), so
that whatever it makes belongs to the owner, whichever of two logins made it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Literal

from opsctl.dbroles.errors import BadModelError

PLANNER_VERSION = 2
"""Raise it when the planner makes something else of the same model: DbInit then runs again on the next deploy."""

RDS_IAM = "rds_iam"
APP_SCHEMA = "app"
STAGE_SCHEMA = "stage"
PUBLIC_SCHEMA = "public"

MIGRATIONS_TABLE = "django_migrations"
"""Says which code the schema fits; only whoever migrates writes it."""

SERVER_DATABASES = ("postgres", "template1")
"""The databases of every new server, which anybody may use; on RDS they belong to the master."""

WRITING_FUNCTIONS = (
    "lo_creat", "lo_create", "lo_from_bytea", "lo_put", "lo_truncate", "lo_truncate64", "lowrite",
    "pg_logical_emit_message",
)  # fmt: skip
"""PostgreSQL's functions that fill the disk without a right on any table: large objects, messages in the log."""

TEMP_FILE_LIMIT = "256MB"
"""Of one session of the service or of people: far more than a statement sorts within its time."""

Auth = Literal["iam", "password", "trust"]
"""How the login roles log in; how the master does is its secret's affair."""

_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_RESERVED_PREFIXES = ("pg_", "rds")
RESERVED_NAMES = frozenset({"public", "none", "current_user", "current_role", "session_user", "postgres"})
_NAME_KEYS = ("owner", "migrator", "writer", "reader", "loader", "user", "readonly")
_MAX_CONNECTIONS = 10_000
_EXTENSION = re.compile(r"[a-z_][a-z0-9_-]{0,62}")
_MAX_EXTENSIONS = 100


def check_name(key: str, name: object) -> str:
    """Return `name` if it can be the name of a role, else raise BadModelError that names `key` and says why.

    PostgreSQL silently cuts a longer name to 63 bytes, so two names could end up as one role.
    """
    hint = "Use lower-case letters, digits and underscores, at most 63 of them, not beginning with a digit, pg_ or rds."
    if not isinstance(name, str):
        raise BadModelError(f"The name of the role {key} is not a text.", hint=hint)
    shown = repr(name if len(name) <= 80 else name[:77] + "...")
    if len(name) > 63:
        raise BadModelError(f"The name of the role {key}, {shown}, has {len(name)} characters; 63 fit.", hint=hint)
    if not _NAME.fullmatch(name):
        raise BadModelError(f"The name of the role {key}, {shown}, holds characters that are not accepted.", hint=hint)
    if name.startswith(_RESERVED_PREFIXES) or name in RESERVED_NAMES:
        raise BadModelError(f"The name of the role {key}, {shown}, is reserved by PostgreSQL or RDS.", hint=hint)
    return name


def check_extensions(names: object) -> tuple[str, ...]:
    """Return `names` if they can be the names of extensions, else raise BadModelError."""
    if not isinstance(names, (list, tuple)) or len(names) > _MAX_EXTENSIONS:
        raise BadModelError(
            "application.database.extensions is not a list of names.", hint="Write for instance [pg_trgm, unaccent]."
        )
    for name in names:
        if not isinstance(name, str) or not _EXTENSION.fullmatch(name):
            raise BadModelError(
                f"application.database.extensions names {str(name)[:80]!r}, which can't be an extension.",
                hint="Write the names as PostgreSQL has them, such as pg_trgm or uuid-ossp.",
            )
    return tuple(dict.fromkeys(names))


@dataclass(frozen=True)
class RoleModel:
    """The names of the roles and the settings that vary between environments.

    `user_writer` gives the service's role the right to write. `user_connection_limit` holds for `user` and `readonly`.
    With `owner_login` only `owner` and `user` are used, and there is no limit: one login serves web, workers, jobs and
    release, which must not take each other's last connection. `adopts`: the database came from elsewhere, so that what
    other roles own in `public` becomes the owner's. `passwords` is not part of the mapping: `for_auth` sets
    it, and then `user` becomes two logins of the same rights, one of which a rotation may change while the other works.
    """

    owner: str = "app_owner"
    migrator: str = "app_migrator"
    writer: str = "app_writer"
    reader: str = "app_reader"
    loader: str = "app_loader"
    user: str = "app_user"
    readonly: str = "app_readonly"
    user_writer: bool = False
    user_connection_limit: int = 40
    owner_login: bool = False
    extensions: tuple[str, ...] = ()
    adopts: bool = False
    passwords: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        names = [check_name(key, getattr(self, key)) for key in _NAME_KEYS]
        if self.passwords:
            names += [check_name("user", name) for name in self.pair]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise BadModelError(f"Two roles have the name {twice[0]}.", hint="Give each role a name of its own.")
        if self.passwords and not self.owner_login:
            raise BadModelError(
                "application.database has auth: password with owner: false, whose roles log in with IAM tokens only.",
                hint="Write owner: true, or auth: iam.",
            )
        check_extensions(self.extensions)
        if not 1 <= self.user_connection_limit <= _MAX_CONNECTIONS:
            raise BadModelError(
                f"user_connection_limit is {self.user_connection_limit}.",
                hint=f"Write a number from 1 to {_MAX_CONNECTIONS}.",
            )

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, object]) -> RoleModel:
        """Read the model from configuration or from custom-resource properties.

        The keys: `owner`, `migrator`, `writer`, `reader`, `loader`, `user`, `readonly` (names), `user_writer` (bool),
        `user_connection_limit` (int), `owner_login` (bool), `extensions` (list of names), `adopts` (bool).
        Absent keys take their defaults; unknown keys, and values of the wrong kind, raise BadModelError. A bool may be
        given as "true"/"false" and an int in digits, since CloudFormation hands every primitive over as a string.
        """
        if not isinstance(mapping, Mapping):
            raise BadModelError("The roles are not given as a mapping.", hint="Give a name for each role.")
        known = {*_NAME_KEYS, "user_writer", "user_connection_limit", "owner_login", "extensions", "adopts"}
        unknown = sorted(str(key) for key in mapping if key not in known)
        if unknown:
            raise BadModelError(
                f"The role model has no setting {unknown[0][:80]!r}.", hint=f"It knows {', '.join(sorted(known))}."
            )
        names = {key: check_name(key, mapping[key]) for key in _NAME_KEYS if key in mapping}
        writer = _read_bool("user_writer", mapping.get("user_writer", cls.user_writer))
        limit = _read_int("user_connection_limit", mapping.get("user_connection_limit", cls.user_connection_limit))
        return cls(
            **names,
            user_writer=writer,
            user_connection_limit=limit,
            owner_login=_read_bool("owner_login", mapping.get("owner_login", cls.owner_login)),
            extensions=check_extensions(mapping.get("extensions", ())),
            adopts=_read_bool("adopts", mapping.get("adopts", cls.adopts)),
            passwords=False,
        )

    def for_auth(self, auth: Auth) -> RoleModel:
        """The model with the logins that `auth` needs. Raises BadModelError for passwords without an owner's login."""
        return replace(self, passwords=auth == "password")

    @property
    def pair(self) -> tuple[str, str]:
        """The two logins that passwords alternate between."""
        return (f"{self.user}_a", f"{self.user}_b")

    @property
    def keyed_names(self) -> tuple[tuple[str, str], ...]:
        """(purpose, name) of each role, in the order in which they are made."""
        if not self.owner_login:
            return tuple((key, getattr(self, key)) for key in _NAME_KEYS)
        logins = zip(("user_a", "user_b"), self.pair, strict=True) if self.passwords else [("user", self.user)]
        return (("owner", self.owner), *logins)

    @property
    def names(self) -> tuple[str, ...]:
        """All roles, in the order in which they are made."""
        return tuple(name for _, name in self.keyed_names)

    @property
    def every_name(self) -> tuple[str, ...]:
        """The roles of every kind of model with these names: what may be left from another one."""
        return (*(getattr(self, key) for key in _NAME_KEYS), *self.pair)

    @property
    def login_roles(self) -> tuple[str, ...]:
        """The roles that someone or something logs in as."""
        if self.owner_login:
            return self.names[1:]
        return (self.migrator, self.loader, self.user, self.readonly)

    @property
    def limited_roles(self) -> tuple[str, ...]:
        """The roles with a connection limit and time-outs: the service and people."""
        return () if self.owner_login else (self.user, self.readonly)

    @property
    def schemas(self) -> tuple[str, ...]:
        """The schemas that belong to the owner."""
        return (PUBLIC_SCHEMA,) if self.owner_login else (APP_SCHEMA, STAGE_SCHEMA)

    @property
    def memberships(self) -> tuple[tuple[str, str], ...]:
        """(role, member) for every membership between the model's own roles."""
        if self.owner_login:
            return tuple((self.owner, login) for login in self.login_roles)
        pairs = [
            (self.owner, self.migrator),
            (self.reader, self.writer),
            (self.writer, self.loader),
            (self.reader, self.user),
            (self.reader, self.readonly),
        ]
        if self.user_writer:
            pairs.append((self.writer, self.user))
        return tuple(pairs)

    def settings(self, role: str) -> dict[str, tuple[str, ...]]:
        """What `ALTER ROLE … IN DATABASE … SET` holds for a login role: setting -> value as a list.

        pg_temp stands last in search_path, so that no temporary object can take the place of one in `app`. Extensions
        are in `public`. An owner's login has no time-outs: each process sets its own. Its search_path is PostgreSQL's
        usual one, since a project may count on its temporary tables being found first.
        """
        if self.owner_login:
            return {"search_path": (PUBLIC_SCHEMA,), "role": (self.owner,)}
        extensions = (PUBLIC_SCHEMA,) if self.extensions else ()
        values: dict[str, tuple[str, ...]] = {"search_path": (APP_SCHEMA, *extensions, "pg_temp")}
        if role == self.migrator:
            values["role"] = (self.owner,)
            values["lock_timeout"] = ("5s",)
        if role in self.limited_roles:
            values["statement_timeout"] = ("5s",)
            values["idle_in_transaction_session_timeout"] = ("15s",)
        return values

    def to_dict(self) -> dict[str, object]:
        """The model as plain data; `from_mapping` reads it back. What came later is there when it is used."""
        found = asdict(self)
        del found["passwords"]
        found["extensions"] = list(self.extensions)
        return {
            key: value for key, value in found.items() if value or key not in ("owner_login", "extensions", "adopts")
        }

    def digest(self) -> str:
        """Hex digest of the model and the planner's version: a custom resource with it re-runs when either changes."""
        passwords = {"passwords": True} if self.passwords else {}
        text = json.dumps({"planner": PLANNER_VERSION, "model": {**self.to_dict(), **passwords}}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:32]


def _read_bool(key: str, value: object) -> bool:
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return value == "true"
    raise BadModelError(f"{key} is {str(value)[:40]!r}.", hint="Write true or false.")


def _read_int(key: str, value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value):
        return int(value)
    raise BadModelError(f"{key} is {str(value)[:40]!r}.", hint="Write a whole number in digits.")
