"""Events of a stack that is made, and time that the test moves."""

from __future__ import annotations

from datetime import UTC, datetime

from opsctl.deploy.events import ResourceChanged

AT = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


def changed(logical_id: str, status: str, reason: str = "", step: str = "data") -> ResourceChanged:
    return ResourceChanged(step, AT, logical_id, "AWS::RDS::DBInstance", status, reason)


class Clock:
    """Time that the test moves."""

    now = 100.0

    def __call__(self) -> float:
        return self.now
