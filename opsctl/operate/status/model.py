"""What `opsctl status` knows of an environment. Times are ISO 8601 with a zone, "" where there is none."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opsctl.aws.ecs import Service
    from opsctl.deploy.lease import Lease
    from opsctl.deploy.release import Release


@dataclass(frozen=True, slots=True)
class StackStatus:
    """A stack. `next_deploy` is what a deploy would do with it; `drift` what the last check found, if there was one;
    `compared`: it went back from a change, and a later deploy found it as it wanted it.
    """

    stack: str
    name: str
    status: str
    reason: str
    updated: str
    next_deploy: str
    drift: str = ""
    compared: bool = False


@dataclass(frozen=True, slots=True)
class TaskStatus:
    """A task of a service. `health` is its container's own check; `release` is None for an image of no known one."""

    id: str
    status: str
    health: str
    started: str
    revision: str
    image: str
    release: int | None


@dataclass(frozen=True, slots=True)
class TargetStatus:
    """A task as the load balancer sees it. `reason` and `description` are ELB's, "" for a healthy one."""

    address: str
    state: str
    reason: str
    description: str


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """A service. `process` is `web` or a worker's name."""

    process: str
    name: str
    desired: int
    running: int
    pending: int
    rollout_state: str
    rollout_reason: str
    tasks: tuple[TaskStatus, ...] = ()


@dataclass(frozen=True, slots=True)
class AlarmStatus:
    """An alarm that is in ALARM."""

    name: str
    since: str
    reason: str
    description: str


@dataclass(frozen=True, slots=True)
class AlarmsStatus:
    """All alarms of the environment: those that fire, and how many there are of each other state."""

    firing: tuple[AlarmStatus, ...]
    ok: int
    insufficient_data: int


@dataclass(frozen=True, slots=True)
class MaintenanceStatus:
    """What RDS is going to do; `when` is "" while nobody chose, `forced` when it can't be put off."""

    action: str
    description: str
    when: str
    forced: bool


@dataclass(frozen=True, slots=True)
class DatabaseStatus:
    """A database. `storage` is GiB; `changes` are settings that wait to be applied; `maintenance` None: not read."""

    identifier: str
    status: str
    instance_class: str
    engine: str
    version: str
    storage: int
    multi_az: bool
    changes: tuple[str, ...] = ()
    maintenance: tuple[MaintenanceStatus, ...] | None = ()


@dataclass(frozen=True, slots=True)
class CertificateStatus:
    """A certificate. `days_left` is None where ACM names no end, as before it is issued; `used_by` are ARNs."""

    of: str
    domain: str
    status: str
    expires: str
    days_left: int | None
    renewal: str
    reason: str
    used_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ScanStatus:
    """What ECR's newest scan found in the image that is deployed. `counts` by severity, worst first."""

    digest: str
    status: str
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Unread:
    """A part that could not be read, and why."""

    part: str
    reason: str


@dataclass(frozen=True, slots=True)
class EnvironmentStatus:
    """An environment at one moment. What is None or empty is not there, or is named in `not_read`.

    `missing` names services and databases that their stacks made and AWS does not have any more.
    `problems` are sentences about what is not well; `runs_release` is the number of the release that all tasks run,
    None when they run several or none that is known.
    """

    environment: str
    read_at: str
    stacks: tuple[StackStatus, ...] = ()
    service: Service | None = None
    services: tuple[ServiceStatus, ...] = ()
    targets: tuple[TargetStatus, ...] = ()
    release: Release | None = None
    runs_release: int | None = None
    lock: Lease | None = None
    alarms: AlarmsStatus | None = None
    databases: tuple[DatabaseStatus, ...] = ()
    certificates: tuple[CertificateStatus, ...] = ()
    scan: ScanStatus | None = None
    url: str = ""
    not_read: tuple[Unread, ...] = ()
    missing: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    running: bool = True
    """Whether there is something to ask: False for an environment of this machine that was stopped."""

    @property
    def is_well(self) -> bool:
        """Whether nothing is known to be wrong."""
        return not self.problems

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {**asdict(self), "well": self.is_well}
