"""The changes a plan is made of. Each is data with a sentence; `sql.render` alone turns one into SQL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from opsctl.dbroles.catalog import DefaultKind, RelationKind, ServerFunction

RoleOption = Literal["LOGIN", "NOLOGIN", "INHERIT", "NOCREATEDB", "NOCREATEROLE"]


@dataclass(frozen=True)
class CreateRole:
    """A new role without a password. A `connection_limit` of -1 means none."""

    name: str
    login: bool
    connection_limit: int = -1

    @property
    def sentence(self) -> str:
        return f"create role {self.name}, {'which may log in' if self.login else 'without login'}"


@dataclass(frozen=True)
class AlterRole:
    """Bring an existing role's attributes in line."""

    name: str
    options: tuple[RoleOption, ...]

    @property
    def sentence(self) -> str:
        return f"set {', '.join(self.options)} on role {self.name}"


@dataclass(frozen=True)
class LimitConnections:
    """Set a role's connection limit; -1 means none."""

    name: str
    limit: int

    @property
    def sentence(self) -> str:
        amount = "no connection limit" if self.limit < 0 else f"a limit of {self.limit} connections"
        return f"give role {self.name} {amount}"


@dataclass(frozen=True)
class GrantRole:
    """Make `member` a member of `role`."""

    role: str
    member: str

    @property
    def sentence(self) -> str:
        return f"make {self.member} a member of {self.role}"


@dataclass(frozen=True)
class RevokeRole:
    """Take `member` out of `role`."""

    role: str
    member: str

    @property
    def sentence(self) -> str:
        return f"take {self.member} out of {self.role}"


@dataclass(frozen=True)
class CloseDatabase:
    """Revoke everything on the database from PUBLIC."""

    database: str

    @property
    def sentence(self) -> str:
        return f"revoke everything on database {self.database} from PUBLIC"


@dataclass(frozen=True)
class GrantConnect:
    """Let one role connect to the database."""

    database: str
    role: str

    @property
    def sentence(self) -> str:
        return f"let {self.role} connect to database {self.database}"


@dataclass(frozen=True)
class GrantOnDatabase:
    """Let one role do more on the database than connect."""

    database: str
    privileges: tuple[str, ...]
    role: str

    @property
    def sentence(self) -> str:
        return f"grant {', '.join(self.privileges)} on database {self.database} to {self.role}"


@dataclass(frozen=True)
class RevokeOnDatabase:
    """Take back what one role may do on the database."""

    database: str
    privileges: tuple[str, ...]
    role: str

    @property
    def sentence(self) -> str:
        return f"revoke {', '.join(self.privileges)} on database {self.database} from {self.role}"


@dataclass(frozen=True)
class CloseSchema:
    """Revoke CREATE on a schema from PUBLIC."""

    schema: str

    @property
    def sentence(self) -> str:
        return f"revoke CREATE on schema {self.schema} from PUBLIC"


@dataclass(frozen=True)
class CreateSchema:
    """A new schema that belongs to `owner`."""

    schema: str
    owner: str

    @property
    def sentence(self) -> str:
        return f"create schema {self.schema}, owned by {self.owner}"


@dataclass(frozen=True)
class GiveSchema:
    """Make a schema that exists the property of `owner`."""

    schema: str
    owner: str

    @property
    def sentence(self) -> str:
        return f"give schema {self.schema} to {self.owner}"


@dataclass(frozen=True)
class AdoptRelations:
    """Make relations of `public` the property of `owner`, in the schema `home`; none of their rows is touched."""

    names: tuple[str, ...]
    former: str
    owner: str
    home: str

    @property
    def sentence(self) -> str:
        what = self.names[0] if len(self.names) == 1 else f"{len(self.names)} relations"
        moved = "" if self.home == "public" else f", in schema {self.home}"
        return f"give {what} of {self.former} in schema public to {self.owner}{moved}"


@dataclass(frozen=True)
class CreateExtension:
    """A new extension, with the ones it requires. Without a `schema`, the extension itself names it."""

    name: str
    schema: str | None

    @property
    def sentence(self) -> str:
        return f"create extension {self.name}"


@dataclass(frozen=True)
class GrantOnSchema:
    """Grant USAGE and the like on a schema."""

    schema: str
    privileges: tuple[str, ...]
    role: str

    @property
    def sentence(self) -> str:
        return f"grant {', '.join(self.privileges)} on schema {self.schema} to {self.role}"


@dataclass(frozen=True)
class GrantOnRelations:
    """Grant privileges on tables, or on sequences, that exist already."""

    schema: str
    kind: RelationKind
    names: tuple[str, ...]
    privileges: tuple[str, ...]
    role: str

    @property
    def sentence(self) -> str:
        what = f"{self.kind} {self.names[0]}" if len(self.names) == 1 else f"{len(self.names)} {self.kind}s"
        return f"grant {', '.join(self.privileges)} on {what} in schema {self.schema} to {self.role}"


@dataclass(frozen=True)
class RevokeOnTable:
    """Take back what one role may do on one table."""

    schema: str
    table: str
    privileges: tuple[str, ...]
    role: str

    @property
    def sentence(self) -> str:
        return f"revoke {', '.join(self.privileges)} on table {self.table} in schema {self.schema} from {self.role}"


@dataclass(frozen=True)
class CloseFunctions:
    """Revoke EXECUTE on functions of the server from PUBLIC, in this database."""

    functions: tuple[ServerFunction, ...]

    @property
    def sentence(self) -> str:
        return f"revoke EXECUTE on {_names(self.functions)} from PUBLIC"


@dataclass(frozen=True)
class GrantFunctions:
    """Let one role execute functions of the server, in this database."""

    functions: tuple[ServerFunction, ...]
    role: str

    @property
    def sentence(self) -> str:
        return f"grant EXECUTE on {_names(self.functions)} to {self.role}"


def _names(functions: tuple[ServerFunction, ...]) -> str:
    return ", ".join(dict.fromkeys(one.name for one in functions))


@dataclass(frozen=True)
class GrantByDefault:
    """Grant privileges on what `owner` will create."""

    owner: str
    kind: DefaultKind
    privileges: tuple[str, ...]
    role: str

    @property
    def sentence(self) -> str:
        return f"grant {', '.join(self.privileges)} on future {self.kind} of {self.owner} to {self.role}"


@dataclass(frozen=True)
class CloseFunctionsByDefault:
    """Revoke EXECUTE on the functions that `owner` will create from PUBLIC."""

    owner: str

    @property
    def sentence(self) -> str:
        return f"revoke EXECUTE on future functions of {self.owner} from PUBLIC"


@dataclass(frozen=True)
class SetInDatabase:
    """A setting that holds for one role in one database. A list value is given as several items."""

    role: str
    database: str
    setting: str
    value: tuple[str, ...]

    @property
    def sentence(self) -> str:
        return f"set {self.setting} = {', '.join(self.value)} for {self.role} in database {self.database}"


@dataclass(frozen=True)
class ResetInDatabase:
    """Take back a setting that holds for one role in one database."""

    role: str
    database: str
    setting: str

    @property
    def sentence(self) -> str:
        return f"reset {self.setting} for {self.role} in database {self.database}"


Change = (
    CreateRole
    | AlterRole
    | LimitConnections
    | GrantRole
    | RevokeRole
    | CloseDatabase
    | GrantConnect
    | GrantOnDatabase
    | RevokeOnDatabase
    | CloseSchema
    | CreateSchema
    | GiveSchema
    | AdoptRelations
    | CreateExtension
    | GrantOnSchema
    | GrantOnRelations
    | RevokeOnTable
    | CloseFunctions
    | GrantFunctions
    | GrantByDefault
    | CloseFunctionsByDefault
    | SetInDatabase
    | ResetInDatabase
)
