"""One status of one environment: everything is asked at the same time, and what is refused becomes a line."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from datetime import UTC, datetime
from threading import Thread
from typing import TYPE_CHECKING, TypeVar

from opsctl.aws.errors import AwsRefusedError
from opsctl.deploy import release
from opsctl.deploy.image import digest_of
from opsctl.deploy.lease import live_lease
from opsctl.deploy.planning.statuses import WENT_BACK
from opsctl.errors import OpsctlError
from opsctl.operate.deployed import service_url
from opsctl.operate.status import parts
from opsctl.operate.status.judge import judged
from opsctl.operate.status.model import DatabaseStatus, EnvironmentStatus, Unread

if TYPE_CHECKING:
    from opsctl.aws.cloudformation import Stack
    from opsctl.aws.ecs import Service, Task
    from opsctl.aws.rds import Database
    from opsctl.deploy.planning.state import RemoteState
    from opsctl.operate.status.model import ServiceStatus
    from opsctl.operate.target import Target

T = TypeVar("T")
D = TypeVar("D")


def environment_status(target: Target, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> EnvironmentStatus:
    """How an environment is. Starts nothing on this machine. Raises AwsError only when nothing at all can be read."""
    if target.is_stopped:
        return EnvironmentStatus(target.env.name, parts.text_of(now()), running=False)
    _ = target.aws  # an account that is not the environment's is refused here, before anything is asked in threads
    return judged(_Reader(target, now()).read())


def repeatedly(target: Target) -> Callable[[], EnvironmentStatus]:
    """`environment_status` for whoever looks again and again: after a refusal the next look finds new credentials."""
    current = target

    def look() -> EnvironmentStatus:
        nonlocal current
        try:
            return environment_status(current)
        except AwsRefusedError:
            current = replace(current)
            raise

    return look


class _Reader:
    """Reads one status. A part that can't be read leaves its default, and a line in `unread`."""

    def __init__(self, target: Target, now: datetime) -> None:
        self._target = target
        self._now = now
        self._unread: list[Unread] = []
        self._errors: list[OpsctlError] = []
        self._answered = 0

    def read(self) -> EnvironmentStatus:
        target = self._target
        # These need no stack to be found; the others begin as soon as the stacks are known.
        services = self._begin(parts.services, target)
        alarms = self._begin(parts.alarms, target)
        listed = self._listed()
        state = parts.state(target, listed)
        status = EnvironmentStatus(target.env.name, parts.text_of(self._now))
        status = self._of_stacks(status, state, services)
        status = replace(
            status,
            stacks=parts.stacks(target, state, listed.keys(), self._compared(state)),
            alarms=self._take("alarms", alarms, None),
        )
        if self._errors and not self._answered:
            raise self._errors[0]
        return replace(status, not_read=tuple(self._unread))

    def _listed(self) -> dict[str, list[Stack]]:
        """All stacks by region, of the regions that could be read."""
        target = self._target
        asked = {
            region: self._begin(target.aws.in_region(region).cloudformation.stacks) for region in parts.regions(target)
        }
        home = target.env.region
        found = {
            region: self._take("stacks" if region == home else f"stacks of {region}", future, None)
            for region, future in asked.items()
        }
        return {region: stacks for region, stacks in found.items() if stacks is not None}

    def _compared(self, state: RemoteState) -> dict[str, str]:
        """What deploys noted of stacks that went back; asked only where there is one."""
        bucket = state.outputs("bootstrap").get("ArtifactBucketName")
        if not bucket or all(stack.status != WENT_BACK for stack in state.stacks.values()):
            return {}
        noted = self._begin(release.compared, self._target.aws.s3, bucket, self._target.env)
        return self._take("what deploys compared", noted, {})

    def _of_stacks(
        self, status: EnvironmentStatus, state: RemoteState, services: Future[tuple[list[Service], list[Task]]]
    ) -> EnvironmentStatus:
        """What the stacks' outputs lead to."""
        target, front = self._target, state.outputs("front")
        bucket = state.outputs("bootstrap").get("ArtifactBucketName", "")
        group, digest = front.get("TargetGroupArn"), digest_of(state.parameter("app", "ImageUri"))
        last = self._begin(release.current, target.aws.s3, bucket, target.env) if bucket else None
        lease = self._begin(live_lease, target.aws.s3, bucket, target.env, self._now.timestamp()) if bucket else None
        targets = self._begin(parts.targets, target, group) if group else None
        certificates = self._begin(parts.certificates, target, state, self._now)
        scan = self._begin(parts.scan, target, f"sha256:{digest}") if digest and not target.is_local else None
        databases = {
            what: self._begin(parts.database, target, identifier) for what, identifier in parts.databases(state).items()
        }
        found, tasks = self._take("services", services, ([], []))
        record = self._take("release record", last, None) if last else None
        numbers = self._begin(parts.release_numbers, target, bucket, record, tasks)
        known = self._take("releases that run", numbers, {})
        statuses = parts.service_statuses(target, found, tasks, known)
        read = {what: self._database(what, future) for what, future in databases.items()}
        unread = {each.part for each in self._unread}
        gone = parts.missing_services(target, state, found) if "services" not in unread else ()
        gone += tuple(what for what, each in read.items() if each is None and what not in unread)
        return replace(
            status,
            service=next((each for each in found if each.name == parts.processes(target)["web"]), None),
            services=statuses,
            release=record,
            runs_release=_only_release(statuses),
            lock=self._take("lock", lease, None) if lease else None,
            targets=self._take("target health", targets, ()) if targets else (),
            databases=tuple(each for each in read.values() if each is not None),
            missing=gone,
            certificates=self._take("certificates", certificates, ()),
            scan=self._take("image scan", scan, None) if scan else None,
            url=self._take("url", self._begin(service_url, target, front), ""),
        )

    def _database(self, what: str, future: Future[Database | None]) -> DatabaseStatus | None:
        found = self._take(what, future, None)
        if found is None:
            return None
        pending = self._take(f"{what} maintenance", self._begin(parts.maintenance, self._target, found), None)
        return parts.database_status(found, pending)

    @staticmethod
    def _begin(read: Callable[..., T], *arguments: object) -> Future[T]:
        """Ask, in a thread of its own. Not in a pool's: Python would wait for these after Ctrl-C, as long as a network
        that is gone takes to fail.
        """
        future: Future[T] = Future()

        def run() -> None:
            try:
                future.set_result(read(*arguments))
            except BaseException as error:
                future.set_exception(error)

        Thread(target=run, name="status", daemon=True).start()
        return future

    def _take(self, part: str, future: Future[T], default: D) -> T | D:
        try:
            found = future.result()
        except OpsctlError as error:
            self._errors.append(error)
            self._unread.append(Unread(part, error.message))
            return default
        self._answered += bool(found)  # nothing may be what there is, or that nothing had to be asked
        return found


def _only_release(services: tuple[ServiceStatus, ...]) -> int | None:
    numbers = {task.release for service in services for task in service.tasks if task.image}
    return numbers.pop() if len(numbers) == 1 else None
