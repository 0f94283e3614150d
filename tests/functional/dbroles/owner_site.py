"""A site whose application has an owner's login with a password, and the secret that holds it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 names its class in lower case

from opsctl.dbroles.login_secret import SecretsManagerStore
from opsctl.dbroles.model import RoleModel
from opsctl.dbroles.report import Report, RotationReport
from opsctl.dbroles.service import initialize, rotate
from opsctl.dbroles.settings import ConnectionSettings
from tests.functional.dbroles.servers import Server
from tests.functional.dbroles.site import Site

LOGIN_ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:login-AbCdEf"


@dataclass
class FakeStore(SecretsManagerStore):
    """A secret in memory. `before` and `after` are called around each access, and may raise."""

    versions: list[tuple[str, str]] = field(default_factory=list)
    before: Callable[[str], None] = lambda _: None
    after: Callable[[str], None] = lambda _: None

    def read(self, arn: str, stage: str) -> str | None:
        assert (arn, stage) == (LOGIN_ARN, "AWSCURRENT")
        self.before("read")
        text = self.versions[-1][1] if self.versions else None
        self.after("read")
        return text

    def write(self, arn: str, text: str, version: str) -> None:
        assert arn == LOGIN_ARN
        self.before("write")
        self.versions.append((version, text))
        self.after("write")

    @property
    def login(self) -> dict[str, Any]:
        """What the secret holds."""
        found = json.loads(self.versions[-1][1])
        assert isinstance(found, dict)
        return found


@dataclass
class OwnerSite:
    """`site` with `store`; its model has an owner's login."""

    site: Site
    store: FakeStore = field(default_factory=FakeStore)

    @property
    def server(self) -> Server:
        return self.site.server

    @property
    def model(self) -> RoleModel:
        return self.site.model

    @property
    def settings(self) -> ConnectionSettings:
        return replace(self.site.settings, auth="password", login_secret_arn=LOGIN_ARN)

    def initialize(self, *, check: bool = False, **changes: object) -> Report:
        """Run db init with passwords."""
        return initialize(self.settings, self.site.with_model(**changes).model, check=check, store=self.store)

    def rotate(self) -> RotationReport:
        """Run db rotate."""
        return rotate(self.settings, self.model, store=self.store)

    @contextmanager
    def session(self, login: dict[str, Any] | None = None) -> Iterator[Connection]:
        """A connection of the login in the secret, or of another one, as a task makes it."""
        found = login or self.store.login
        with closing(
            self.server.connect(found["username"], found["dbname"], found["password"], autocommit=True)
        ) as opened:
            yield opened

    def run(self, *statements: str, login: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """Run statements as the application; the rows of the last one."""
        with self.session(login) as opened, opened.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            return list(cursor.fetchall()) if cursor.description else []

    def works(self, login: dict[str, Any] | None = None) -> bool:
        """Whether the login in the secret, or another one, gets in."""
        try:
            return self.run("SELECT 1", login=login) == [(1,)]
        except psycopg2.OperationalError:
            return False

    def log(self) -> str:
        """All that the server has logged."""
        return (self.server.directory.parent / "log").read_text(errors="replace")
