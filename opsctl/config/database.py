"""The `rds` block: the PostgreSQL database. What the project does with one is `application.database`.

Shapes only, as in `models.py`; what RDS refuses of them together is in `database_rules.py`.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from opsctl.config.section import RoleName, Section


class DatabaseRoles(Section):
    """Names of the PostgreSQL roles that `opsctl db init` makes; `app_user` is set in `rds`."""

    owner: RoleName = Field("app_owner", description="Owns everything, never logs in.")
    migrator: RoleName = Field("app_migrator", description="Runs migrations.")
    writer: RoleName = Field("app_writer", description="Rights to write, for others to have.")
    reader: RoleName = Field("app_reader", description="Rights to read, for others to have.")
    loader: RoleName = Field("app_loader", description="Loads datasets.")
    readonly: RoleName = Field("app_readonly", description="People who look.")


class Rds(Section):
    """The PostgreSQL database."""

    engine_version: str = Field(
        "18",
        pattern=r"^\d{2}(\.\d{1,2})?$",
        description="Major version, whose minor updates follow by themselves; or a minor version (18.1), which stays.",
    )
    allow_major_version_upgrade: bool = Field(
        False,
        description="Let the next deploy raise a running database's major version: minutes of outage, no way back.",
    )
    instance_class: str = Field(
        "db.t4g.micro", pattern=r"^db\.[a-z0-9-]+\.[a-z0-9]+$", description="Size; RDS is asked whether it sells it."
    )
    allocated_storage: int = Field(20, ge=20, le=65536, description="GiB; gp3 starts at 20.")
    max_allocated_storage: int | None = Field(
        None,
        ge=20,
        le=65536,
        description="GiB up to which storage grows, at least 10 % above allocated_storage; a replica's does not grow.",
    )
    temp_file_limit: int | None = Field(
        None,
        ge=0,
        le=2047,
        description="GiB of temporary files a session may have, 0: no limit; default: a quarter of allocated_storage.",
    )
    port: int = Field(5433, ge=1150, le=65535, description="Not 5432, the port that scanners try first.")
    multi_az: bool = Field(False, description="Keep a standby in another zone: twice the price.")
    database: str = Field(
        "", pattern=r"^[a-z][a-z0-9_]{0,62}$", description="Name of the database; default: the service's, with _ for -."
    )
    admin_user: str = Field("opsctl_master", pattern=r"^[a-z][a-z0-9_]{0,15}$", description="Master's login.")
    snapshot_identifier: str | None = Field(
        None,
        pattern=r"^(arn:aws[a-z-]*:rds:[a-z0-9-]+:\d{12}:snapshot:)?((rds|awsbackup):)?[A-Za-z](?!.*--)[A-Za-z0-9-]{0,250}"
        r"(?<!-)$",
        description="Snapshot (name or ARN) that the first deploy restores the database from; it stays written here.",
    )
    import_instance: str | None = Field(
        None,
        pattern=r"^[a-z](?!.*--)[a-z0-9-]{0,62}(?<!-)$",
        description="RDS instance that runs already, by its identifier, which the first deploy takes over as it is; it "
        "stays written here.",
    )
    app_user: RoleName = Field("app_user", description="Role as which the service logs in.")
    app_user_writer: bool = Field(False, description="Let the service's role write, not only read.")
    app_user_connection_limit: int | None = Field(
        None, ge=1, le=5000, description="Connections of the service's role; default: what its tasks may open, and ten."
    )
    roles: DatabaseRoles = DatabaseRoles()
    backup_days: int = Field(1, ge=0, le=35, description="Days of automatic backups; 0 turns them off.")
    enable_replica: bool = Field(
        False, description="Provision one read replica; its storage is its source's at that time and does not grow."
    )
    monitoring_interval: Literal[0, 1, 5, 10, 15, 30, 60] = Field(0, description="Enhanced monitoring, seconds.")
    event_notifications: bool = Field(False, description="Send RDS events to the alarm topic.")
    deletion_protection: bool = Field(True, description="RDS refuses to delete the database.")
    secret_rotation_days: int = Field(30, ge=1, le=30, description="Days after which the master's password changes.")

    @property
    def brought_along(self) -> bool:
        """Whether the database comes from elsewhere, with its data, its master and objects of its own roles."""
        return self.snapshot_identifier is not None or self.import_instance is not None

    @property
    def major_version(self) -> str:
        """`18` of `18.1`."""
        return self.engine_version.partition(".")[0]

    @property
    def temp_file_kilobytes(self) -> int | None:
        """How much one session may have in temporary files; None where there is no limit. PostgreSQL's own is 2 TiB."""
        limit = self.allocated_storage // 4 if self.temp_file_limit is None else self.temp_file_limit
        return min(limit, 2047) * 1024 * 1024 or None

    @property
    def pins_minor_version(self) -> bool:
        """Whether a minor version is given. Automatic updates would leave it behind, and RDS has no way back to it."""
        return "." in self.engine_version
