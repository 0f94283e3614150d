"""What of a status is not well, in sentences, the worst first. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from opsctl.deploy.planning.statuses import GOOD, WENT_BACK, is_terminal

if TYPE_CHECKING:
    from opsctl.operate.status.model import (
        CertificateStatus,
        DatabaseStatus,
        EnvironmentStatus,
        ServiceStatus,
        StackStatus,
    )

_EXPIRY_DAYS = 30
"""ACM begins to renew 60 days before a certificate ends [UG ACM, managed-renewal]: then something is in the way."""
_WORKING = frozenset({
    "available", "backing-up", "configuring-enhanced-monitoring", "configuring-iam-database-auth",
    "configuring-log-exports", "storage-optimization", "storage-config-upgrade",
})  # fmt: skip
"""Statuses of a database that answers. [UG RDS, accessing-monitoring]"""
_WAITING = frozenset({"initial", "draining"})
ABSENT = "absent"
"""The status of a stack that there is not."""


def judged(status: EnvironmentStatus) -> EnvironmentStatus:
    """The status with its problems."""
    return replace(status, problems=tuple(_problems(status)))


def is_well(stack: StackStatus, status: EnvironmentStatus) -> bool:
    """Whether a stack is at rest and as the newest deploy wants it: one that went back from a deploy that failed is
    that once a later deploy ended well, which had nothing to change in it.
    """
    if stack.status != WENT_BACK:
        return stack.status in GOOD
    released = status.release is not None and status.release.at > stack.updated
    return bool(stack.updated) and (released or stack.compared)


def _problems(status: EnvironmentStatus) -> Iterator[str]:
    if status.alarms is not None:
        for alarm in status.alarms.firing:
            yield f"Alarm {alarm.name} fires."
    for what in status.missing:
        yield f"AWS has no {what}: it was deleted, or the deploy of this configuration is still to come."
    for service in status.services:
        yield from _of_service(service, under_way=status.lock is not None)
    for target in status.targets:
        if target.state != "healthy" and target.state not in _WAITING:
            yield f"Target {target.address} is {target.state}{f': {target.reason}' if target.reason else ''}."
    if status.targets and status.lock is None and all(target.state in _WAITING for target in status.targets):
        yield "No task of web passes its health check yet."
    for database in status.databases:
        yield from _of_database(database)
    for stack in status.stacks:
        if not is_well(stack, status) and stack.status != ABSENT and is_terminal(stack.status):
            back = ": its last change was taken back, see" if stack.status == WENT_BACK else ": see"
            yield f"Stack {stack.stack} is {stack.status}{back} `opsctl explain --env {status.environment}`."
    missing = [stack.stack for stack in status.stacks if stack.status == ABSENT]
    if missing:
        yield f"Not deployed: {', '.join(missing)}." if len(missing) < len(status.stacks) else "Nothing is deployed."
    for certificate in status.certificates:
        yield from _of_certificate(certificate)
    yield from _of_release(status)


def _of_service(service: ServiceStatus, *, under_way: bool) -> Iterator[str]:
    """What is not well with a service. Fewer tasks than wanted are no problem while an operation that runs rolls them
    out.
    """
    begins = service.rollout_state == "IN_PROGRESS" and (service.running > 0 or under_way)
    if service.rollout_state == "FAILED":
        yield f"The rollout of {service.process} failed: {service.rollout_reason or 'no reason given'}"
    if service.process == "web" and service.desired == 0:
        yield "web is scaled to 0 tasks: nothing answers."
    if service.running < service.desired and not begins:
        yield f"{service.process} runs {service.running} of {service.desired} tasks."
    sick = [task.id[:8] for task in service.tasks if task.health == "UNHEALTHY"]
    if sick:
        yield f"Unhealthy tasks of {service.process}: {', '.join(sick)}."


def _of_database(database: DatabaseStatus) -> Iterator[str]:
    if database.status not in _WORKING:
        yield f"Database {database.identifier} is {database.status}."
    for each in database.maintenance or ():
        if each.forced:
            yield f"RDS will do {each.action} to {database.identifier} at {each.when}, which can't be put off."


def _of_certificate(certificate: CertificateStatus) -> Iterator[str]:
    if certificate.status != "ISSUED":
        why = f": {certificate.reason}" if certificate.reason else ""
        yield f"The certificate of {certificate.domain} is {certificate.status}{why}."
    elif certificate.days_left is not None and certificate.days_left < _EXPIRY_DAYS:
        yield f"The certificate of {certificate.domain} ends in {certificate.days_left} days."


def _of_release(status: EnvironmentStatus) -> Iterator[str]:
    tasks = [task for service in status.services for task in service.tasks if task.image]
    if status.release is None or not tasks or status.lock is not None:
        return  # while something is deployed both are right
    if any(task.image != status.release.digest for task in tasks):
        yield f"Not all tasks run release {status.release.number}, the last one."
