"""What runs: tasks on Fargate, databases, the NAT instance. Billed by the hour, with the disks that belong to them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from opsctl.cost.billing import HOURS, Billing, Component, shared
from opsctl.cost.runs import runs_a_month
from opsctl.cost.scene import Resource, Scene

# GiB of a task's own disk that cost nothing. [Fargate pricing]
_FREE_DISK = 20
_SERVICE = "AWS::ECS::Service"
_TARGET = "AWS::ApplicationAutoScaling::ScalableTarget"


def services(resources: Sequence[Resource], billing: Billing) -> Iterator[Component]:
    """Tasks that run all the time: as many as a service has at least, and what the web has above that on average."""
    more = billing.assumed("extra_tasks")
    for service in resources:
        least = Decimal(_least(billing.scene, service))
        yield from _service(service, billing, least, "")
        if more and service.properties.get("LoadBalancers"):
            yield from _service(service, billing, more, " of extra tasks", "extra_tasks")


def _service(service: Resource, billing: Billing, count: Decimal, of: str, *usage: str) -> Iterator[Component]:
    task = billing.scene.referred(service, service.properties.get("TaskDefinition"))
    if task is not None:
        yield from _task(service, task, count * HOURS, of, *usage)
    network = service.properties.get("NetworkConfiguration", {}).get("AwsvpcConfiguration", {})
    if network.get("AssignPublicIp") == "ENABLED":
        yield shared(f"public addresses of tasks{of}", "ipv4.hour", [service], count * HOURS, *usage)


def schedules(resources: Sequence[Resource], billing: Billing) -> Iterator[Component]:
    """Tasks that a schedule starts, each for as long as is assumed."""
    for schedule in resources:
        parameters = schedule.properties.get("Target", {}).get("EcsParameters", {})
        task = billing.scene.referred(schedule, parameters.get("TaskDefinitionArn"))
        if task is not None and schedule.properties.get("State") != "DISABLED":
            hours = runs_a_month(str(schedule.properties["ScheduleExpression"])) * billing.assumed("job_minutes") / 60
            yield from _task(schedule, task, hours, " of jobs", "job_minutes")


def _least(scene: Scene, service: Resource) -> int:
    """How many tasks a service runs at least: its own count, or that of what scales it, which names it by `Sub`."""
    for target in scene.all(_TARGET):
        if target.stack == service.stack and f"${{{service.id}.Name}}" in json.dumps(
            target.properties.get("ResourceId")
        ):
            return target.number("MinCapacity")
    return service.number("DesiredCount", 1)


def _task(by: Resource, task: Resource, hours: Decimal, of: str, *usage: str) -> Iterator[Component]:
    platform = task.properties.get("RuntimePlatform", {}).get("CpuArchitecture", "X86_64")
    kind = "arm" if platform == "ARM64" else "x86"
    vcpus, memory = (Decimal(task.number(name)) / 1024 for name in ("Cpu", "Memory"))
    yield shared(f"Fargate {kind} vCPU{of}", f"fargate.{kind}.vcpu", [by], vcpus * hours, *usage)
    yield shared(f"Fargate {kind} memory{of}", f"fargate.{kind}.gb", [by], memory * hours, *usage)
    disk = int(task.properties.get("EphemeralStorage", {}).get("SizeInGiB", _FREE_DISK)) - _FREE_DISK
    if disk > 0:
        yield shared(f"Fargate disk above 20 GiB{of}", "fargate.storage", [by], disk * hours, *usage)


def databases(resources: Sequence[Resource], billing: Billing) -> Iterator[Component]:
    """Instances with their storage; a replica starts with its source's, and does not grow."""
    sources = [one for one in resources if "SourceDBInstanceIdentifier" not in one.properties]
    for one in resources:
        zones = "multi" if _true(one.properties.get("MultiAZ")) else "single"
        label = "Multi-AZ" if zones == "multi" else "single"
        size, storage = (
            str(one.properties.get("DBInstanceClass", "of no class")),
            str(one.properties.get("StorageType", "gp3")),
        )
        yield shared(f"database {size} {label}", f"rds.{size}.{zones}", [one], HOURS)
        primary = one in sources
        of = one if primary or not sources else sources[0]
        grown = _grown(one, billing) if primary else Decimal(0)
        gigabytes = Decimal(of.number("AllocatedStorage")) + grown
        yield shared(
            f"database storage {storage} {label}", f"rds.{storage}.{zones}", [one], gigabytes,
            *(("database_growth_gb",) if grown else ()),
        )  # fmt: skip
    if sources and billing.usage.backup_gb:
        yield shared("database backups", "rds.backup", sources, billing.assumed("backup_gb"), "backup_gb")


def _grown(database: Resource, billing: Billing) -> Decimal:
    """What is assumed, up to where storage may grow."""
    room = max(database.number("MaxAllocatedStorage") - database.number("AllocatedStorage"), 0)
    return min(billing.assumed("database_growth_gb"), Decimal(room))


def instances(resources: Sequence[Resource], _: Billing) -> Iterator[Component]:
    """EC2 instances with their disks and public addresses."""
    for one in resources:
        kind = str(one.properties["InstanceType"])
        yield shared(f"NAT instance {kind}", f"ec2.{kind}", [one], HOURS)
        for mapping in one.properties.get("BlockDeviceMappings", []):
            disk = mapping.get("Ebs", {})
            volume = disk.get("VolumeType", "gp3")
            yield shared(f"disk {volume}", f"ebs.{volume}", [one], Decimal(disk.get("VolumeSize", 8)))
        public = [each for each in one.properties.get("NetworkInterfaces", []) if each.get("AssociatePublicIpAddress")]
        if public:
            yield shared("public addresses", "ipv4.hour", [one], len(public) * HOURS)


def _true(value: Any) -> bool:
    return value is True or str(value).lower() == "true"
