"""ECS: one-off tasks and what a service is doing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from opsctl.aws.dates import answered_at
from opsctl.aws.errors import AwsError
from opsctl.aws.translation import translated

_AGENT = "aws-guardduty-agent"
_SERVICES = 10  # of one DescribeServices


@dataclass(frozen=True, slots=True)
class Task:
    """A task. `exit_code` is None for one that never started or still runs; `address` is its private one.

    `group` is `service:NAME` for a service's; `health` is of its container's own check: HEALTHY, UNHEALTHY, or UNKNOWN
    without one; `image` is the digest that runs, "" before it was pulled; `started` is None until then.
    """

    arn: str
    status: str
    stop_code: str = ""
    reason: str = ""
    exit_code: int | None = None
    container_reason: str = ""
    task_definition: str = ""
    created: datetime | None = None
    started: datetime | None = None
    stopped: datetime | None = None
    address: str = ""
    health: str = ""
    group: str = ""
    image: str = ""

    @property
    def id(self) -> str:
        """Last part of the ARN, as log streams are called after it."""
        return self.arn.rsplit("/", 1)[-1]

    @property
    def service(self) -> str:
        """The service that started it; "" for a one-off task."""
        return self.group.removeprefix("service:") if self.group.startswith("service:") else ""

    @property
    def succeeded(self) -> bool:
        """Success is both: the container exited by itself, and with 0."""
        return self.stop_code == "EssentialContainerExited" and self.exit_code == 0


@dataclass(frozen=True, slots=True)
class ServiceEvent:
    """A line of a service's own history, of which ECS keeps the newest hundred."""

    at: datetime | None
    text: str
    id: str = ""


@dataclass(frozen=True, slots=True)
class ServiceDeployment:
    """One deployment of a service: the newest is PRIMARY, the one before it ACTIVE until its tasks are gone."""

    id: str
    status: str
    task_definition: str
    state: str
    created: datetime | None = None
    failed: int = 0


@dataclass(frozen=True, slots=True)
class Service:
    """A service's counts and its deployments. `history` and `events` are newest first; `at` is AWS's own time of the
    answer, None where it told none.
    """

    name: str
    desired: int
    running: int
    pending: int
    rollout_state: str
    rollout_reason: str
    task_definition: str
    events: tuple[str, ...] = ()
    history: tuple[ServiceEvent, ...] = ()
    deployments: tuple[ServiceDeployment, ...] = ()
    target_groups: tuple[str, ...] = ()
    grace_seconds: int = 0
    at: datetime | None = None

    @property
    def primary(self) -> ServiceDeployment | None:
        """The deployment in force."""
        return next((each for each in self.deployments if each.status == "PRIMARY"), None)


class Ecs:
    """Calls of one region. Every method raises AwsError."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def run_task(
        self,
        *,
        cluster: str,
        task_definition: str,
        subnets: Sequence[str],
        security_groups: Sequence[str],
        token: str,
        command: Sequence[str] | None = None,
        environment: Mapping[str, str] | None = None,
        container: str = "",
        started_by: str = "opsctl",
        size: tuple[int, int] | None = None,
    ) -> Task:
        """Start one task on Fargate. `token` (at most 64 characters) makes a retry safe. `size`, in CPU units and MiB,
        takes the place of the task definition's.

        RunTask answers 200 and lists `failures` when the task could not be placed; that is an error here.
        """
        override: dict[str, Any] = {"command": list(command)} if command else {}
        if environment:
            override["environment"] = [{"name": name, "value": value} for name, value in environment.items()]
        overrides: dict[str, Any] = {"containerOverrides": [{"name": container, **override}]} if override else {}
        if size is not None:
            overrides |= {"cpu": str(size[0]), "memory": str(size[1])}
        with translated():
            answer = self._client.run_task(
                cluster=cluster,
                taskDefinition=task_definition,
                launchType="FARGATE",
                count=1,
                clientToken=token,
                startedBy=started_by,
                networkConfiguration={
                    "awsvpcConfiguration": {
                        "subnets": list(subnets),
                        "securityGroups": list(security_groups),
                        "assignPublicIp": "DISABLED",
                    }
                },
                overrides=overrides,
            )
        if not answer.get("tasks"):
            failures = "; ".join(item.get("reason", "unknown") for item in answer.get("failures", []))
            raise AwsError(
                f"ECS could not start the task: {failures.rstrip('.') or 'no reason given'}.",
                aws_code="RunTaskFailure",
                hint="If it lacks capacity, run the command again in some minutes.",
            )
        return _task(answer["tasks"][0])

    def task(self, cluster: str, arn: str) -> Task | None:
        """One task; None when ECS does not know it: not yet, moments after it was started, or not any more, about an
        hour after it stopped."""
        with translated():
            tasks = self._client.describe_tasks(cluster=cluster, tasks=[arn])["tasks"]
        return _task(tasks[0]) if tasks else None

    def tasks(self, cluster: str, *, started_by: str) -> list[Task]:
        """Tasks that have not stopped and were started under this name."""
        return [_task(item) for item in self._described(cluster, startedBy=started_by)]

    def one_off_tasks(self, cluster: str) -> list[Task]:
        """Tasks that have not stopped and belong to no service, whoever started them; none without the cluster.

        One that was told to stop is listed under STOPPED from then on, long before it has. (API ListTasks,
        desiredStatus)
        """
        own: dict[str, dict[str, Any]] = {}
        with _cluster_may_be_gone():
            for desired in ("RUNNING", "STOPPED"):
                for item in self._described(cluster, desiredStatus=desired):
                    if item.get("lastStatus") != "STOPPED" and not str(item.get("group", "")).startswith("service:"):
                        own[item["taskArn"]] = item
        return [_task(item) for item in own.values()]

    def running_tasks(self, cluster: str) -> list[Task]:
        """All tasks that shall run, of services and others, pending ones among them; none without the cluster."""
        found: list[dict[str, Any]] = []
        with _cluster_may_be_gone():
            found = self._described(cluster, desiredStatus="RUNNING")
        return [_task(item) for item in found if item.get("lastStatus") != "STOPPED"]  # since it was listed

    def stop_task(self, cluster: str, arn: str, *, reason: str) -> None:
        """Ask a task to end; its containers get SIGTERM, then SIGKILL after their stop time-out."""
        with translated():
            self._client.stop_task(cluster=cluster, task=arn, reason=reason)

    def stopped_tasks(self, cluster: str, service: str) -> list[Task]:
        """Tasks of a service that stopped within the last hour or so, the newest first.

        Asked by cluster, not by service: a service whose creation failed is gone when somebody wants to know why. All
        pages are read, as ListTasks does not begin with the newest.
        """
        found = self._described(cluster, desiredStatus="STOPPED")
        return _newest_end_first(item for item in found if item.get("group") == f"service:{service}")

    def tasks_of(self, cluster: str, family: str) -> list[Task]:
        """Tasks of a family of task definitions that run, then those that stopped within the last hour or so, the
        newest first.
        """
        running = self._described(cluster, family=family, desiredStatus="RUNNING")
        told_to_stop = self._described(cluster, family=family, desiredStatus="STOPPED")
        return [*(_task(item) for item in running), *_newest_end_first(told_to_stop)]

    def service_tasks(self, cluster: str, service: str) -> list[Task]:
        """Tasks of a service: those that are meant to run, and those that stopped within the last hour or so."""
        arns: dict[str, None] = {}
        with translated():
            pages = self._client.get_paginator("list_tasks")
            for desired in ("RUNNING", "STOPPED"):
                for page in pages.paginate(cluster=cluster, serviceName=service, desiredStatus=desired):
                    arns.update(dict.fromkeys(page["taskArns"]))
        return [_task(item) for item in self._told(cluster, list(arns))]

    def _told(self, cluster: str, arns: Sequence[str]) -> list[dict[str, Any]]:
        """Tasks as DescribeTasks tells them, a hundred at a time, as it takes no more."""
        found: list[dict[str, Any]] = []
        with translated():
            for start in range(0, len(arns), 100):
                found += self._client.describe_tasks(cluster=cluster, tasks=arns[start : start + 100])["tasks"]
        return found

    def _described(self, cluster: str, **which: Any) -> list[dict[str, Any]]:
        """Tasks that are listed so, page by page."""
        found: list[dict[str, Any]] = []
        with translated():
            for page in self._client.get_paginator("list_tasks").paginate(cluster=cluster, **which):
                found += self._told(cluster, page["taskArns"])
        return found

    def service(self, cluster: str, name: str) -> Service | None:
        """A service, or None."""
        found = self.services(cluster, [name])
        return found[0] if found else None

    def services(self, cluster: str, names: Sequence[str]) -> list[Service]:
        """Those of these services that there are; ten are asked for in a call, as DescribeServices takes no more."""
        found: list[Service] = []
        with _cluster_may_be_gone():
            for start in range(0, len(names), _SERVICES):
                with translated():
                    answer = self._client.describe_services(cluster=cluster, services=names[start : start + _SERVICES])
                at = answered_at(answer)
                found += [_service(item, at) for item in answer["services"] if item.get("status") != "INACTIVE"]
        return found


@contextmanager
def _cluster_may_be_gone() -> Iterator[None]:
    """Nothing runs where there is no cluster, so that this is no error."""
    try:
        yield
    except AwsError as error:
        if error.aws_code != "ClusterNotFoundException":
            raise


def _newest_end_first(items: Iterable[dict[str, Any]]) -> list[Task]:
    """Those that are told to stop and have not yet come last."""
    by_end = sorted(items, key=lambda item: item["stoppedAt"].timestamp() if "stoppedAt" in item else 0.0)
    return [_task(item) for item in by_end[::-1]]


def _task(item: dict[str, Any]) -> Task:
    # GuardDuty puts an agent of its own into tasks; how that ends says nothing about the task's work.
    # https://docs.aws.amazon.com/guardduty/latest/ug/how-runtime-monitoring-works-ecs-fargate.html
    containers = [entry for entry in item.get("containers", []) if not entry.get("name", "").startswith(_AGENT)]
    codes = [entry["exitCode"] for entry in containers if entry.get("exitCode") is not None]
    return Task(
        arn=item["taskArn"],
        status=item.get("lastStatus", ""),
        stop_code=item.get("stopCode", ""),
        reason=item.get("stoppedReason", ""),
        exit_code=max(codes, key=abs) if codes else None,
        container_reason=next((entry["reason"] for entry in containers if entry.get("reason")), ""),
        task_definition=item.get("taskDefinitionArn", ""),
        created=item.get("createdAt"),
        started=item.get("startedAt"),
        stopped=item.get("stoppedAt"),
        address=_address(item),
        health=item.get("healthStatus", ""),
        group=item.get("group", ""),
        image=next((digest for entry in containers if (digest := _digest(entry))), ""),
    )


def _digest(container: Mapping[str, Any]) -> str:
    """As the task definition names it; of an image for several platforms `imageDigest` may be one platform's."""
    return str(container.get("image", "")).partition("@")[2] or str(container.get("imageDigest", ""))


def _address(item: Mapping[str, Any]) -> str:
    """The private address of a task's network interface, which is its target's id in a target group of type ip."""
    details = [each for kind in item.get("attachments", []) for each in kind.get("details", [])]
    of_containers = [
        {"name": "privateIPv4Address", "value": each.get("privateIpv4Address", "")}
        for container in item.get("containers", [])
        for each in container.get("networkInterfaces", [])
    ]
    found = (each["value"] for each in (*details, *of_containers) if each.get("name") == "privateIPv4Address")
    return next((str(each) for each in found if each), "")


def _service(item: dict[str, Any], at: datetime | None = None) -> Service:
    deployments: list[dict[str, Any]] = item.get("deployments", [])
    primary: dict[str, Any] = next((entry for entry in deployments if entry.get("status") == "PRIMARY"), {})
    return Service(
        name=item["serviceName"],
        desired=item.get("desiredCount", 0),
        running=item.get("runningCount", 0),
        pending=item.get("pendingCount", 0),
        rollout_state=primary.get("rolloutState", ""),
        rollout_reason=primary.get("rolloutStateReason", ""),
        task_definition=item.get("taskDefinition", ""),
        events=tuple(entry.get("message", "") for entry in item.get("events", [])[:5]),
        history=tuple(
            ServiceEvent(each.get("createdAt"), each.get("message", ""), each.get("id", ""))
            for each in item.get("events", [])
        ),
        deployments=tuple(
            ServiceDeployment(
                id=each.get("id", ""),
                status=each.get("status", ""),
                task_definition=each.get("taskDefinition", ""),
                state=each.get("rolloutState", ""),
                created=each.get("createdAt"),
                failed=each.get("failedTasks", 0),
            )
            for each in deployments
        ),
        target_groups=tuple(
            each["targetGroupArn"] for each in item.get("loadBalancers", []) if each.get("targetGroupArn")
        ),
        grace_seconds=item.get("healthCheckGracePeriodSeconds") or 0,
        at=at,
    )
