"""Keep the application's login: a password that works in its secret, and another one when it is rotated.

At any moment the secret holds a login that works, or (before the first run) none: a new password is only ever given to
the login that is not in the secret, proved by a connection, and then stored. Whoever is killed between two of these
steps leaves the secret as it was, and the next run begins anew. All of it happens under the lock of `db init`, held by
the session rather than by a transaction, because the password must be committed before it can be tried.

The server is given a SCRAM verifier made here, never the password: ALTER ROLE stands in its log with log_statement on.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 names its class in lower case
from psycopg2.extensions import encrypt_password

from opsctl.dbroles.apply import ADVISORY_LOCK, explaining, lock_held
from opsctl.dbroles.connection import LOCK_SECONDS, Credentials, connect
from opsctl.dbroles.deadline import Deadline
from opsctl.dbroles.errors import BadLoginError, BadSecretError, LockHeldError, PasswordRefusedError
from opsctl.dbroles.login_secret import DatabaseLogin, SecretsManagerStore, make_password, parse_login
from opsctl.dbroles.model import RoleModel
from opsctl.dbroles.settings import ConnectionSettings

_STORE_SECONDS = 8.0
"""Kept in reserve before the secret is written, so that the answer about it still goes out."""

Connect = Callable[[ConnectionSettings, Credentials], Connection]


@dataclass(frozen=True)
class Rotated:
    """The login that the secret holds now, the one it held before (None if that did not work), the secret's version."""

    login: str
    previous: str | None
    version: str
    open_sessions: int


@dataclass(frozen=True)
class LoginKeeper:
    """Works on the secret that `settings` names, for the two logins of `model`."""

    settings: ConnectionSettings
    model: RoleModel
    store: SecretsManagerStore
    connect: Connect = connect
    make_password: Callable[[], str] = make_password

    def pending(self) -> tuple[str, ...]:
        """What `ensure` would do, as sentences. Changes nothing. Raises DbRolesError."""
        found = self._stored()
        if found is None or not self._works(found):
            return (self._sentence(self._next_user(found)),)
        return () if self._leads_here(found) else (_ADDRESS,)

    def ensure(self, master: Connection, deadline: Deadline) -> tuple[str, ...]:
        """Leave a login that works as it is, else make one; sentences about what was done. Raises DbRolesError."""
        with self._locked(master, deadline):
            found = self._stored()
            if found is None or not self._works(found):
                user = self._next_user(found)
                self._switch(master, user, deadline)
                return (self._sentence(user),)
            if self._leads_here(found):
                return ()
            self._write(DatabaseLogin.at(self.settings, found.user, found.password))
            return (_ADDRESS,)

    def rotate(self, master: Connection, deadline: Deadline) -> Rotated:
        """Give the other login a new password and store it. Raises DbRolesError, and then the secret is as it was."""
        with self._locked(master, deadline):
            found = self._stored()
            user = self._next_user(found)
            previous = found.user if found and self._works(found) else None
            sessions = _open_sessions(master, user)
            version = self._switch(master, user, deadline)
        return Rotated(user, previous, version, sessions)

    def _stored(self) -> DatabaseLogin | None:
        return parse_login(self.store.read(str(self.settings.login_secret_arn), "AWSCURRENT"), self.model.pair)

    def _next_user(self, found: DatabaseLogin | None) -> str:
        first, second = self.model.pair
        return second if found and found.user == first else first

    def _leads_here(self, found: DatabaseLogin) -> bool:
        return found == DatabaseLogin.at(self.settings, found.user, found.password)

    def _sentence(self, user: str) -> str:
        return f"give {user} a new password and store it in the login's secret"

    def _works(self, login: DatabaseLogin) -> bool:
        """Whether the server lets it in. Raises BadLoginError when it does, but not as the owner."""
        try:
            opened = self.connect(self.settings, login.credentials)
        except PasswordRefusedError:
            return False
        with closing(opened), explaining("try the login"), opened.cursor() as cursor:
            cursor.execute("SELECT current_user")
            row = cursor.fetchone()
        if not row or row[0] != self.model.owner:
            raise BadLoginError(
                f"{login.user} logs in, but does not become {self.model.owner}.",
                hint=f"See whether the server has the setting role for {login.user}, and upgrade one that ignores it.",
            )
        return True

    def _switch(self, master: Connection, user: str, deadline: Deadline) -> str:
        """The steps in their order: set, try, store. Returns the secret's version."""
        login = DatabaseLogin.at(self.settings, user, self.make_password())
        deadline.check(f"{user} got a new password", need=_STORE_SECONDS)
        with explaining(f"give {user} a new password"), master.cursor() as cursor:
            verifier = encrypt_password(login.password, user, master, "scram-sha-256")
            cursor.execute(
                sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(user), sql.Literal(str(verifier)))
            )
        if not self._works(login):
            raise BadLoginError(
                f"The server did not let {user} in with its new password; the login's secret is as it was.",
                hint="See the server's log; a login in rds_iam, or a rule of pg_hba.conf, keeps passwords out.",
            )
        deadline.check("the login's secret was written", need=_STORE_SECONDS)
        with explaining("keep the lock of db init"), master.cursor() as cursor:
            # Had the connection been lost, the lock would be, and another run might have set another password.
            cursor.execute("SELECT 1")
        return self._write(login)

    def _write(self, login: DatabaseLogin) -> str:
        version = str(uuid.uuid4())
        arn, text = str(self.settings.login_secret_arn), login.text()
        try:
            self.store.write(arn, text, version)
        except BadSecretError:
            # An answer that got lost on its way says nothing about the writing.
            with suppress(BadSecretError):
                if self.store.read(arn, "AWSCURRENT") == text:
                    return version
            raise
        return version

    @contextmanager
    def _locked(self, master: Connection, deadline: Deadline) -> Iterator[None]:
        """Hold the lock of db init without a transaction, each statement being committed at once."""
        deadline.check("the login", need=1.0)
        seconds = min(LOCK_SECONDS, max(0.5, deadline.remaining() - 1))
        try:
            with explaining("get the lock of db init"):
                master.set_session(readonly=None, autocommit=True)
                with master.cursor() as cursor:
                    cursor.execute("SELECT set_config('lock_timeout', %s, false)", (f"{seconds * 1000:.0f}",))
                    cursor.execute("SELECT pg_advisory_lock(%s)", (ADVISORY_LOCK,))
        except LockHeldError:
            raise lock_held(seconds) from None
        try:
            yield
        finally:
            with suppress(psycopg2.Error), master.cursor() as cursor:  # a lost connection has lost the lock as well
                cursor.execute("SELECT pg_advisory_unlock(%s)", (ADVISORY_LOCK,))


_ADDRESS = "write the database's address to the login's secret"


def keeper_of(settings: ConnectionSettings, model: RoleModel, store: SecretsManagerStore) -> LoginKeeper | None:
    """The keeper, where there is a login to keep: with auth password, and a secret to keep it in."""
    return LoginKeeper(settings, model, store) if model.passwords and settings.login_secret_arn else None


def _open_sessions(master: Connection, user: str) -> int:
    with explaining("count the sessions of the login"), master.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE usename = %s", (user,))
        row = cursor.fetchone()
    return int(row[0]) if row else 0
