"""Extend ministack's ECS so that tasks run, are judged by their health, and CloudFormation waits for them.

ministack has the whole scheduler (rolling updates, circuit breaker, roll-back, awslogs); without a container engine
it only says "running". `install` gives it an engine and closes the gaps below; each wrapper calls the original.

NOTE: what ministack 1.5.33 leaves out and is added here: the first deployment of a service is COMPLETED from the
start (so a broken first release is never noticed); CloudFormation doesn't wait for the service to be steady; a
stopped task's exit code is always 0; container definitions from templates are only half translated. Containers of
one task do not share a network address.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, NoReturn
from uuid import uuid4

from opsctl.local.state import Json
from opsctl.local.tasks.container import LABEL, ContainerSettings
from opsctl.local.tasks.container_tasks import options_of
from opsctl.local.tasks.engine import Engine
from opsctl.local.tasks.health import HealthMonitor

_SCALABLE = "AWS::ApplicationAutoScaling::ScalableTarget"
_STEADY_SECONDS = 900.0
_UNPROBED_SECONDS = 4.0
DELETE_REQUESTED = "_opsctl_delete_requested"
"""Set on a stack that is to be deleted while it is being made: whatever waits in its create gives up."""


def settings_of(ecs: Any) -> Callable[[Mapping[str, str]], ContainerSettings]:
    """Reads a container's settings from the task definition that its labels name."""

    def read(labels: Mapping[str, str]) -> ContainerSettings:
        key = f"{labels.get(f'{LABEL}task-definition-family')}:{labels.get(f'{LABEL}task-definition-version')}"
        definition = ecs._task_defs.get(key) or {}
        for container in definition.get("containerDefinitions", []):
            if container.get("name") == labels.get(f"{LABEL}container-name"):
                ports = tuple(int(each["containerPort"]) for each in container.get("portMappings") or [])
                forwarded = (container.get("logConfiguration") or {}).get("logDriver") == "awslogs"
                stop = float(container.get("stopTimeout") or 30)
                entry = tuple(container.get("entryPoint") or ())
                volumes = tuple(str(each["containerPath"]) for each in container.get("mountPoints") or [])
                return ContainerSettings(ports, entry, volumes, stop, forwarded, options_of(definition, container))
        return ContainerSettings()

    return read


def fail_pull(ecs: Any) -> Callable[[str], NoReturn]:
    """Raises what ministack reports as CannotPullContainerError."""

    def fail(reason: str) -> NoReturn:
        raise ecs._ImagePullError(reason)

    return fail


def digest_of_tag(ecr: Any) -> Callable[[str], str]:
    """Resolves `registry/repository:tag` in the emulated ECR of the current account; empty when unknown."""

    def resolve(name: str) -> str:
        path = name.split("/", 1)[1] if ".dkr.ecr." in name.split("/", 1)[0] else name
        repository, _, tag = path.rpartition(":")
        if not repository or repository not in ecr._images:
            return ""
        image = next((each for each in ecr._images[repository] if tag in each.get("imageTags", [])), None)
        return str(image["imageDigest"]) if image else ""

    return resolve


def install(ecs: Any, engine: Engine, health: HealthMonitor) -> None:
    """Put the engine and the wrappers in place."""
    ecs._docker = engine
    _first_deployment_is_a_rollout(ecs)
    _forget_failed_deployments(ecs)
    _only_healthy_tasks_are_stable(ecs, health)
    _room_is_made_by_what_answers_nobody(ecs, health)
    _real_exit_codes(ecs, engine)


def _first_deployment_is_a_rollout(ecs: Any) -> None:
    make_deployment = ecs._make_deployment

    def make(task_definition: str, desired_count: int, status: str = "PRIMARY") -> Json:
        deployment: Json = make_deployment(task_definition, desired_count, status)
        if int(desired_count) > 0:
            deployment["rolloutState"] = "IN_PROGRESS"
            deployment["rolloutStateReason"] = "ECS deployment in progress."
        return deployment

    ecs._make_deployment = make


def _forget_failed_deployments(ecs: Any) -> None:
    """NOTE: ministack lists failed deployments for ever, and a waiter for a stable service would never end; ECS drops
    them. Here they go when the next one begins.
    """
    update = ecs._update_service

    def forget_then_update(data: Json) -> Any:
        for (_account, _region, key), service in list(ecs._services.all_items()):
            if key.endswith("/" + str(data.get("service", "")).rsplit("/", 1)[-1]):
                service["deployments"] = [each for each in service.get("deployments", []) if not _is_over(each)]
        return update(data)

    ecs._update_service = forget_then_update
    ecs._ACTION_MAP["UpdateService"] = forget_then_update


def _is_over(deployment: Json) -> bool:
    failed = deployment.get("rolloutState") == "FAILED" and deployment.get("status") != "PRIMARY"
    return failed and not deployment.get("runningCount")


def _only_healthy_tasks_are_stable(ecs: Any, health: HealthMonitor) -> None:
    """NOTE: ministack's thread for one task asks a second after its start. Nobody probes a worker, and one that can't
    import what it needs, or lacks a variable, lives longer than that when several start at once.
    """
    record_healthy = ecs._record_service_task_healthy

    def record(service_key: str, task: Json) -> None:
        if not (health.service_of(task) or {}).get("loadBalancers"):
            time.sleep(_UNPROBED_SECONDS)
        if health.task_is_healthy(task):
            record_healthy(service_key, task)

    ecs._record_service_task_healthy = record


_FOR_ROOM = "Deployment capacity limit"


def _room_is_made_by_what_answers_nobody(ecs: Any, health: HealthMonitor) -> None:
    """NOTE: where a deployment replaces another that is not finished, ministack makes room by ending the oldest tasks,
    the only ones that answer. ECS keeps the healthy ones that minimumHealthyPercent asks for. [API
    DeploymentConfiguration]
    """
    stop = ecs._stop_task

    def stop_unhealthy_first(data: Json) -> Any:
        if data.get("reason") == _FOR_ROOM and health.task_is_healthy(task := ecs._tasks[data["task"]]):
            primary = ecs._primary_deployment(health.service_of(task) or {}) or {}
            for arn, each in list(ecs._tasks.items()):
                if (
                    all(each.get(name) == task.get(name) for name in ("group", "clusterArn"))
                    and each.get("_deployment_id") != primary.get("id")
                    and each.get("lastStatus") in ("PENDING", "RUNNING")
                    and not health.task_is_healthy(each)
                ):
                    return stop({**data, "task": arn})
        return stop(data)

    ecs._stop_task = stop_unhealthy_first


def _real_exit_codes(ecs: Any, engine: Engine) -> None:
    """Report how a stopped command really ended, as soon as it has ended."""
    cleanup = ecs._cleanup_task_resources

    def record(task: Json, containers: list[str]) -> None:
        for index, container_id in enumerate(containers):
            code = engine.containers.get(container_id).wait()["StatusCode"]
            with ecs.resource_lock("ecs-task", task.get("taskArn", "")):
                task["containers"][index]["exitCode"] = code

    def cleanup_and_record(task: Json, client: Any, extra_container: Any = None) -> None:
        containers = list(task.get("_docker_ids") or [])
        cleanup(task, client, extra_container)
        if containers and task.get("stopCode") in ("UserInitiated", "ServiceSchedulerInitiated"):
            threading.Thread(target=record, args=(task, containers), daemon=True, name="opsctl-exit-code").start()

    ecs._cleanup_task_resources = cleanup_and_record


# -- CloudFormation's AWS::ECS::Service ------------------------------------------------------------------------------


def install_service_type(provisioners: Any, ecs: Any, records: Any) -> None:
    """Make CloudFormation wait until a service is steady, and fail when its circuit breaker trips; `records` is
    ministack's store of stacks.
    """
    _whole_container_definitions(provisioners)
    handler = provisioners._RESOURCE_HANDLERS["AWS::ECS::Service"]
    create_service, update_service = handler["create"], handler["update"]

    def create(logical_id: str, props: Json, stack_name: str) -> tuple[str, Json]:
        props = _with_numbers(props)
        arn, attributes = create_service(logical_id, props, stack_name)
        _keep_grace_period(ecs, arn, props)
        try:
            _wait_steady(ecs, arn, records, stack_name)
        except ValueError:
            if (records.get(stack_name) or {}).get(DELETE_REQUESTED):
                cluster, name = arn.rsplit("/", 2)[-2:]
                ecs._delete_service({"cluster": cluster, "service": name, "force": True})
            raise
        return arn, attributes

    def update(physical_id: str, old: Json, new: Json, stack_name: str) -> tuple[str, Json]:
        old, new = _with_numbers(old), _with_numbers(new)
        service = _service(ecs, physical_id) or {}
        before = frozenset(each.get("id") for each in service.get("deployments", ()))
        arn, attributes = update_service(physical_id, old, new, stack_name)
        if _is_restart(old, new):
            cluster, name = arn.rsplit("/", 2)[-2:]
            ecs._update_service({"cluster": cluster, "service": name, "forceNewDeployment": True})
        try:
            _wait_steady(ecs, arn, records, stack_name, before)
        except ValueError:
            # NOTE: ministack's roll-back compares with what it recorded, the properties before, and changes nothing: of
            # an update that was cancelled the new tasks would stay.
            if _runs_another(ecs, arn, old):
                update_service(physical_id, new, old, stack_name)
                _wait_rolled_back(ecs, arn)
            raise
        return arn, attributes

    handler["create"], handler["update"] = create, update


def _runs_another(ecs: Any, arn: str, props: Json) -> bool:
    """Whether the deployment in force has another task definition than these properties."""
    service = _service(ecs, arn)
    primary = ecs._primary_deployment(service) if service and service.get("status") == "ACTIVE" else None
    return primary is not None and primary.get("taskDefinition") != props.get("TaskDefinition")


def install_scaling(provisioners: Any, ecs: Any) -> None:
    """Run as many tasks as a scalable target asks for at least: Application Auto Scaling starts them when it is
    registered, and ends them again when nothing loads them. By load nothing scales here. [API RegisterScalableTarget]
    """
    handler = provisioners._RESOURCE_HANDLERS[_SCALABLE]  # our own, see `resources`
    create_target, update_target = handler["create"], handler["update"]

    def create(logical_id: str, props: Json, stack_name: str) -> Any:
        made = create_target(logical_id, props, stack_name)
        _hold_count(ecs, props)
        return made

    def update(physical_id: str, old: Json, new: Json, stack_name: str, logical_id: str | None = None) -> Any:
        made = update_target(physical_id, old, new, stack_name, logical_id)
        _hold_count(ecs, new)
        return made

    handler["create"], handler["update"] = create, update


def _hold_count(ecs: Any, props: Json) -> None:
    service = _service(ecs, str(props.get("ResourceId", "")))
    wanted = int(props.get("MinCapacity") or 0)
    if service is None or props.get("ScalableDimension") != "ecs:service:DesiredCount":
        return
    if int(service.get("desiredCount") or 0) != wanted:
        cluster, name = str(props["ResourceId"]).rsplit("/", 2)[-2:]
        ecs._update_service({"cluster": cluster, "service": name, "desiredCount": wanted})


def _is_restart(old: Json, new: Json) -> bool:
    """NOTE: ministack knows nothing of ForceNewDeployment in templates; a new task definition rolls out anyhow."""
    nonces = [(props.get("ForceNewDeployment") or {}).get("ForceNewDeploymentNonce") for props in (old, new)]
    return nonces[0] != nonces[1] and old.get("TaskDefinition") == new.get("TaskDefinition")


_CAMEL_CASE = ("secrets", "healthCheck", "dependsOn", "ulimits", "linuxParameters", "repositoryCredentials")


def _whole_container_definitions(provisioners: Any) -> None:
    """NOTE: ministack leaves nested names as templates write them (`ValueFrom`), where its ECS looks for `valueFrom`:
    a task from a template got none of its secrets.
    """
    normalize, camel = provisioners._normalize_container_defs, provisioners._pascal_to_camel

    def whole(definitions: list[Json]) -> list[Json]:
        result: list[Json] = normalize(definitions)
        for container in result:
            container.update({name: camel(container[name]) for name in _CAMEL_CASE if name in container})
        return result

    provisioners._normalize_container_defs = whole


def _with_numbers(props: Json) -> Json:
    """NOTE: ministack hands template parameters of type Number over as text, which its ECS can't count with."""
    names = ("DesiredCount", "HealthCheckGracePeriodSeconds")
    return {name: int(value) if name in names else value for name, value in props.items()}


def _service(ecs: Any, arn: str) -> Json | None:
    cluster, name = arn.rsplit("/", 2)[-2:]
    found: Json | None = ecs._services.get(f"{cluster}/{name}")
    return found


def _keep_grace_period(ecs: Any, arn: str, props: Json) -> None:
    """NOTE: ministack's create handler drops it; its update handler does not."""
    service = _service(ecs, arn)
    if service is not None:
        service["healthCheckGracePeriodSeconds"] = props.get("HealthCheckGracePeriodSeconds", 0)


def _wait_steady(ecs: Any, arn: str, records: Any, stack_name: str, before: frozenset[Any] = frozenset()) -> None:
    """Wait for what this operation rolls out; `before` are the deployments that were there.

    An image that is not there fails so fast that the primary may be the one that the breaker went back to.
    """
    service = _service(ecs, arn)
    primary = ecs._primary_deployment(service) if service else None
    for each in (service or {}).get("deployments", ()):
        if each.get("id") not in before and each.get("rolloutState") == "FAILED":
            primary = each
    if primary is None:
        return
    deadline = time.monotonic() + _STEADY_SECONDS
    while time.monotonic() < deadline:
        service = _service(ecs, arn)
        if service is None or service.get("status") != "ACTIVE":
            return
        if _is_steady(service, primary):
            _tell_steady(ecs, service)
            return
        if primary.get("rolloutState") == "FAILED":
            _wait_rolled_back(ecs, arn)
            raise ValueError(
                'Resource handler returned message: "Error occurred during operation '
                "'ECS Deployment Circuit Breaker was triggered'.\""
            )
        stack = records.get(stack_name) or {}
        if stack.get("_cancel_requested"):
            raise ValueError("Resource update cancelled")
        if stack.get(DELETE_REQUESTED):
            raise ValueError("Resource creation cancelled")
        time.sleep(0.1)
    raise ValueError(f"Resource handler returned message: service {arn.rsplit('/', 1)[-1]} did not become steady")


def _tell_steady(ecs: Any, service: Json) -> None:
    """NOTE: ministack's services tell of failures only."""
    message = f"(service {service['serviceName']}) has reached a steady state."
    service["events"].insert(0, {"id": str(uuid4()), "createdAt": ecs._iso(), "message": message})


def _wait_rolled_back(ecs: Any, arn: str) -> None:
    """Let the circuit breaker's own roll-back finish: a deployment that starts in the middle of it would have no
    completed one to go back to."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        service = _service(ecs, arn)
        primary = ecs._primary_deployment(service) if service else None
        if primary is None or primary.get("rolloutState") != "IN_PROGRESS":
            return
        time.sleep(0.1)


def _is_steady(service: Json, deployment: Json) -> bool:
    return bool(
        deployment.get("rolloutState") == "COMPLETED"
        and service.get("runningCount", 0) == int(service.get("desiredCount") or 0)
        and service.get("pendingCount", 0) == 0
    )
