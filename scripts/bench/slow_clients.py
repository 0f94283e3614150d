"""A health check of the bundled service beside slow clients, with gunicorn's own worker and with opsctl's."""

from __future__ import annotations

import tempfile
from pathlib import Path

from scripts.bench.site import HOOK
from tests.functional.layer.slow_clients import attacks, watch
from tests.service.serving import serving

_SECONDS = 5.0
_WORKERS = {"gunicorn's": {}, "opsctl's": {"PYTHONPATH": str(HOOK)}}


def slow_clients() -> list[str]:
    """The slowest answer to a health check during each attack; goal: below a second, none failed."""
    lines = []
    for name, variables in _WORKERS.items():
        for what, attack in attacks("/healthz", "/api/salaries/", "/dashboard/").items():
            # A server of its own for each, since one attack outlasts its clients.
            with (
                tempfile.TemporaryDirectory(prefix="bench-slow-") as folder,
                serving(Path(folder), WEB_CONCURRENCY="2", **variables) as served,
                attack.on(served.port),
            ):
                health = watch(served.port, "/healthz", _SECONDS)
            lines.append(f"{name:<10} {what:<28} {health.worst:6.2f} s, {len(health.failed)} failed")
    return lines
