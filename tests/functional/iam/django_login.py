"""Run as a program: log the service in once and print what its readiness probe says.

stdin is JSON: `token` takes the place of the signed one, `options` are added to the connection's.
"""

from __future__ import annotations

import json
import sys


def main() -> None:
    asked = json.load(sys.stdin)
    import django

    django.setup()
    from config.db.postgres_iam.base import DatabaseWrapper
    from config.db.postgres_iam.tokens import TokenCache
    from config.readiness import not_ready_reason
    from django.db import connections

    if asked["token"] is not None:
        DatabaseWrapper.tokens = TokenCache(sign=lambda _: asked["token"], clock=lambda: 0.0)
    connections["default"].settings_dict["OPTIONS"].update(asked["options"])
    sys.stdout.write((not_ready_reason() or "ready") + "\n")


if __name__ == "__main__":
    main()
