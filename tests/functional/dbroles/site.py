"""What a test needs: a master like RDS's (CREATEROLE, CREATEDB, no superuser), its database, and a role model."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace

import psycopg2

from opsctl.dbroles.model import RoleModel
from opsctl.dbroles.report import Report
from opsctl.dbroles.service import initialize
from opsctl.dbroles.settings import ConnectionSettings
from tests.functional.dbroles.servers import Server

PASSWORD = "Tr0ub4dor-and-3"  # of every test master, on loopback only


@dataclass(frozen=True)
class Site:
    """One database with its master on one server."""

    server: Server
    database: str
    master: str
    model: RoleModel

    @classmethod
    def create(cls, server: Server, number: int) -> Site:
        """Make master and database. Since PostgreSQL 16 handing out rds_iam takes its ADMIN OPTION."""
        master, database = f"master_{number}", f"db_{number}"
        server.run(
            f"CREATE ROLE {master} LOGIN CREATEROLE CREATEDB PASSWORD '{PASSWORD}'",
            f"GRANT test_masters TO {master}",
            *([f"GRANT rds_iam TO {master} WITH ADMIN OPTION"] if server.major >= 16 else []),
            f"CREATE DATABASE {database} OWNER {master}",
        )
        names = ("owner", "migrator", "writer", "reader", "loader", "user", "readonly")
        return cls(server, database, master, RoleModel.from_mapping({key: f"s{number}_{key}" for key in names}))

    @property
    def settings(self) -> ConnectionSettings:
        """The master's way in, by password."""
        return ConnectionSettings(
            host="127.0.0.1",
            port=self.server.port,
            database=self.database,
            user=self.master,
            password=PASSWORD,
            auth="iam",
        )

    def with_model(self, **changes: object) -> Site:
        """The same site under a changed model."""
        return replace(self, model=RoleModel.from_mapping({**self.model.to_dict(), **changes}))

    def initialize(self, *, check: bool = False) -> Report:
        """Run db init."""
        return initialize(self.settings, self.model, check=check)

    def attempt(self, user: str, *statements: str) -> str:
        """Run statements as `user` in one transaction, then roll back: "ok", or the SQLSTATE of the refusal."""
        try:
            with closing(self.server.connect(user, self.database, autocommit=False)) as connection:
                with connection.cursor() as cursor:
                    for statement in statements:
                        cursor.execute(statement)
                connection.rollback()
        except psycopg2.Error as error:
            return error.pgcode or "no connection"
        return "ok"

    def do(self, user: str, *statements: str) -> None:
        """Run statements as `user` and keep their effect."""
        self.server.run(*statements, database=self.database, user=user)

    def ask(self, query: str, user: str = "postgres") -> list[tuple[object, ...]]:
        """Rows of a query."""
        with closing(self.server.connect(user, self.database)) as connection, connection.cursor() as cursor:
            cursor.execute(query)
            return list(cursor.fetchall())

    def drop(self) -> None:
        """Remove database and roles, since roles belong to the whole server."""
        self.server.run(f"DROP DATABASE IF EXISTS {self.database} WITH (FORCE)")
        for role in (*reversed(self.model.every_name), self.master):
            self.server.run(f'DROP ROLE IF EXISTS "{role}"')
