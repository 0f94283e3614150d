"""What a local target is started with."""

from __future__ import annotations

import os
from dataclasses import dataclass

from opsctl.errors import OpsctlError
from opsctl.local.runtime import Runtime

LIFETIME_VARIABLE = "OPSCTL_LOCAL_LIFETIME"


class LocalTargetError(OpsctlError):
    """The local target can't do what was asked."""

    code = "local-target"


@dataclass(frozen=True)
class LocalSettings:
    """What a target is started with. `account_id` is also the access key: the emulator maps one to the other.

    `runtime` is what was asked for; None leaves it to the state, and a new one to processes.
    """

    region: str = "us-east-1"
    account_id: str = "000000000000"
    lifetime_seconds: float = 12 * 3600.0
    runtime: Runtime | None = None

    @classmethod
    def from_environment(cls, *, region: str = "us-east-1", runtime: Runtime | None = None) -> LocalSettings:
        """Settings with the lifetime of `OPSCTL_LOCAL_LIFETIME` (seconds without any request)."""
        text = os.environ.get(LIFETIME_VARIABLE, "")
        if not text:
            return cls(region=region, runtime=runtime)
        try:
            seconds = float(text)
        except ValueError:
            seconds = 0.0
        if seconds <= 0:
            raise LocalTargetError(
                f"{LIFETIME_VARIABLE} is {text!r}, which is not a positive number of seconds.",
                code="invalid-lifetime",
                hint=f"Unset it (12 hours) or set it, for example: {LIFETIME_VARIABLE}=3600",
            )
        return cls(region=region, runtime=runtime, lifetime_seconds=seconds)
