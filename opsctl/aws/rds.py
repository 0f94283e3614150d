"""RDS: what deploy and destroy need to know and lift."""

from __future__ import annotations

from typing import Any

from opsctl.aws.errors import AwsError, translated


class Rds:
    """Calls of one region. Every method raises AwsError."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def status(self, identifier: str) -> str | None:
        """Status such as `available`; None when there is no such instance."""
        try:
            with translated():
                found = self._client.describe_db_instances(DBInstanceIdentifier=identifier)["DBInstances"]
        except AwsError as error:
            if error.aws_code in {"DBInstanceNotFound", "DBInstanceNotFoundFault"}:
                return None
            raise
        return str(found[0]["DBInstanceStatus"]) if found else None

    def lift_protection(self, identifier: str) -> None:
        """Switch deletion protection off, at once."""
        with translated():
            self._client.modify_db_instance(
                DBInstanceIdentifier=identifier, DeletionProtection=False, ApplyImmediately=True
            )

    def delete(self, identifier: str, *, final_snapshot: str | None) -> None:
        """Delete an instance, with a final snapshot of that name or with none."""
        extra: dict[str, Any] = {"SkipFinalSnapshot": True}
        if final_snapshot:
            extra = {"SkipFinalSnapshot": False, "FinalDBSnapshotIdentifier": final_snapshot}
        with translated():
            self._client.delete_db_instance(DBInstanceIdentifier=identifier, **extra)

    def login_token(self, host: str, port: int, user: str) -> str:
        """A token that logs `user` in at `host`:`port` for 15 minutes; signed here, without a call."""
        with translated():
            return str(self._client.generate_db_auth_token(DBHostname=host, Port=port, DBUsername=user))
