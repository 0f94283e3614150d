"""Run as a program: log the service in once and print what its readiness probe says.

stdin is JSON: `using` is default or replica, `token` takes the place of the signed one, `options` are added to the
connection's.
"""

from __future__ import annotations

import importlib
import json
import sys


def main() -> None:
    asked = json.load(sys.stdin)
    import django
    from django.db import connections

    django.setup()
    # By name, as the service's code is out of reach for the type checks of these tests.
    backend, tokens, readiness = (
        importlib.import_module(f"config.{name}")
        for name in ("db.postgres_iam.base", "db.postgres_iam.tokens", "readiness")
    )
    if asked["token"] is not None:
        backend.DatabaseWrapper.tokens = tokens.TokenCache(sign=lambda _: asked["token"], clock=lambda: 0.0)
    connections[asked["using"]].settings_dict["OPTIONS"].update(asked["options"])
    sys.stdout.write((readiness.not_ready_reason(asked["using"]) or "ready") + "\n")


if __name__ == "__main__":
    main()
