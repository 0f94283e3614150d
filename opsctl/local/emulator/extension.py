"""Put everything of this package into ministack, in one place and in order.

ministack's modules are imported inside the functions: it reads its settings from the environment when it is imported,
and `emulator.configure_ministack` sets them first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from opsctl.local.emulator import calls, corrections, dataplane, recovery, retention
from opsctl.local.emulator.calls import CallCounter
from opsctl.local.emulator.persistence import Snapshots
from opsctl.local.emulator.recovery import Recovery
from opsctl.local.emulator.resources import RECORD_ONLY, ResourceTypes
from opsctl.local.postgres.instances import Servers
from opsctl.local.postgres.rds import DbInstances
from opsctl.local.state import StateDir
from opsctl.local.tasks import ecs as ecs_extension
from opsctl.local.tasks.container import Runner
from opsctl.local.tasks.container_engine import ContainerEngine
from opsctl.local.tasks.container_tasks import ContainerImages, ContainerRunner
from opsctl.local.tasks.engine import Images, provide_docker_errors
from opsctl.local.tasks.health import HealthMonitor
from opsctl.local.tasks.processes import ProcessContainers, ProcessEngine, ProcessImages, ProcessRunner
from opsctl.local.tasks.spawner import Spawner


@dataclass(frozen=True)
class Backend:
    """What tasks run on: the engine, or None for processes. `registry` is where the emulated ECR answers."""

    engine: ContainerEngine | None
    registry: str


@dataclass(frozen=True)
class Extension:
    """What the emulator's process works with after ministack was extended; `app` is ministack's application module."""

    app: Any
    containers: ProcessContainers
    health: HealthMonitor
    listeners: dataplane.Listeners
    databases: DbInstances
    recovery: Recovery
    snapshots: Snapshots
    record_only: tuple[str, ...]
    trim: Callable[[], None]


def extend_ministack(
    state: StateDir, servers: Servers, spawner: Spawner, counter: CallCounter, backend: Backend
) -> Extension:
    """Extend ministack in this process; call it once, before it serves."""
    from ministack import app
    from ministack.core.responses import request_scope
    from ministack.services import alb, cloudwatch_logs, ecs, rds
    from ministack.services.cloudformation import provisioners

    containers, health = _extend_ecs(state, servers, spawner, backend)
    dataplane.install(alb, health)
    record_only = _extend_types()
    databases = DbInstances(rds, provisioners, servers, request_scope)
    databases.install()
    stack_recovery = _extend_operations()
    calls.install(app, counter)
    recovery.note_changes(ecs, counter.changed, counter.logged)
    return Extension(
        app=app,
        containers=containers,
        health=health,
        listeners=dataplane.Listeners(state, app, alb, request_scope, counter.touch),
        databases=databases,
        recovery=stack_recovery,
        snapshots=_snapshots(state, counter, stack_recovery),
        record_only=record_only,
        trim=lambda: retention.trim(ecs, cloudwatch_logs),
    )


def _extend_ecs(
    state: StateDir, servers: Servers, spawner: Spawner, backend: Backend
) -> tuple[ProcessContainers, HealthMonitor]:
    from ministack.core.responses import request_scope
    from ministack.services import alb, ecs
    from ministack.services.cloudformation import _stacks, provisioners

    runner, images = _runner(state, backend)
    containers = ProcessContainers(
        state,
        runner,
        spawner,
        settings_of=ecs_extension.settings_of(ecs),
        fail_pull=ecs_extension.fail_pull(ecs),
        wait_database=lambda: servers.wait_running(60),
    )
    engine = ProcessEngine(containers, images)
    health = HealthMonitor(ecs, alb, request_scope, engine, containers)
    ecs_extension.install(ecs, engine, health)
    ecs_extension.install_service_type(provisioners, ecs, _stacks)
    return containers, health


def _runner(state: StateDir, backend: Backend) -> tuple[Runner, Images]:
    from ministack.services import ecr

    not_found, digest_of_tag = provide_docker_errors(), ecs_extension.digest_of_tag(ecr)
    if backend.engine is None:
        sources = ProcessImages(state, digest_of_tag, not_found)
        return ProcessRunner(state, sources), sources
    images = ContainerImages(backend.engine, backend.registry, digest_of_tag=digest_of_tag, not_found=not_found)
    return ContainerRunner(backend.engine, images), images


def _extend_types() -> tuple[str, ...]:
    """Register what CloudFormation lacks; answers `type: what it doesn't do` of those that only record."""
    from ministack import app
    from ministack.core.responses import get_account_id, get_region
    from ministack.services import s3, secretsmanager
    from ministack.services.cloudformation import provisioners

    registered = ResourceTypes(provisioners, app._get_module, get_account_id, get_region).install()
    corrections.install(provisioners, secretsmanager, s3)
    return tuple(f"{name}: {RECORD_ONLY[name]}" for name in registered if name in RECORD_ONLY)


def _extend_operations() -> Recovery:
    from ministack.core.responses import request_scope
    from ministack.services.cloudformation import _stacks, stacks

    recovery.run_blocking_types_off_the_loop(stacks)
    stack_recovery = Recovery(stacks, _stacks, request_scope)
    stack_recovery.install()
    return stack_recovery


def _snapshots(state: StateDir, counter: CallCounter, stack_recovery: Recovery) -> Snapshots:
    from ministack import app
    from ministack.core import persistence

    return Snapshots(
        state.aws,
        app,
        persistence,
        changes=lambda: counter.changes,
        lines=lambda: counter.lines,
        busy=stack_recovery.busy,
    )
