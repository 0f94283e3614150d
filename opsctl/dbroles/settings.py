"""Where the database is, who the master is, and how the connection is protected. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast

from opsctl.dbroles.errors import BadEventError, BadSettingsError
from opsctl.dbroles.model import Auth

SslMode = Literal["disable", "prefer", "require", "verify-full"]
_SSL_MODES = ("disable", "prefer", "require", "verify-full")
_DSN_KEYS = {"host", "port", "dbname", "user", "password", "sslmode", "sslrootcert"}


@dataclass(frozen=True)
class ConnectionSettings:
    """How to reach one database as its master.

    Either `secret_arn` names a Secrets Manager secret whose JSON holds `username` and `password`, or `user` (and, where
    the server asks for one, `password`) is given. `auth` says how the login roles log in, not how the master does.
    `login_secret_arn` names the secret that the application's login is kept in, for auth password; without it the roles
    are made, and no password is.
    """

    host: str
    port: int
    database: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    secret_arn: str | None = None
    auth: Auth = "trust"
    sslmode: SslMode = "prefer"
    ssl_root_cert: str | None = None
    login_secret_arn: str | None = None

    def __post_init__(self) -> None:
        _check_text("host", self.host, 255)
        _check_text("database", self.database, 63)
        if not 1 <= self.port <= 65535:
            raise BadSettingsError(f"The port is {self.port}.", hint="Give a port from 1 to 65535.")
        if self.auth not in ("iam", "password", "trust"):
            raise BadSettingsError(f"Auth is {self.auth!r}.", hint="Write iam, password or trust.")
        if self.sslmode not in _SSL_MODES:
            raise BadSettingsError(f"sslmode is {self.sslmode!r}.", hint=f"Write one of {', '.join(_SSL_MODES)}.")
        if not self.secret_arn and not self.user:
            raise BadSettingsError(
                "There is neither a secret nor a user name to log in with.", hint="Name the master's secret or user."
            )

    @property
    def address(self) -> str:
        """host:port, for messages."""
        return f"{self.host}:{self.port}"

    @classmethod
    def from_dsn(cls, dsn: str, *, auth: Auth = "trust") -> ConnectionSettings:
        """Read a libpq connection string or URL. What it leaves out is not taken from the environment.

        Raises BadSettingsError; its message never shows the string, which may hold a password.
        """
        from psycopg2 import ProgrammingError
        from psycopg2.extensions import parse_dsn

        try:
            parts = cast(dict[str, str], parse_dsn(dsn))
        except (ProgrammingError, TypeError, ValueError):
            raise BadSettingsError(
                "The connection string can't be read.", hint="Write postgresql://USER@HOST:PORT/DATABASE."
            ) from None
        unknown = sorted(set(parts) - _DSN_KEYS)
        if unknown:
            raise BadSettingsError(f"The connection string sets {unknown[0]}.", hint="Leave that out.")
        missing = [key for key in ("host", "dbname", "user") if not parts.get(key)]
        if missing:
            raise BadSettingsError(
                f"The connection string names no {missing[0]}.", hint="Write postgresql://USER@HOST:PORT/DATABASE."
            )
        return cls(
            host=parts["host"],
            port=_read_port(parts.get("port", "5432")),
            database=parts["dbname"],
            user=parts["user"],
            password=parts.get("password"),
            auth=auth,
            sslmode=cast(SslMode, parts.get("sslmode", "prefer")),
            ssl_root_cert=parts.get("sslrootcert"),
        )

    @classmethod
    def from_properties(
        cls, properties: Mapping[str, object], environ: Mapping[str, str], bundle_root: Path
    ) -> ConnectionSettings:
        """Read the properties of the custom resource: Host, Port, Database, MasterSecretArn, Auth, and LoginSecretArn
        with Auth=password.

        DB_SSL_ROOT_CERT in `environ` is the CA bundle's path below `bundle_root`; with it the server must prove itself
        (verify-full). Without Auth=trust it must be there: otherwise the master's password could go to anyone.
        Raises BadEventError for an absent property and BadSettingsError for a bad value.
        """
        auth = _property(properties, "Auth")
        certificate = environ.get("DB_SSL_ROOT_CERT", "").strip()
        path = bundle_root / certificate if certificate else None
        if path and not path.is_file():
            raise BadSettingsError(
                f"DB_SSL_ROOT_CERT names {certificate}, which is not in the bundle.", hint="Build the bundle anew."
            )
        if auth in ("iam", "password") and path is None:
            raise BadSettingsError(
                f"Auth is {auth}, but DB_SSL_ROOT_CERT names no CA bundle to verify the server with.",
                hint="Set DB_SSL_ROOT_CERT to certs/rds.pem on the function.",
            )
        return cls(
            host=_property(properties, "Host"),
            port=_read_port(_property(properties, "Port")),
            database=_property(properties, "Database"),
            secret_arn=_property(properties, "MasterSecretArn"),
            auth=cast(Auth, auth),
            sslmode="verify-full" if path else "prefer",
            ssl_root_cert=str(path) if path else None,
            login_secret_arn=_property(properties, "LoginSecretArn") if auth == "password" else None,
        )


def _check_text(key: str, value: str, limit: int) -> None:
    if not value or len(value.encode()) > limit or not value.isprintable():
        raise BadSettingsError(
            f"The {key} {value[:80]!r} is empty, too long or holds control characters.",
            hint=f"Give a {key} of 1 to {limit} printable characters.",
        )


def _read_port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 5):
        raise BadSettingsError(f"The port is {text[:40]!r}.", hint="Give a port from 1 to 65535.")
    return int(text)


def _property(properties: Mapping[str, object], key: str) -> str:
    value = properties.get(key)
    if not isinstance(value, (str, int)) or isinstance(value, bool) or value == "":
        raise BadEventError(
            f"The event has no usable property {key}.", hint=f"Set {key} on the custom resource and deploy again."
        )
    return str(value)
