"""How this package fails: the Lambda has no other part of opsctl, so the errors here stand on their own.

Each error says what happened and why (`message`), what to do next (`hint`), and carries a stable kebab-case `code`.
Messages are put together from names, addresses and the server's own words, never from a password or a signed URL.
"""

from __future__ import annotations


class DbRolesError(Exception):
    """A failure with a stable `code`, a sentence for a person, and the next thing to do.

    `retry_seconds` says how long trying again can help while connecting; 0 means that it can't.
    """

    code: str = "db-failed"
    retry_seconds: float = 0.0

    def __init__(self, message: str, *, hint: str = "", code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        if code is not None:
            self.code = code

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()

    def reason(self) -> str:
        """Cause and next step as one sentence, which is what a stack event has room for."""
        if not self.hint:
            return self.message
        hint = self.hint if self.hint[:2].isupper() else self.hint[0].lower() + self.hint[1:]
        return f"{self.message.rstrip('.')}: {hint}"

    def to_dict(self) -> dict[str, str]:
        """`code`, `message` and `hint`, for a reply that is read by opsctl."""
        return {"code": self.code, "message": self.message, "hint": self.hint}


class BadModelError(DbRolesError):
    """The role model itself can't be used; nothing was sent to the server."""

    code = "bad-role-model"


class BadSettingsError(DbRolesError):
    """Host, port, database, user or TLS settings can't be used; no connection was tried."""

    code = "bad-connection-settings"


class BadEventError(DbRolesError):
    """The Lambda was called with an event that it can't act on."""

    code = "bad-event"


class BadSecretError(DbRolesError):
    """The master's secret can't be read or doesn't hold a user name and password."""

    code = "bad-secret"


class PasswordRefusedError(DbRolesError):
    """The server didn't let the master in. A rotation in progress explains it for some seconds."""

    code = "password-refused"
    retry_seconds = 30.0


class UnknownDatabaseError(DbRolesError):
    """The server has no database of that name."""

    code = "unknown-database"


class UnreachableError(DbRolesError):
    """No conversation with the server: name, network, port, or a server that is still starting."""

    code = "database-unreachable"
    retry_seconds = 10.0


class TlsRefusedError(DbRolesError):
    """The server's certificate wasn't accepted, or it doesn't speak TLS at all."""

    code = "tls-refused"


class LockHeldError(DbRolesError):
    """Another session holds a lock that is needed here."""

    code = "lock-held"


class OutOfTimeError(DbRolesError):
    """The work didn't end within its time; what was begun is rolled back."""

    code = "out-of-time"


class MissingPrivilegeError(DbRolesError):
    """The master may not do what the model needs."""

    code = "missing-privilege"


class ConflictError(DbRolesError):
    """Something that opsctl did not make stands where the model needs a thing of its own."""

    code = "role-conflict"


class UnavailableExtensionError(DbRolesError):
    """The configuration names an extension that the server does not have."""

    code = "unavailable-extension"


class FaultyServerError(DbRolesError):
    """This version of PostgreSQL has a fault that the model can't live with."""

    code = "faulty-server"


class BadLoginError(DbRolesError):
    """The application's login could not be made, proved or stored; the one that worked before still does."""

    code = "bad-login"


class ServerFailedError(DbRolesError):
    """The server refused or broke off a statement."""

    code = "server-failed"


class ConcurrentChangeError(DbRolesError):
    """Another session changed the same catalog row at the same moment; a second try settles it."""

    code = "concurrent-change"


class MasterLockedOutError(DbRolesError):
    """With the login roles in rds_iam the server refused the master; those grants were taken back."""

    code = "master-locked-out"


class AnswerNotDeliveredError(DbRolesError):
    """CloudFormation's response URL didn't take the answer."""

    code = "answer-not-delivered"
