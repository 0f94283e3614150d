"""A deployed environment of fakes: what commands that look into one need of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from opsctl.aws.alarms import AlarmChange
from opsctl.aws.cloudformation import Stack, StackEvent, StackResource
from opsctl.aws.ecs import Service, ServiceEvent, Task
from opsctl.aws.errors import AwsError
from opsctl.aws.logs import EventPage, LogEvent, LogPage, Logs, LogStream
from opsctl.operate.target import Target, Workspace

SETTINGS = "settings: shop.settings"
ENVIRONMENTS = """
default_environment: dev
defaults:
  service: shop
  client: acme
  application:
    path: .
    settings: shop.settings
    workers: {mail: {command: [python, manage.py, mail]}}
    jobs: {tidy: {command: [python, manage.py, tidy], database_role: loader}}
environments:
  dev:
    region: us-east-1
    ecs: {manage_repository: true}
    observability: {alert_email: ops@example.com}
    vpc: {nat_gateways: 1}
"""
OUTPUTS: Mapping[str, Mapping[str, str]] = {
    "bootstrap": {"ArtifactBucketName": "artifacts"},
    "platform": {
        "ClusterName": "dev-shop-acme", "ServiceLogGroupName": "/dev/service", "JobsLogGroupName": "/dev/jobs",
        "WorkersLogGroupName": "/dev/workers", "FunctionLogGroupName": "/dev/db-init",
    },
    "front": {"ServiceUrl": "https://shop.example.com", "LoadBalancerDnsName": "lb.example.com"},
    "app": {
        "ServiceName": "dev-shop",
        "TidyTaskDefinitionArn": "arn:aws:ecs:us-east-1:1:task-definition/dev-shop-acme-tidy:3",
    },
    "jobs": {"MigrateTaskDefinitionArn": "arn:aws:ecs:us-east-1:1:task-definition/dev-shop-acme-migrate:7"},
    "network": {"PrivateSubnetIds": "subnet-1,subnet-2", "JobsSecurityGroupId": "sg-1"},
}  # fmt: skip


@dataclass
class FakeLogs(Logs):
    """Groups with their events, of which a page holds two."""

    groups_: dict[str, list[LogEvent]] = field(default_factory=dict)
    made: dict[str, int] = field(default_factory=dict)
    asked: list[tuple[str, int | None, str, tuple[str, ...]]] = field(default_factory=list)

    def write(self, group: str, stream: str, at: int, *messages: str) -> None:
        """Messages of a stream, a second each from `at` (seconds since 1970) on."""
        events = self.groups_.setdefault(group, [])
        self.made.setdefault(stream, at * 1000)
        for number, message in enumerate(messages):
            events.append(LogEvent(f"{len(events)}", (at + number) * 1000, stream, message))

    def events(
        self, group: str, *, start: int | None, prefix: str = "", streams: Sequence[str] = (), token: str | None = None
    ) -> EventPage:
        self.asked.append((group, start, prefix, tuple(streams)))
        found = [
            event
            for event in sorted(self.groups_.get(group, []), key=lambda event: event.time)
            if event.time >= (start or 0) and (event.stream in streams if streams else event.stream.startswith(prefix))
        ]
        first = int(token or 0)
        return EventPage(tuple(found[first : first + 2]), str(first + 2) if len(found) > first + 2 else None)

    def page(self, group: str, stream: str, token: str | None = None) -> LogPage:
        return LogPage((), token)

    def list_streams(self, group: str, prefix: str = "") -> list[LogStream]:
        last: dict[str, int] = {}
        for event in self.groups_.get(group, []):
            last[event.stream] = max(event.time, last.get(event.stream, 0))
        return [LogStream(name, self.made[name], at) for name, at in sorted(last.items()) if name.startswith(prefix)]


@contextmanager
def lasting(*_: object, **__: object) -> Iterator[None]:
    """`outlasting` of a target, or its clients, whose credentials do not end."""
    yield


def stack(name: str, status: str = "UPDATE_COMPLETE", updated: datetime | None = None) -> Stack:
    """A stack as it is listed."""
    physical = "opsctl-bootstrap" if name == "bootstrap" else f"dev-shop-{name}-acme"
    return Stack(physical, f"arn/{name}", status, outputs=OUTPUTS.get(name, {}), updated=updated)


@dataclass
class Shop:
    """The environment `dev`, its clients and what they answer."""

    folder: Path
    logs: FakeLogs = field(default_factory=FakeLogs)
    tasks: dict[str, list[Task]] = field(default_factory=dict)
    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    deployed: bool = True
    stacks: list[Stack] | None = None
    deleted: list[Stack] = field(default_factory=list)
    happened: dict[str, list[StackEvent]] = field(default_factory=dict)
    services: list[tuple[str, ServiceEvent]] = field(default_factory=list)
    alarms: dict[str, list[AlarmChange]] = field(default_factory=dict)
    refused: dict[str, AwsError] = field(default_factory=dict)
    """What a call is refused with: `stacks`, `events`, `services`, `alarms`."""
    calls: list[str] = field(default_factory=list)
    exit_code: int = 0
    ran: list[dict[str, Any]] = field(default_factory=list)
    """How one-off tasks were started."""
    without: str = "#"
    """Text that is taken out of the file."""
    application: str = SETTINGS
    """What the file above says of the application beside its path, workers and jobs: lines, indented by four."""

    @property
    def target(self) -> Target:
        path = self.folder / "environments.yaml"
        path.write_text(ENVIRONMENTS.replace(SETTINGS, self.application).replace(self.without, ""))
        made = Workspace.open(path).target("dev")
        aws = SimpleNamespace(
            cloudformation=SimpleNamespace(
                stacks=self._stacks, events=self._events, resources=self._resources, deleted=lambda: self.deleted
            ),
            logs=self.logs, s3=SimpleNamespace(ahead=0.0, get=self._object, sizes=lambda *_: {}),
            ecs=SimpleNamespace(
                tasks_of=lambda cluster, family: self.tasks.get(f"{cluster} {family}", []),
                services=self._services, service=self._service, run_task=self._run_task,
                tasks=lambda cluster, started_by: [], task=lambda cluster, arn: self._ended(arn),
            ),
            alarms=SimpleNamespace(changes=self._changes), outlasting=lasting,
        )  # fmt: skip
        aws.in_region = lambda region: aws
        made.__dict__["aws"] = aws
        return made

    def release(self, number: int, began: str, digest: str) -> None:
        """Record a release whose deploy began then (`20261129-120000`)."""
        record = {
            "number": number, "environment": "dev", "run_id": f"{began}-abcdef", "at": "", "by": "a", "digest": digest,
        }  # fmt: skip
        self.records[f"releases/dev-shop-acme/{number:06}.json"] = record
        self.records["releases/dev-shop-acme/current.json"] = record

    def _asked(self, what: str, name: str = "") -> None:
        self.calls.append(f"{what} {name}".strip())
        if what in self.refused:
            raise self.refused[what]

    def _stacks(self) -> list[Stack]:
        self._asked("stacks")
        if not self.deployed:
            return []
        return [stack(name) for name in OUTPUTS] if self.stacks is None else list(self.stacks)

    def _events(self, stack: str) -> Iterator[StackEvent]:
        """The newest first, as CloudFormation has them."""
        self._asked("events", stack)
        yield from self.happened.get(stack, [])[::-1]

    def _resources(self, stack: str) -> list[StackResource]:
        self._asked("resources", stack)
        kind = "AWS::CloudWatch::Alarm"
        mine = [name for name in self.alarms if stack == f"arn/{name.split('-')[2]}"]
        return [StackResource(name.split("-")[-1], name, kind, "CREATE_COMPLETE") for name in mine]

    def _services(self, cluster: str, names: Sequence[str]) -> list[Service]:
        self._asked("services", f"{cluster} {' '.join(names)}")
        told = {name: tuple(event for of, event in self.services if of == name) for name in names}
        return [Service(name, 1, 1, 0, "COMPLETED", "", "t:1", history=told[name]) for name in names]

    def _changes(self, name: str, start: datetime) -> list[AlarmChange]:
        self._asked("alarms", name)
        return [change for change in self.alarms[name] if change.at >= start]

    def _service(self, cluster: str, name: str) -> Service:
        return Service(name, 1, 1, 0, "COMPLETED", "", f"{cluster}/{name}:9")

    def _run_task(self, **how: Any) -> Task:
        self.ran.append(how)
        return Task("arn/one-off", "RUNNING", task_definition=how["task_definition"])

    def _ended(self, arn: str) -> Task:
        return Task(arn, "STOPPED", "EssentialContainerExited", "", self.exit_code)

    def _object(self, bucket: str, key: str) -> Any:
        found = self.records.get(key)
        return None if found is None else SimpleNamespace(body=json.dumps(found).encode())
