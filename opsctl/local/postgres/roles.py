"""Passwords of roles that nobody gave one: `auth: trust` is the application's, and loopback is every user's.

The application still knows no password: libpq finds it in PGPASSWORD, which opsctl puts into the environment of tasks
and of psql. It is derived from the superuser's, so it is good for as long as the cluster is, and stands in no file.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import TYPE_CHECKING

from opsctl.local.keys import derived

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor  # noqa: N812  psycopg2 names the class like a function


def let_in(cursor: Cursor, role: str, superuser_password: str) -> str | None:
    """A password with which the role logs in; None when it can't log in, or has one that somebody else gave it."""
    from psycopg2 import sql
    from psycopg2.extensions import encrypt_password

    cursor.execute("SELECT rolpassword FROM pg_authid WHERE rolname = %s AND rolcanlogin", (role,))
    found = cursor.fetchone()
    if found is None:
        return None
    password = derived(superuser_password, f"role {role}")
    if found[0] is None:
        verifier = encrypt_password(password, role, cursor.connection, "scram-sha-256")
        cursor.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(verifier)))
    elif not is_verifier_of(found[0], password):
        return None
    return password


def is_verifier_of(verifier: str, password: str) -> bool:
    """Whether PostgreSQL made this SCRAM verifier, `SCRAM-SHA-256$iterations:salt$stored:server`, of the password."""
    kind, _, rest = verifier.partition("$")
    if kind != "SCRAM-SHA-256":
        return False
    how, _, keys = rest.partition("$")
    iterations, _, salt = how.partition(":")
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(salt), int(iterations))
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    return hmac.compare_digest(base64.b64encode(stored).decode(), keys.partition(":")[0])
