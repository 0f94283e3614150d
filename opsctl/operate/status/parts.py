"""Reading the parts of a status, each by itself: one that fails says nothing about the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from opsctl.config import naming
from opsctl.deploy import release
from opsctl.deploy.planning.state import RemoteState
from opsctl.deploy.planning.statuses import action_for, is_terminal
from opsctl.operate.image_scan import severity_rank
from opsctl.operate.status.judge import ABSENT
from opsctl.operate.status.model import (
    AlarmsStatus,
    AlarmStatus,
    CertificateStatus,
    DatabaseStatus,
    MaintenanceStatus,
    ScanStatus,
    ServiceStatus,
    StackStatus,
    TargetStatus,
    TaskStatus,
)

if TYPE_CHECKING:
    from opsctl.aws.certificates import Certificate
    from opsctl.aws.cloudformation import Stack
    from opsctl.aws.ecs import Service, Task
    from opsctl.aws.rds import Database
    from opsctl.deploy.release import Release
    from opsctl.operate.target import Target
    from opsctl.stacks.model import StackTemplate

UNWANTED = "nothing: it is not configured any more"
"""What is said of a stack that a deploy leaves alone because the configuration does not ask for it."""
_CERTIFICATE = "AWS::CertificateManager::Certificate"
_RECORDS = 10
"""How many releases back the one is looked for that a task runs."""


def text_of(moment: datetime | None) -> str:
    """ISO 8601, with the zone."""
    return moment.astimezone(UTC).isoformat(timespec="seconds") if moment else ""


def _region(target: Target, template: StackTemplate) -> str:
    return template.region or target.env.region


def regions(target: Target) -> list[str]:
    """Those that its stacks are in, its own first."""
    templates = (*target.templates, *target.unwanted)
    return list(dict.fromkeys([target.env.region, *(_region(target, each) for each in templates)]))


def state(target: Target, listed: Mapping[str, Sequence[Stack]]) -> RemoteState:
    """The environment's stacks among all of these, which are by region."""
    names = {region: {stack.name: stack for stack in stacks} for region, stacks in listed.items()}
    known = {
        template.stack: names.get(_region(target, template), {}).get(template.physical_name)
        for template in (*target.templates, *target.unwanted)
    }
    return RemoteState({name: stack for name, stack in known.items() if stack is not None})


def stacks(
    target: Target, state: RemoteState, read: Collection[str], compared: Mapping[str, str]
) -> tuple[StackStatus, ...]:
    """The environment's stacks in regions that were read, absent ones too; then those that the configuration does not
    ask for any more. `compared` is what deploys noted of stacks that had gone back.
    """
    found = []
    for template in target.templates:
        if _region(target, template) not in read:
            continue
        stack = state.stacks.get(template.stack)
        if stack is None:
            found.append(StackStatus(template.stack, template.physical_name, ABSENT, "", "", "create"))
            continue
        found.append(
            StackStatus(
                template.stack, template.physical_name, stack.status, stack.reason, text_of(stack.updated),
                action_for(stack.status).value, stack.drift, compared.get(template.stack) == text_of(stack.updated),
            )
        )  # fmt: skip
    for template in target.unwanted:
        if stack := state.stacks.get(template.stack):
            why = "not configured any more: `opsctl destroy --only-unwanted` removes it"
            found.append(
                StackStatus(
                    template.stack, stack.name, stack.status, why, text_of(stack.updated), UNWANTED, stack.drift
                )
            )
    return tuple(found)


def processes(target: Target) -> dict[str, str]:
    """The ECS services of the environment: name by process, the web first."""
    workers = {name: naming.worker_name(target.env, name) for name in target.env.application.workers}
    return {"web": naming.service_name(target.env), **workers}


def services(target: Target) -> tuple[list[Service], list[Task]]:
    """Its services as ECS has them, and all tasks that shall run."""
    cluster = naming.cluster_name(target.env)
    found = target.aws.ecs.services(cluster, [*processes(target).values()])
    return found, target.aws.ecs.running_tasks(cluster) if found else []


def service_statuses(
    target: Target, found: Iterable[Service], tasks: Iterable[Task], numbers: dict[str, int]
) -> tuple[ServiceStatus, ...]:
    """The services with their tasks. `numbers` are releases by their images' digests."""
    by_name = {service.name: service for service in found}
    by_group: dict[str, list[Task]] = {}
    for task in tasks:
        by_group.setdefault(task.group, []).append(task)
    return tuple(
        ServiceStatus(
            process, name, service.desired, service.running, service.pending, service.rollout_state,
            service.rollout_reason, tuple(_task(each, numbers) for each in by_group.get(f"service:{name}", [])),
        )
        for process, name in processes(target).items()
        if (service := by_name.get(name))
    )  # fmt: skip


def missing_services(target: Target, state: RemoteState, found: Iterable[Service]) -> tuple[str, ...]:
    """Processes whose service ECS does not have, although the stack that makes it is there and at rest."""
    stack = state.stacks.get("app")
    if stack is None or not is_terminal(stack.status):
        return ()
    there = {service.name for service in found}
    return tuple(process for process, name in processes(target).items() if name not in there)


def _task(task: Task, numbers: dict[str, int]) -> TaskStatus:
    revision = task.task_definition.rpartition("/")[2]
    return TaskStatus(
        task.id, task.status, task.health, text_of(task.started), revision, task.image, numbers.get(task.image)
    )


def release_numbers(target: Target, bucket: str, last: Release | None, tasks: Iterable[Task]) -> dict[str, int]:
    """Numbers of the releases that tasks run, by digest; older records are read only for one that is not the last."""
    wanted = {task.image for task in tasks if task.image}
    numbers = {last.digest: last.number} if last is not None else {}
    if last is None or wanted <= numbers.keys():
        return numbers
    for number in range(last.number - 1, max(last.number - _RECORDS, 0), -1):
        record = release.numbered(target.aws.s3, bucket, target.env, number)
        if record is not None:
            numbers.setdefault(record.digest, record.number)
        if wanted <= numbers.keys():
            break
    return numbers


def targets(target: Target, group: str) -> tuple[TargetStatus, ...]:
    """What the load balancer says of each task."""
    found = target.aws.load_balancers.target_health(group)
    return tuple(
        TargetStatus(f"{each.address}:{each.port}", each.state, each.reason, each.description)
        for each in sorted(found, key=lambda each: (each.state == "healthy", each.address))
    )


def alarms(target: Target) -> AlarmsStatus:
    """The environment's alarms; CloudFormation begins their names with their stack's."""
    own = tuple(f"{template.physical_name}-" for template in target.templates)
    listed = target.aws.alarms.alarms(f"{target.env.name}-{target.env.service}-")
    found = [alarm for alarm in listed if alarm.name.startswith(own)]
    states = Counter(alarm.state for alarm in found)
    firing = sorted((each for each in found if each.state == "ALARM"), key=lambda each: text_of(each.since))
    return AlarmsStatus(
        tuple(AlarmStatus(each.name, text_of(each.since), each.reason, each.description) for each in firing),
        states["OK"],
        states["INSUFFICIENT_DATA"],
    )


def databases(state: RemoteState) -> dict[str, str]:
    """Identifiers of database and replica, by what they are."""
    both = {
        "database": state.outputs("data").get("DatabaseIdentifier", ""),
        "replica": state.outputs("upkeep").get("ReplicaIdentifier", ""),
    }
    return {name: identifier for name, identifier in both.items() if identifier}


def database(target: Target, identifier: str) -> Database | None:
    """A database as RDS has it."""
    return target.aws.rds.database(identifier)


def maintenance(target: Target, found: Database) -> tuple[MaintenanceStatus, ...]:
    """What RDS is going to do with it."""
    return tuple(
        MaintenanceStatus(each.action, each.description, text_of(each.when), each.forced)
        for each in target.aws.rds.maintenance(found.arn)
    )


def database_status(found: Database, pending: tuple[MaintenanceStatus, ...] | None) -> DatabaseStatus:
    return DatabaseStatus(
        found.identifier, found.status, found.instance_class, found.engine, found.version, found.storage,
        found.multi_az, found.changes, pending,
    )  # fmt: skip


def certificates(target: Target, state: RemoteState, now: datetime) -> tuple[CertificateStatus, ...]:
    """Certificates of the load balancer and of the site, given ones and issued ones."""
    return tuple(
        _certificate(of, found, now)
        for of, region, arn in _certificate_arns(target, state)
        if (found := target.aws.in_region(region).certificates.certificate(arn))
    )


def _certificate_arns(target: Target, state: RemoteState) -> Iterator[tuple[str, str | None, str]]:
    web, site = target.env.application.web, target.env.site
    if web.certificate_arn is not None:
        yield "load balancer", None, web.certificate_arn
    elif target.env.serves_https and "front" in state.stacks:
        for resource in target.aws.cloudformation.resources(state.stacks["front"].id):
            if resource.type == _CERTIFICATE and resource.physical_id:
                yield "load balancer", None, resource.physical_id
    given = site.certificate_arn or state.outputs("edge").get("CertificateArn")
    if given:
        yield "site", given.split(":")[3], given


def _certificate(of: str, found: Certificate, now: datetime) -> CertificateStatus:
    left = (found.expires - now).days if found.expires else None
    return CertificateStatus(
        of, found.domain, found.status, text_of(found.expires), left, found.renewal, found.reason, found.used_by
    )


def scan(target: Target, digest: str) -> ScanStatus:
    """What ECR's newest scan found in the image that is deployed, on every platform; asks for none."""
    ecr, repository, owner = target.aws.ecr, target.env.ecs.repository_name, target.repository_account
    states, seen = [], set()
    for each in ecr.platform_digests(repository, digest, registry=owner):
        state, found = ecr.scanned(repository, each, registry=owner)
        states.append(state)
        seen.update(found)
    counts = Counter(each.severity for each in seen)
    ordered = {name: counts[name] for name in sorted(counts, key=severity_rank, reverse=True)}
    done = {"COMPLETE", "ACTIVE"}
    return ScanStatus(digest, next((each for each in states if each not in done), "COMPLETE"), ordered)
