"""What a run found and did, as frozen values with a JSON form. Nothing in them is secret."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from opsctl.dbroles.catalog import Catalog
from opsctl.dbroles.drift import find_drift
from opsctl.dbroles.left_open import find_left_open
from opsctl.dbroles.model import RDS_IAM, Auth, RoleModel


@dataclass(frozen=True)
class Report:
    """The result of `initialize`.

    `changes` holds one sentence each: what was done, or with `checked` what would be. `findings` is what opsctl did not
    make and left alone, `left_open` what every login may do because the master can't forbid it.
    """

    database: str
    server_version: str
    master: str
    digest: str
    checked: bool
    changes: tuple[str, ...]
    findings: tuple[str, ...]
    left_open: tuple[str, ...]

    @property
    def changed(self) -> bool:
        """Whether anything was done (or would be)."""
        return bool(self.changes)

    @property
    def summary(self) -> str:
        """One sentence for a stack event or the last line of a terminal."""
        if not self.changes:
            return f"Database {self.database}: all roles are as the model says."
        verb = "to make" if self.checked else "made"
        return f"Database {self.database}: {len(self.changes)} change{'s' * (len(self.changes) > 1)} {verb}."

    def to_dict(self) -> dict[str, object]:
        """Plain data for JSON."""
        return {**asdict(self), "changed": self.changed, "summary": self.summary}


@dataclass(frozen=True)
class RoleStatus:
    """One role of the model as the server has it. A `connection_limit` of -1 means none."""

    key: str
    name: str
    exists: bool
    login: bool
    connects: bool
    rds_iam: bool
    connection_limit: int
    member_of: tuple[str, ...]
    settings: tuple[str, ...]


@dataclass(frozen=True)
class StatusReport:
    """The result of `status`: the roles as they are, owners, default privileges, and the drift from the model."""

    database: str
    database_owner: str
    server_version: str
    master: str
    digest: str
    has_rds_iam: bool
    roles: tuple[RoleStatus, ...]
    schema_owners: tuple[tuple[str, str], ...]
    default_privileges: tuple[str, ...]
    pending: tuple[str, ...]
    findings: tuple[str, ...]
    left_open: tuple[str, ...]

    @property
    def drifted(self) -> bool:
        """Whether the server differs from the model in anything that opsctl would change."""
        return bool(self.pending)

    def to_dict(self) -> dict[str, object]:
        """Plain data for JSON."""
        return {**asdict(self), "schema_owners": dict(self.schema_owners), "drifted": self.drifted}


@dataclass(frozen=True)
class RotationReport:
    """The result of `rotate`: which login the secret holds now, and the version of the secret that does.

    `previous` is the login that it held before, and still works; None when the secret held none.
    """

    database: str
    login: str
    previous: str | None
    secret_version: str
    findings: tuple[str, ...]

    @property
    def summary(self) -> str:
        """One sentence for the last line of a terminal."""
        before = f"; {self.previous} works until the next rotation" if self.previous else ""
        return f"Database {self.database}: the application's login is {self.login} now{before}."

    def to_dict(self) -> dict[str, object]:
        """Plain data for JSON."""
        return {**asdict(self), "summary": self.summary}


def version_text(number: int) -> str:
    """libpq's number (160014) as people write it (16.14)."""
    return f"{number // 10000}.{number % 10000}"


def build_status(model: RoleModel, catalog: Catalog, auth: Auth, pending: tuple[str, ...]) -> StatusReport:
    """Describe `catalog` in terms of `model`. Pure."""
    owners = {name: schema.owner for name, schema in catalog.schemas.items()}
    defaults = sorted(
        f"{grantee or 'PUBLIC'}: {privilege} on future {kind}"
        for kind, acl in catalog.default_acl.items()
        for grantee, privilege in acl
        if grantee != model.owner
    )
    return StatusReport(
        database=catalog.database,
        database_owner=catalog.database_owner,
        server_version=version_text(catalog.server_version),
        master=catalog.current_user,
        digest=model.digest(),
        has_rds_iam=RDS_IAM in catalog.roles,
        roles=tuple(_role_status(key, name, catalog) for key, name in model.keyed_names),
        schema_owners=tuple((name, owners[name]) for name in model.schemas if name in owners),
        default_privileges=tuple(defaults),
        pending=pending,
        findings=find_drift(model, catalog, auth),
        left_open=find_left_open(model, catalog),
    )


def _role_status(key: str, name: str, catalog: Catalog) -> RoleStatus:
    role = catalog.roles.get(name)
    settings = catalog.settings.get(name, {})
    return RoleStatus(
        key=key,
        name=name,
        exists=role is not None,
        login=role is not None and role.login,
        connects=(name, "CONNECT") in catalog.database_acl,
        rds_iam=catalog.is_member(RDS_IAM, name),
        connection_limit=role.connection_limit if role else -1,
        member_of=tuple(sorted(one.role for one in catalog.memberships if one.member == name and one.usable)),
        settings=tuple(f"{setting} = {value}" for setting, value in sorted(settings.items())),
    )
