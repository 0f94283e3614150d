"""RDS: what deploy and destroy need to know and lift."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from opsctl.aws.errors import AwsError
from opsctl.aws.translation import translated


@dataclass(frozen=True, slots=True)
class Instance:
    """A database instance. `status` as RDS words it, such as `available`."""

    status: str
    protected: bool


class Rds:
    """Calls of one region. Every method raises AwsError."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def instance(self, identifier: str) -> Instance | None:
        """An instance as it is now; None when there is none of that name."""
        try:
            with translated():
                found = self._client.describe_db_instances(DBInstanceIdentifier=identifier)["DBInstances"]
        except AwsError as error:
            if error.aws_code in {"DBInstanceNotFound", "DBInstanceNotFoundFault"}:
                return None
            raise
        return Instance(str(found[0]["DBInstanceStatus"]), bool(found[0].get("DeletionProtection"))) if found else None

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
