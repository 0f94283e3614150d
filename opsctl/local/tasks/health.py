"""Health checks of ECS tasks behind target groups, and what ECS and the load balancer make of them.

NOTE: ministack calls every registered target healthy, completes a rollout one second after the process has started,
and sends requests to a task that doesn't listen yet. Here a task gets requests, and counts for its rollout, once
its target group's check passes; a task that goes on failing is stopped and replaced, and counts for the circuit
breaker, as on AWS.

Where we are quicker than AWS on purpose: the first success makes a target healthy (AWS asks for
HealthyThresholdCount of them, minutes with default settings), a starting task is asked four times a second, nobody
waits for an unhealthy one longer than `_LONGEST` seconds after its grace period, and whoever asks is told after half of
that at most that it is unhealthy.
"""

from __future__ import annotations

import http.client
import logging
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, Protocol

from opsctl.local.state import Json
from opsctl.local.tasks.engine import Engine

logger = logging.getLogger("opsctl.health")

State = Literal["initial", "healthy", "unhealthy"]
Said = tuple[str, str]
"""Why a check failed: a reason code and, where there is one, its description."""
_LONGEST = 30.0
_STARTING_INTERVAL = 0.25
_STEADY_INTERVAL = 5.0
_DRAIN_SECONDS = 0.5
# ECS keeps as many of a service. [API Service.events]
_EVENTS = 100


class Addresses(Protocol):
    """What the engine knows about network addresses."""

    def is_task(self, address: str) -> bool:
        """Whether tasks of this engine get such addresses."""
        ...

    def is_alive(self, address: str) -> bool:
        """Whether the task with this address runs."""
        ...


@dataclass
class Target:
    """One task in one target group; `said` is what its last check met."""

    task_arn: str
    state: State
    deadline: float
    next_probe: float = 0.0
    failures: int = 0
    probing: bool = False
    since: float = 0.0
    threshold: float = 0.0
    said: Said = ("", "")


@dataclass(frozen=True)
class _Assignment:
    """What has to be probed: a running task of a service, at one of its target groups."""

    account: str
    region: str
    service_key: str
    service: Json
    task: Json
    group_arn: str
    group: Json
    address: str
    port: int


class HealthMonitor:
    """Probes in a small pool; `tick` is called a few times a second and never blocks."""

    def __init__(self, ecs: Any, alb: Any, request_scope: Any, engine: Engine, addresses: Addresses) -> None:
        self._ecs = ecs
        self._alb = alb
        self._scope = request_scope
        self._engine = engine
        self._addresses = addresses
        self._targets: dict[tuple[str, str], Target] = {}
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(max_workers=4, thread_name_prefix="opsctl-probe")

    def state_of(self, group_arn: str, address: str) -> State:
        """Health of a target; those that are no task of ours count as healthy, as ministack has it."""
        with self._lock:
            target = self._targets.get((group_arn, address))
        if target is None:
            return "initial" if self._addresses.is_task(address) else "healthy"
        return target.state if self._addresses.is_alive(address) else "unhealthy"

    def told(self, group_arn: str, address: str) -> tuple[str, str, str]:
        """State, reason and description as the load balancer tells them. It calls a target unhealthy that failed its
        checks for as long as it takes, also while a service's grace period runs. [API TargetHealth]
        """
        state: str = self.state_of(group_arn, address)
        with self._lock:
            target = self._targets.get((group_arn, address))
        if target is None:
            return state, "Elb.RegistrationInProgress" if state == "initial" else "", ""
        if state == "initial" and target.failures and time.monotonic() - target.since >= target.threshold:
            state = "unhealthy"
        if state == "initial":
            return state, "Elb.InitialHealthChecking", ""
        reason, description = target.said if state == "unhealthy" else ("", "")
        return state, reason or ("Target.FailedHealthChecks" if state == "unhealthy" else ""), description

    def task_is_healthy(self, task: Json) -> bool:
        """Whether a task passes the checks of all target groups that its service names."""
        service = self.service_of(task)
        address = self._ecs._task_ip(task)
        groups = [each.get("targetGroupArn") for each in (service or {}).get("loadBalancers") or []]
        with self._lock:
            states = [self._targets.get((group, address)) for group in groups if group]
        return all(each is not None and each.state == "healthy" for each in states)

    def services(self) -> list[Json]:
        """`{"name", "desired", "running", "healthy"}` of every active service."""
        found = []
        for (account, region, _key), service in list(self._ecs._services.all_items()):
            if service.get("status") != "ACTIVE":
                continue
            with self._scope(account, region):
                running = [task for task in self._tasks_of(service) if task.get("lastStatus") == "RUNNING"]
                # ministack looks after its containers ten times a second; who asks right after a kill asks us.
                tasks = [task for task in running if self._addresses.is_alive(self._ecs._task_ip(task) or "")]
                healthy = sum(1 for task in tasks if self.task_is_healthy(task))
            found.append(
                {
                    "name": service.get("serviceName", ""),
                    "desired": int(service.get("desiredCount") or 0),
                    "running": len(tasks),
                    "healthy": healthy,
                }
            )
        return found

    def tick(self) -> None:
        """Begin the probes that are due; give up on tasks that stayed unhealthy too long."""
        now = time.monotonic()
        assignments = {(each.group_arn, each.address): each for each in self._assignments()}
        with self._lock:
            for gone in self._targets.keys() - assignments.keys():
                del self._targets[gone]
            for key, each in assignments.items():
                target = self._targets.get(key)
                if target is None or target.task_arn != each.task["taskArn"]:
                    target = Target(
                        each.task["taskArn"],
                        "initial",
                        now + _patience(each),
                        since=now,
                        threshold=min(_LONGEST / 2, _unhealthy_after(each)),
                    )
                    self._targets[key] = target
                if not target.probing and now >= target.next_probe:
                    target.probing = True
                    self._pool.submit(self._probe, each, target)

    # -- parts -------------------------------------------------------------------------------------------------

    def _assignments(self) -> Iterator[_Assignment]:
        for (account, region, key), service in list(self._ecs._services.all_items()):
            if service.get("status") != "ACTIVE" or not service.get("loadBalancers"):
                continue
            with self._scope(account, region):
                yield from self._assignments_of(account, region, key, service)

    def _assignments_of(self, account: str, region: str, key: str, service: Json) -> Iterator[_Assignment]:
        for task in self._tasks_of(service):
            address = self._ecs._task_ip(task)
            if task.get("lastStatus") != "RUNNING" or not address:
                continue
            for balancer in service["loadBalancers"]:
                arn = balancer.get("targetGroupArn")
                group = self._alb._tgs.get(arn)
                if group is not None:
                    port = int(balancer.get("containerPort", 80))
                    yield _Assignment(account, region, key, service, task, arn, group, address, port)

    def _tasks_of(self, service: Json) -> list[Json]:
        group = f"service:{service.get('serviceName')}"
        return [
            task
            for task in list(self._ecs._tasks.values())
            if task.get("group") == group and task.get("clusterArn") == service.get("clusterArn")
        ]

    def service_of(self, task: Json) -> Json | None:
        """The service that a task belongs to."""
        cluster = self._ecs._cluster_name_from_arn(task.get("clusterArn", ""))
        name = str(task.get("group", "")).partition(":")[2]
        service: Json | None = self._ecs._services.get(f"{cluster}/{name}")
        return service

    def _probe(self, assignment: _Assignment, target: Target) -> None:
        try:
            with self._scope(assignment.account, assignment.region):
                target.said = _check(assignment)
                self._judge(assignment, target, target.said)
        except Exception:
            logger.exception("Health check of %s failed to run", assignment.address)
        finally:
            target.next_probe = time.monotonic() + (
                _STARTING_INTERVAL if target.state == "initial" else min(_STEADY_INTERVAL, _interval(assignment))
            )
            target.probing = False

    def _judge(self, assignment: _Assignment, target: Target, said: Said) -> None:
        if said == _PASSED:
            became = target.state != "healthy"
            target.failures, target.state = 0, "healthy"
            if became:
                self._became_healthy(assignment)
            return
        target.failures += 1
        threshold = int(assignment.group.get("UnhealthyThresholdCount", 2))
        if target.state == "healthy" and target.failures >= threshold:
            target.state = "unhealthy"
            target.deadline = time.monotonic()
        if target.state != "healthy" and time.monotonic() >= target.deadline:
            target.state = "unhealthy"
            self._give_up(assignment, said[1])

    def _became_healthy(self, assignment: _Assignment) -> None:
        for container_id in assignment.task.get("_docker_ids") or []:
            container = self._engine.containers.get(container_id)
            if hasattr(container, "drain_seconds"):
                container.drain_seconds = _DRAIN_SECONDS
        cluster = assignment.service_key.split("/", 1)[0]
        self._ecs._schedule_service_deployment_completion(
            cluster, assignment.service_key, assignment.account, assignment.region, healthy_task=assignment.task
        )

    def _give_up(self, assignment: _Assignment, failure: str) -> None:
        self._tell(assignment, failure)
        reason = f"Task failed ELB health checks in (target-group {assignment.group_arn})"
        task = assignment.task
        if self._ecs._mark_task_stopped(task["taskArn"], task, reason, "ServiceSchedulerInitiated"):
            self._ecs._cleanup_task_resources(task, self._engine)
            self._ecs._record_service_task_failure(task)

    def _tell(self, assignment: _Assignment, failure: str) -> None:
        """As ECS tells in the service's events, before the task is stopped."""
        service = assignment.service
        text = (
            f"(service {service.get('serviceName')}) (port {assignment.port}) is unhealthy in "
            f"(target-group {assignment.group_arn}) due to (reason {failure})"
        )
        event = {"id": str(uuid.uuid4()), "createdAt": datetime.now(UTC).isoformat(), "message": text}
        service["events"] = [event, *service.get("events", [])][:_EVENTS]


def _interval(assignment: _Assignment) -> float:
    return float(assignment.group.get("HealthCheckIntervalSeconds", 30))


def _patience(assignment: _Assignment) -> float:
    """Seconds a task has for its first success."""
    grace = float(assignment.service.get("healthCheckGracePeriodSeconds") or 0)
    return max(grace, min(_LONGEST, _unhealthy_after(assignment)))


def _unhealthy_after(assignment: _Assignment) -> float:
    """Seconds after which a target that never passed is unhealthy to the load balancer."""
    return int(assignment.group.get("UnhealthyThresholdCount", 2)) * _interval(assignment)


_PASSED: Said = ("", "")


def _check(assignment: _Assignment) -> Said:
    """Ask once; answers why that did not pass, in AWS's words. [API TargetHealth]"""
    group = assignment.group
    configured = str(group.get("HealthCheckPort", "traffic-port"))
    port = assignment.port if configured == "traffic-port" else int(configured)
    timeout = min(5.0, float(group.get("HealthCheckTimeoutSeconds", 5)))
    connection = http.client.HTTPConnection(assignment.address, port, timeout=timeout)
    try:
        headers = {"Host": f"{assignment.address}:{port}", "User-Agent": "ELB-HealthChecker/2.0", "Connection": "close"}
        connection.request("GET", group.get("HealthCheckPath") or "/", headers=headers)
        status = connection.getresponse().status
    except TimeoutError:
        return "Target.Timeout", "Request timed out"
    except (OSError, http.client.HTTPException):
        return "Target.FailedHealthChecks", "Health checks failed"
    finally:
        connection.close()
    if matches(status, _matcher(group)):
        return _PASSED
    return "Target.ResponseCodeMismatch", f"Health checks failed with these codes: [{status}]"


def _matcher(group: Json) -> str:
    matcher = group.get("Matcher")
    code = matcher.get("HttpCode") if isinstance(matcher, dict) else matcher
    return str(code or "200")


def matches(status: int, matcher: str) -> bool:
    """Whether a status code is in a matcher such as `200`, `200,302` or `200-299`."""
    for part in matcher.split(","):
        low, _, high = part.strip().partition("-")
        if low.isdigit() and int(low) <= status <= int(high or low):
            return True
    return False
