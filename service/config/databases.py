"""Which database the service talks to, read from the environment.

`DB_AUTH=iam` is how it logs in on AWS. `trust` knows no credentials: a server on this machine lets the user in, through
a Unix socket by peer authentication, or by what opsctl's local target puts into libpq's `PGPASSWORD`. `password` sends
`DB_PASSWORD`. Both have to be asked for, for this machine only.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from config.env import EnvironmentVariableError, env_choice, env_file, env_int, env_str, is_loopback

# A connection is kept between requests; with IAM a token is checked at connect only, so age does not matter to it.
CONN_MAX_AGE_SECONDS = 300
CONNECT_TIMEOUT_SECONDS = 5
# A peer that vanished is found out within some ten seconds, in the middle of a question and between two.
# https://www.postgresql.org/docs/current/libpq-connect.html
KEEPALIVE = {"keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3, "tcp_user_timeout": 10_000}


def databases(*, local: bool, data_dir: Path) -> dict[str, dict[str, Any]]:
    """Return Django's DATABASES: `default`, and `replica` when `DB_REPLICA_HOST` is set.

    Raises:
        EnvironmentVariableError: a variable is missing, or `trust` is asked for where it would be unsafe.
    """
    host = env_str("DB_HOST", "")
    if not host:
        if not local:
            raise EnvironmentVariableError("DB_HOST is required but is not set; only DEPLOY_ENV=local may use SQLite.")
        return {"default": _sqlite(data_dir)}
    found = {"default": _postgres(host, local=local)}
    replica = env_str("DB_REPLICA_HOST", "")
    if replica:
        found["replica"] = _postgres(replica, local=local) | {"TEST": {"MIRROR": "default"}}
    return found


def _sqlite(data_dir: Path) -> dict[str, Any]:
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": data_dir / "opsctl.sqlite3",
        "OPTIONS": {
            # A writer takes its lock at BEGIN, so two loads queue instead of failing half way; WAL keeps readers going.
            "transaction_mode": "IMMEDIATE",
            "timeout": 60,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        },
    }


def _postgres(host: str, *, local: bool) -> dict[str, Any]:
    auth = env_choice("DB_AUTH", ("iam", "trust", "password"), "iam")
    options: dict[str, Any] = {
        "connect_timeout": CONNECT_TIMEOUT_SECONDS,
        "application_name": "opsctl-service",
        # Compiling a statement takes longer than any that this service has, and is begun for every large role.
        "options": f"{env_str('PGOPTIONS', '')} -c jit=off".strip(),
        **KEEPALIVE,
    }
    settings: dict[str, Any] = {
        "ENGINE": "config.db.postgres_iam",
        "NAME": env_str("DB_NAME"),
        "USER": env_str("DB_USER"),
        "HOST": host,
        "PORT": str(env_int("DB_PORT", 5432, low=1, high=65535)),
        "CONN_MAX_AGE": CONN_MAX_AGE_SECONDS,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": options,
    }
    if auth != "iam":
        # A path is the folder of a Unix socket.
        if not (local and (is_loopback(host) or host.startswith("/"))):
            raise EnvironmentVariableError(
                f"DB_AUTH={auth} is refused for host {host!r}: it is for this machine and DEPLOY_ENV=local only."
            )
        settings["ENGINE"] = "django.db.backends.postgresql"
        settings["PASSWORD"] = env_str("DB_PASSWORD") if auth == "password" else ""
        return settings
    options |= {"sslmode": "verify-full", "sslrootcert": str(env_file("DB_SSL_ROOT_CERT"))}
    options["aws_region"] = env_str("AWS_REGION")
    return settings
