"""What the local target says of itself: where it answers, and what runs in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opsctl.local.runtime import Runtime
    from opsctl.local.tasks.container_engine import LocalContainer


@dataclass(frozen=True)
class LocalEndpoints:
    """Where a started target answers, those who have its key (`LocalTarget.key`)."""

    endpoint_url: str
    account_id: str
    region: str
    postgres_host: str
    postgres_port: int


@dataclass(frozen=True)
class LocalService:
    """An ECS service as the emulator sees it; `healthy` counts tasks that pass their target group's check."""

    name: str
    desired: int
    running: int
    healthy: int


@dataclass(frozen=True)
class LocalListener:
    """Where something answers people: `kind` is `load balancer` or `distribution`; whose it is, "" where unknown."""

    kind: str
    url: str
    environment: str
    service: str


@dataclass(frozen=True)
class LocalStatus:
    """What `opsctl local status` shows. `record_only` are resource types that deploy and do nothing here; `containers`
    are those that the engine has, whether the emulator knows of them or not.
    """

    running: bool
    state: Path
    endpoints: LocalEndpoints | None
    emulator_pid: int | None
    postgres_pid: int | None
    services: tuple[LocalService, ...]
    listeners: tuple[LocalListener, ...]
    idle_seconds: float
    record_only: tuple[str, ...]
    runtime: Runtime
    containers: tuple[LocalContainer, ...]
