"""RDS: what deploy and destroy need to know and lift."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from opsctl.aws.errors import AwsError
from opsctl.aws.translation import translated

# What begins a snapshot's name that nobody chose, and what DescribeDBSnapshots calls its type.
_AUTOMATIC = {"rds": "automated", "awsbackup": "awsbackup"}


@dataclass(frozen=True, slots=True)
class Instance:
    """A database instance. `status` as RDS words it, such as `available`."""

    status: str
    protected: bool


@dataclass(frozen=True, slots=True)
class Database:
    """A database instance as people know it. `storage` is GiB; `changes` are settings that wait to be applied."""

    identifier: str
    status: str
    instance_class: str
    engine: str
    version: str
    storage: int
    multi_az: bool
    arn: str
    changes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Origin:
    """A running instance, or a snapshot of one, as a database that shall be ours. `storage` is GiB; what a snapshot
    does not tell (its database's name, where it was) is "", None or 0.
    """

    status: str
    engine: str
    version: str
    master: str
    encrypted: bool
    storage: int
    port: int = 0
    database: str = ""
    subnets: str = ""
    multi_az: bool = False
    protected: bool = False
    instance_class: str = ""
    replicas: tuple[str, ...] = ()
    backup_days: int = 0
    max_storage: int = 0
    managed_password: bool = False
    """Whether RDS keeps the master's password in a secret of its own."""


@dataclass(frozen=True, slots=True)
class Maintenance:
    """What RDS is going to do with an instance. `when` is None while no time is chosen; `forced`: RDS chose it."""

    action: str
    description: str
    when: datetime | None = None
    forced: bool = False


class Rds:
    """Calls of one region. Every method raises AwsError."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def instance(self, identifier: str) -> Instance | None:
        """An instance as it is now; None when there is none of that name."""
        found = self._described(identifier)
        return Instance(str(found["DBInstanceStatus"]), bool(found.get("DeletionProtection"))) if found else None

    def database(self, identifier: str) -> Database | None:
        """What an instance is; None when there is none of that name."""
        found = self._described(identifier)
        return _database(found) if found else None

    def instance_origin(self, identifier: str) -> Origin | None:
        """A running instance to take over; None when there is none of that name."""
        item = self._described(identifier)
        if item is None:
            return None
        return replace(
            _origin(item, str(item["DBInstanceStatus"]), encrypted=bool(item.get("StorageEncrypted"))),
            port=int(item.get("Endpoint", {}).get("Port", 0)),
            database=item.get("DBName", ""),
            subnets=item.get("DBSubnetGroup", {}).get("DBSubnetGroupName", ""),
            multi_az=bool(item.get("MultiAZ")),
            protected=bool(item.get("DeletionProtection")),
            instance_class=item.get("DBInstanceClass", ""),
            replicas=tuple(item.get("ReadReplicaDBInstanceIdentifiers", [])),
            backup_days=int(item.get("BackupRetentionPeriod", 0)),
            max_storage=int(item.get("MaxAllocatedStorage") or 0),
            managed_password=bool(item.get("MasterUserSecret")),
        )

    def snapshot_origin(self, name: str) -> Origin | None:
        """A snapshot to restore, by name or ARN; None when there is none. One that another account shares is found by
        its ARN. One that was taken automatically is found by its type as well. [API DescribeDBSnapshots]
        """
        maker = name.rpartition("snapshot:")[2].rpartition(":")[0]
        extra: dict[str, Any] = {"IncludeShared": True} if name.startswith("arn:") else {}
        if maker:
            extra["SnapshotType"] = _AUTOMATIC[maker]
        try:
            with translated():
                found = self._client.describe_db_snapshots(DBSnapshotIdentifier=name, **extra)["DBSnapshots"]
        except AwsError as error:
            if error.aws_code in {"DBSnapshotNotFound", "DBSnapshotNotFoundFault"}:
                return None
            raise
        return _origin(found[0], str(found[0]["Status"]), encrypted=bool(found[0].get("Encrypted"))) if found else None

    def maintenance(self, arn: str) -> list[Maintenance]:
        """What waits to be done to an instance: upgrades of its system or engine, a certificate."""
        with translated():
            answer = self._client.describe_pending_maintenance_actions(ResourceIdentifier=arn)
        return [
            _maintenance(detail)
            for resource in answer.get("PendingMaintenanceActions", [])
            for detail in resource.get("PendingMaintenanceActionDetails", [])
        ]

    def _described(self, identifier: str) -> dict[str, Any] | None:
        try:
            with translated():
                found = self._client.describe_db_instances(DBInstanceIdentifier=identifier)["DBInstances"]
        except AwsError as error:
            if error.aws_code in {"DBInstanceNotFound", "DBInstanceNotFoundFault"}:
                return None
            raise
        return dict(found[0]) if found else None

    def start(self, identifier: str) -> None:
        """Start an instance that was stopped; a stopped one can be neither changed nor deleted with a snapshot."""
        with translated():
            self._client.start_db_instance(DBInstanceIdentifier=identifier)

    def lift_protection(self, identifier: str) -> None:
        """Switch deletion protection off, at once."""
        with translated():
            self._client.modify_db_instance(
                DBInstanceIdentifier=identifier, DeletionProtection=False, ApplyImmediately=True
            )

    def delete(self, identifier: str, *, final_snapshot: str | None, keep_backups: bool) -> None:
        """Delete an instance, with a final snapshot of that name or with none.

        RDS deletes the automated backups along with it unless it is told not to (DeleteDBInstance,
        DeleteAutomatedBackups).
        """
        extra: dict[str, Any] = {"SkipFinalSnapshot": final_snapshot is None}
        if final_snapshot is not None:
            extra["FinalDBSnapshotIdentifier"] = final_snapshot
        with translated():
            self._client.delete_db_instance(
                DBInstanceIdentifier=identifier, DeleteAutomatedBackups=not keep_backups, **extra
            )

    def login_token(self, host: str, port: int, user: str) -> str:
        """A token that logs `user` in at `host`:`port` for 15 minutes; signed here, without a call."""
        with translated():
            return str(self._client.generate_db_auth_token(DBHostname=host, Port=port, DBUsername=user))


def _database(item: dict[str, Any]) -> Database:
    return Database(
        identifier=item["DBInstanceIdentifier"],
        status=item["DBInstanceStatus"],
        instance_class=item.get("DBInstanceClass", ""),
        engine=item.get("Engine", ""),
        version=item.get("EngineVersion", ""),
        storage=int(item.get("AllocatedStorage", 0)),
        multi_az=bool(item.get("MultiAZ")),
        arn=item.get("DBInstanceArn", ""),
        # Of a master's password only that it changes; RDS itself answers stars.
        changes=tuple(sorted(item.get("PendingModifiedValues") or {})),
    )


def _origin(item: dict[str, Any], status: str, *, encrypted: bool) -> Origin:
    return Origin(
        status=status,
        engine=item.get("Engine", ""),
        version=item.get("EngineVersion", ""),
        master=item.get("MasterUsername", ""),
        encrypted=encrypted,
        storage=int(item.get("AllocatedStorage", 0)),
    )


def _maintenance(detail: dict[str, Any]) -> Maintenance:
    """CurrentApplyDate is when it will be done, whoever chose that time; ForcedApplyDate can't be put off. [API
    PendingMaintenanceAction]
    """
    forced = detail.get("ForcedApplyDate")
    return Maintenance(
        action=detail.get("Action", ""),
        description=detail.get("Description", ""),
        when=detail.get("CurrentApplyDate") or detail.get("AutoAppliedAfterDate") or forced,
        forced=forced is not None,
    )
