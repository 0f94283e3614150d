"""Is the database there and fully migrated? Asked by `/readyz` and by `serve` before it starts."""

from __future__ import annotations

import logging
from functools import cache

from django.db import DatabaseError, connections
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.http import JsonResponse

from config.failures import first_line

log = logging.getLogger(__name__)


@cache
def _migrations_on_disk() -> frozenset[tuple[str, str]]:
    # They ship with the code, so one look per process is enough.
    loader = MigrationLoader(None, ignore_no_migrations=True)
    return frozenset(loader.disk_migrations)


def not_ready_reason(using: str = "default") -> str | None:
    """Return why the service can't answer requests, or None when it can."""
    try:
        connection = connections[using]
        applied = MigrationRecorder(connection).applied_migrations()
    except DatabaseError as error:
        return f"database unreachable: {first_line(error)}"
    except Exception as error:
        # Signing a token can fail in ways that are no DatabaseError; a probe must say so, not crash.
        return f"database login failed: {first_line(error)}"
    pending = sorted(_migrations_on_disk() - set(applied))
    if pending:
        names = ", ".join(f"{app}.{name}" for app, name in pending)
        return f"migrations not applied: {names}"
    return None


def readiness_response() -> JsonResponse:
    """Return 200 `{"status": "ready"}` or 503 with the kind of reason, since anybody may ask; the log has the rest."""
    from django.conf import settings

    for using in settings.DATABASES:
        reason = not_ready_reason(using)
        if reason:
            log.error("not ready: %s", reason)
            return JsonResponse({"status": "not ready", "reason": reason.partition(":")[0]}, status=503)
    return JsonResponse({"status": "ready"}, headers={"Cache-Control": "no-store"})
