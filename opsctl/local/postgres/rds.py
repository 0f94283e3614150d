"""`AWS::RDS::DBInstance` backed by a local PostgreSQL server.

A DB instance answers with its server's real address and port. Its master login is what RDS makes: CREATEROLE and
CREATEDB, no superuser, owner of the instance's first database. Comments on database and role say to which instance they
belong, and deletion drops nothing else. A replica answers with its source's server: what it reads is never late, and it
would take writes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from opsctl.local.ports import LOOPBACK
from opsctl.local.postgres.files import MAJOR, SUPERUSER
from opsctl.local.postgres.instances import Servers
from opsctl.local.postgres.server import PostgresServer
from opsctl.local.state import Json

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor  # noqa: N812  psycopg2 names the class like a function

logger = logging.getLogger("opsctl.rds")

_SERVER_DATABASES = ("postgres", "template1")
_OWNER = "opsctl-local db instance "
_SNAPSHOT = "DBSnapshotIdentifier"


@dataclass(frozen=True)
class Master:
    """The master login of a DB instance and the database that belongs to it (none when the template names none)."""

    instance: str
    name: str
    password: str
    database: str | None


def ensure_master(server: PostgresServer, master: Master) -> None:
    """Make the master and its database, or bring its password in step. Raises ValueError when a name is taken."""
    with server.connect() as cursor:
        _ensure_role(cursor, master)
        _give_server_databases(cursor, master.name)
        if master.database:
            _ensure_database(cursor, master, master.database)


def drop_master(server: PostgresServer, instance: str) -> None:
    """Drop the databases and the master of this instance, and the roles which that master made."""
    with server.connect() as cursor:
        for name in _owned(cursor, "pg_database", "datname", instance):
            cursor.execute(_sql("DROP DATABASE {} WITH (FORCE)", name))
        for master in _owned(cursor, "pg_authid", "rolname", instance):
            # PostgreSQL makes a role's creator a member of it with ADMIN: that is how we know what the master made.
            cursor.execute(
                "SELECT made.rolname FROM pg_auth_members m JOIN pg_roles made ON made.oid = m.roleid "
                "JOIN pg_roles creator ON creator.oid = m.member "
                "WHERE creator.rolname = %s AND m.admin_option AND made.rolname NOT LIKE 'pg\\_%%'",
                (master,),
            )
            made = [row[0] for row in cursor.fetchall()]
            _give_server_databases(cursor, SUPERUSER)
            for role in [*made, master]:
                cursor.execute(_sql("DROP OWNED BY {} CASCADE", role))
                cursor.execute(_sql("DROP ROLE IF EXISTS {}", role))


def rename_owner(server: PostgresServer, old: str, new: str) -> None:
    """What came with a snapshot belongs to the instance that was restored from it."""
    with server.connect() as cursor:
        for kind, catalog, column in (("DATABASE", "pg_database", "datname"), ("ROLE", "pg_authid", "rolname")):
            for name in _owned(cursor, catalog, column, old):
                cursor.execute(_sql(f"COMMENT ON {kind} {{}} IS %s", name), (_OWNER + new,))


def _give_server_databases(cursor: Cursor, role: str) -> None:
    """On RDS they belong to the master."""
    for database in _SERVER_DATABASES:
        cursor.execute(_sql("ALTER DATABASE {} OWNER TO {}", database, role))


def _sql(text: str, *names: str) -> Any:
    from psycopg2 import sql

    return sql.SQL(text).format(*(sql.Identifier(name) for name in names))


def _owned(cursor: Cursor, catalog: str, column: str, instance: str) -> list[str]:
    cursor.execute(
        f"SELECT {column} FROM {catalog} WHERE shobj_description(oid, '{catalog}') = %s",  # noqa: S608  our own constants
        (_OWNER + instance,),
    )
    return [row[0] for row in cursor.fetchall()]


def _holder(cursor: Cursor, catalog: str, column: str, name: str) -> str | None:
    """The comment of the object with this name: empty without one, None when there is no such object."""
    cursor.execute(
        f"SELECT coalesce(shobj_description(oid, '{catalog}'), '') FROM {catalog} WHERE {column} = %s",  # noqa: S608
        (name,),
    )
    row = cursor.fetchone()
    return row[0] if row else None


def _ensure_role(cursor: Cursor, master: Master) -> None:
    from psycopg2 import extensions, sql

    holder = _holder(cursor, "pg_authid", "rolname", master.name)
    refuse_foreign(holder, master.instance, f"the master user name {master.name}")
    # Sent as a SCRAM verifier: the password itself can't get into a log or a statement view.
    verifier = extensions.encrypt_password(master.password, master.name, cursor.connection, "scram-sha-256")
    verb = "CREATE" if holder is None else "ALTER"
    statement = _sql(f"{verb} ROLE {{}} LOGIN NOSUPERUSER CREATEROLE CREATEDB PASSWORD ", master.name)
    cursor.execute(statement + sql.Literal(verifier))
    cursor.execute(_sql("COMMENT ON ROLE {} IS %s", master.name), (_OWNER + master.instance,))


def _ensure_database(cursor: Cursor, master: Master, database: str) -> None:
    holder = _holder(cursor, "pg_database", "datname", database)
    if database == "postgres":
        return
    refuse_foreign(holder, master.instance, f"the database name {database}")
    if holder is None:
        cursor.execute(_sql("CREATE DATABASE {} OWNER {}", database, master.name))
    cursor.execute(_sql("COMMENT ON DATABASE {} IS %s", database), (_OWNER + master.instance,))


def refuse_foreign(holder: str | None, instance: str, what: str) -> None:
    """Refuse a name that is taken on the instance's server: `holder` is the comment there, None for a free name."""
    if holder is not None and holder != _OWNER + instance:
        owner = holder.removeprefix(_OWNER) or "something opsctl did not make"
        raise ValueError(f"On the local PostgreSQL {what} belongs to {owner}. Choose another name, or drop that first.")


class DbInstances:
    """Wraps ministack's RDS: the CloudFormation type, DeleteDBInstance, and what makes and deletes snapshots."""

    def __init__(
        self, rds: Any, provisioners: Any, servers: Servers, request_scope: Any, restate: Callable[[str, Json], None]
    ) -> None:
        """`restate` tells stacks what an instance's attributes are now."""
        self._restate = restate
        self._rds = rds
        self._provisioners = provisioners
        self._servers = servers
        self._scope = request_scope

    def install(self) -> None:
        provisioners = self._provisioners
        create, update, delete = (
            provisioners._rds_db_instance_create,
            provisioners._rds_db_instance_update,
            provisioners._rds_db_instance_delete,
        )

        def create_backed(logical_id: str, props: Json, stack_name: str) -> tuple[str, Json]:
            check_version(props)
            physical_id, attributes = create(logical_id, self._with_snapshot(props), stack_name)
            try:
                return physical_id, self._back(physical_id, attributes, props)
            except Exception:
                arn = self._rds._instances[physical_id]["DBInstanceArn"]
                delete(physical_id, props)
                self._forget(physical_id, arn)
                raise

        def update_backed(physical_id: str, old: Json, new: Json, stack_name: str, logical_id: str | None = None
                          ) -> tuple[str, Json]:  # fmt: skip
            check_version(new)
            changed_id, attributes = update(physical_id, old, new, stack_name, logical_id)
            return changed_id, self._back(changed_id, attributes, new)

        def delete_backed(physical_id: str, props: Json) -> None:
            instance = self._rds._instances.get(physical_id)
            _refuse_protected(instance)
            delete(physical_id, props)
            if instance:
                self._forget(physical_id, instance["DBInstanceArn"])

        # ministack's own update replaces an instance by calling these by name, so both places are set.
        provisioners._rds_db_instance_create = create_backed
        provisioners._rds_db_instance_delete = delete_backed
        provisioners._RESOURCE_HANDLERS["AWS::RDS::DBInstance"].update(
            create=create_backed, update=update_backed, delete=delete_backed
        )
        self._wrap_delete_call()
        self._wrap_snapshots()

    def restore(self) -> None:
        """After a start: make the servers agree with the instances that the emulator remembers, and stacks with the
        ports that servers have now: one that another program took meanwhile is a change, which the next deploy finds.
        """
        instances = list(self._rds._instances.all_items())
        for (account, region, db_id), instance in instances:
            if instance.get("_opsctl_database") is None:
                continue
            with self._scope(account, region):
                try:
                    self._make_master(db_id, instance)
                    self._restate(db_id, self._provisioners._rds_db_instance_attrs(instance))
                except Exception:
                    logger.exception("The master of %s could not be restored", db_id)
        for (account, region, db_id), instance in instances:
            source = instance.get("ReadReplicaSourceDBInstanceIdentifier")
            if source:
                with self._scope(account, region):
                    self._point_at_source(instance, source)
                    self._restate(db_id, self._provisioners._rds_db_instance_attrs(instance))

    def make_ready(self, db_id: str) -> str:
        """Wait up to a minute for the server of an instance; answers why it does not run, "" when it does, or when
        there is no such instance.
        """
        instance = self._rds._instances.get(db_id)
        if instance is None:
            return ""
        return _failure(self._servers.claim(instance["DBInstanceArn"]))

    # -- parts -------------------------------------------------------------------------------------------------

    def _back(self, db_id: str, attributes: Json, props: Json) -> Json:
        instance = self._rds._instances[db_id]
        if props.get("SourceDBInstanceIdentifier"):
            self._describe_as_replica(db_id, instance, str(props["SourceDBInstanceIdentifier"]).rsplit(":", 1)[-1])
        else:
            # The record's DBName is "mydb" when the template names none; RDS makes no database then.
            instance["_opsctl_database"] = props.get("DBName") or ""
            self._make_master(db_id, instance, props.get("DBSnapshotIdentifier"))
        return {**attributes, **self._provisioners._rds_db_instance_attrs(instance)}

    def _make_master(self, db_id: str, instance: Json, snapshot: str | None = None) -> None:
        server = self._servers.claim(instance["DBInstanceArn"], snapshot)
        if failure := _failure(server):
            raise ValueError(f"The local PostgreSQL does not run: {failure}")
        if snapshot is not None:
            rename_owner(server, self._rds._snapshots[snapshot.lower()]["DBInstanceIdentifier"], db_id)
        name, password = instance["MasterUsername"], instance["_MasterUserPassword"]
        ensure_master(server, Master(db_id, name, password, instance["_opsctl_database"] or None))
        instance["Endpoint"].update(Address=LOOPBACK, Port=server.port)

    def _with_snapshot(self, props: Json) -> Json:
        """What is restored has the snapshot's master and encryption. Raises ValueError when there is no such one."""
        name = props.get("DBSnapshotIdentifier")
        if not name:
            return props
        found = self._rds._snapshots.get(name.lower())
        if found is None:
            raise ValueError(f"DBSnapshot {name} not found.")
        if props.keys() & {"MasterUsername", "DBName", "StorageEncrypted", "KmsKeyId"}:
            raise ValueError("Master user, name and encryption are the snapshot's, and must not be given.")
        taken = {key: found[key] for key in ("MasterUsername", "KmsKeyId") if found.get(key)}
        return {**props, **taken, "StorageEncrypted": found["Encrypted"]}

    def _describe_as_replica(self, db_id: str, instance: Json, source_id: str) -> None:
        instance["ReadReplicaSourceDBInstanceIdentifier"] = source_id
        source = self._point_at_source(instance, source_id)
        for field in ("MasterUsername", "DBName", "Engine", "EngineVersion"):
            instance[field] = source[field]
        replicas = source.setdefault("ReadReplicaDBInstanceIdentifiers", [])
        if db_id not in replicas:
            replicas.append(db_id)

    def _point_at_source(self, instance: Json, source_id: str) -> Json:
        source: Json | None = self._rds._instances.get(source_id)
        if source is None:
            raise ValueError(f"DBInstance {source_id} not found.")
        instance["Endpoint"].update(Address=source["Endpoint"]["Address"], Port=source["Endpoint"]["Port"])
        return source

    def _forget(self, db_id: str, arn: str) -> None:
        for instance in self._rds._instances.values():
            replicas = instance.get("ReadReplicaDBInstanceIdentifiers") or []
            if db_id in replicas:
                replicas.remove(db_id)
        server = self._servers.of(arn)
        if server:
            drop_master(server, db_id)
            self._servers.release(arn)

    def _wrap_snapshots(self) -> None:
        """Snapshots hold data; their names are kept in lower case. [API DescribeDBSnapshots]"""
        create, actions = self._rds._create_snapshot_internal, self._rds._ACTION_MAP

        def create_with_data(snap_id: str, instance: Json) -> Json:
            name = snap_id.lower()
            self._servers.save(instance["DBInstanceArn"], name)
            made: Json = create(name, instance)
            return made

        def in_lower_case(action: Callable[[Json], Any]) -> Callable[[Json], Any]:
            return lambda params: action({**params, _SNAPSHOT: self._rds._p(params, _SNAPSHOT).lower()})

        def delete_with_data(params: Json) -> Any:
            name = self._rds._p(params, _SNAPSHOT)
            found, response = self._rds._snapshots.get(name), delete(params)
            if found and response[0] == 200:
                self._servers.discard(found["DBSnapshotArn"], name)
            return response

        self._rds._create_snapshot_internal = create_with_data
        delete, actions["DeleteDBSnapshot"] = actions["DeleteDBSnapshot"], delete_with_data
        for name in ("CreateDBSnapshot", "DescribeDBSnapshots", "DeleteDBSnapshot"):
            actions[name] = in_lower_case(actions[name])

    def _wrap_delete_call(self) -> None:
        delete_call: Callable[[Any], Any] = self._rds._delete_db_instance_impl

        def delete_and_drop(params: Any) -> Any:
            final = self._rds._p(params, "FinalDBSnapshotIdentifier").lower()
            if final in self._rds._snapshots and self._rds._p(params, "SkipFinalSnapshot") != "true":
                # ministack would put it in the place of the other.
                return self._rds._error("DBSnapshotAlreadyExists", f"The snapshot {final} already exists.", 400)
            instance = self._rds._resolve_instance(self._rds._p(params, "DBInstanceIdentifier"))
            response = delete_call(params)
            if instance and response[0] == 200:
                self._forget(instance["DBInstanceIdentifier"], instance["DBInstanceArn"])
            return response

        self._rds._delete_db_instance_impl = delete_and_drop


def _failure(server: PostgresServer) -> str:
    """Why a server does not run after up to a minute; "" when it does."""
    return "" if server.wait_running(60) else server.failure or "see its log"


def _refuse_protected(instance: Json | None) -> None:
    """RDS refuses to delete a protected instance whoever asks; ministack only refuses its own API's callers."""
    if instance and instance.get("DeletionProtection"):
        raise ValueError("Cannot delete protected DB Instance, please disable deletion protection and try again.")


def check_version(props: Json) -> None:
    """Refuse a major version that the local server isn't: a rehearsal on another major would prove little."""
    engine, version = props.get("Engine"), str(props.get("EngineVersion") or "")
    if engine not in (None, "postgres"):
        raise ValueError(f"The local target runs PostgreSQL, not {engine}.")
    if version and version.split(".", 1)[0] != str(MAJOR):
        raise ValueError(f"The local target runs PostgreSQL {MAJOR}, and the template asks for {version}.")
