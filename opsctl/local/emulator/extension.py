"""Put everything of this package into ministack, in one place and in order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from opsctl.local.emulator import (
    calls,
    corrections,
    dataplane,
    detection,
    imports,
    logins,
    recovery,
    retention,
    seams,
    silent_functions,
)
from opsctl.local.emulator.calls import CallCounter
from opsctl.local.emulator.gate import Answer, Gate
from opsctl.local.emulator.names import IssuedNames
from opsctl.local.emulator.persistence import Snapshots
from opsctl.local.emulator.recovery import Recovery
from opsctl.local.emulator.resources import RECORD_ONLY, ResourceTypes
from opsctl.local.emulator.seams import Modules
from opsctl.local.emulator.signatures import Verifier
from opsctl.local.keys import Keys
from opsctl.local.postgres.instances import Servers
from opsctl.local.postgres.rds import DbInstances
from opsctl.local.state import StateDir
from opsctl.local.tasks import ecs as ecs_extension
from opsctl.local.tasks.container import Runner
from opsctl.local.tasks.container_engine import ContainerEngine
from opsctl.local.tasks.container_tasks import ContainerImages, ContainerRunner
from opsctl.local.tasks.credentials import TaskCredentials
from opsctl.local.tasks.engine import Images, provide_docker_errors
from opsctl.local.tasks.health import HealthMonitor
from opsctl.local.tasks.processes import ProcessContainers, ProcessEngine, ProcessImages, ProcessRunner
from opsctl.local.tasks.spawner import Spawner


@dataclass(frozen=True)
class Backend:
    """Whose emulator this is, and what its tasks run on: the engine, or None for processes. `registry` is where the
    emulated ECR answers.
    """

    account: str
    region: str
    keys: Keys
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
    gate: Callable[[Answer], Gate]


def extend_ministack(
    state: StateDir, servers: Servers, spawner: Spawner, counter: CallCounter, backend: Backend
) -> Extension:
    """Extend ministack in this process; call it once, before it serves."""
    modules = seams.load()
    logins.install(modules, backend.keys)
    credentials = TaskCredentials(backend.keys)
    verifier = Verifier(modules, backend.keys, backend.account, backend.region)
    names = IssuedNames(modules, backend.account, backend.region)
    containers, health = _extend_ecs(modules, state, servers, spawner, backend, credentials)
    dataplane.install(modules.alb, health)
    record_only = _extend_types(modules)
    recovery.run_blocking_types_off_the_loop(modules.stacks)
    stack_recovery = Recovery(modules)
    stack_recovery.install()
    databases = DbInstances(
        modules.rds, modules.provisioners, servers, modules.responses.request_scope, stack_recovery.restate
    )
    databases.install()
    imports.install(modules, databases.make_ready)
    calls.install(modules.app, modules.iam_actions, counter)
    recovery.note_changes(modules.ecs, counter.changed, counter.logged)
    return Extension(
        app=modules.app,
        containers=containers,
        health=health,
        listeners=dataplane.Listeners(state, modules, names, counter.touch),
        databases=databases,
        recovery=stack_recovery,
        snapshots=_snapshots(modules, state, counter, stack_recovery),
        record_only=record_only,
        trim=lambda: retention.trim(modules.ecs, modules.cloudwatch_logs),
        gate=lambda answer: Gate(modules, backend.keys, verifier, credentials, names, answer),
    )


def _extend_ecs(
    modules: Modules,
    state: StateDir,
    servers: Servers,
    spawner: Spawner,
    backend: Backend,
    credentials: TaskCredentials,
) -> tuple[ProcessContainers, HealthMonitor]:
    ecs = modules.ecs
    runner, images = _runner(modules.ecr, state, backend)
    containers = ProcessContainers(
        state,
        runner,
        spawner,
        settings_of=ecs_extension.settings_of(ecs),
        fail_pull=ecs_extension.fail_pull(ecs),
        wait_database=lambda: servers.wait_running(60),
        database_login=servers.login,
        credentials=credentials,
    )
    engine = ProcessEngine(containers, images)
    health = HealthMonitor(ecs, modules.alb, modules.responses.request_scope, engine, containers)
    ecs_extension.install(ecs, engine, health)
    ecs_extension.install_service_type(modules.provisioners, ecs, modules.cloudformation._stacks)
    return containers, health


def _runner(ecr: Any, state: StateDir, backend: Backend) -> tuple[Runner, Images]:
    not_found, digest_of_tag = provide_docker_errors(), ecs_extension.digest_of_tag(ecr)
    if backend.engine is None:
        sources = ProcessImages(state, digest_of_tag, not_found)
        return ProcessRunner(state, sources), sources
    images = ContainerImages(
        backend.engine, backend.registry, backend.keys.own.registry_password,
        digest_of_tag=digest_of_tag, not_found=not_found,
    )  # fmt: skip
    return ContainerRunner(backend.engine, images), images


def _extend_types(modules: Modules) -> tuple[str, ...]:
    """Register what CloudFormation lacks; answers `type: what it doesn't do` of those that only record."""
    registered = ResourceTypes(modules).install()
    ecs_extension.install_scaling(modules.provisioners, modules.ecs)
    corrections.install(modules)
    silent_functions.install(modules)
    detection.install(modules)
    return tuple(f"{name}: {RECORD_ONLY[name]}" for name in registered if name in RECORD_ONLY)


def _snapshots(modules: Modules, state: StateDir, counter: CallCounter, stack_recovery: Recovery) -> Snapshots:
    snapshots = Snapshots(
        state.aws,
        modules.app,
        modules.persistence,
        changes=lambda: counter.changes,
        lines=lambda: counter.lines,
        busy=stack_recovery.busy,
    )
    snapshots.install()
    return snapshots
