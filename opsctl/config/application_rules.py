"""Rules of the `application` block: what may stand beside what. Each returns problems; none raises."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING
from zoneinfo import available_timezones

from opsctl.config.extensions import EXTENSIONS
from opsctl.config.located import KeyPath
from opsctl.config.nearest import closest, near, nearest
from opsctl.config.pinned import UnpinnedError, parse_pinned
from opsctl.config.problem import Problem
from opsctl.config.schedule import ScheduleError, expression, is_timezone

if TYPE_CHECKING:
    from opsctl.config.application import Application
    from opsctl.config.models import Environment

Rule = Callable[["Environment"], Iterator[Problem]]
_HERE = ("application",)
# Fargate task sizes: CPU units -> (lowest, highest, step) memory in MiB.
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-cpu-memory-error.html
FARGATE_MEMORY: dict[int, tuple[int, int, int]] = {
    512: (1024, 4096, 1024),
    1024: (2048, 8192, 1024),
    2048: (4096, 16384, 1024),
    4096: (8192, 30720, 1024),
    8192: (16384, 61440, 4096),
    16384: (32768, 122880, 8192),
}
_SMALLEST = (256, (512, 1024, 2048))
# Names of parts that opsctl uses itself, in commands and as logical ids.
TAKEN_NAMES = frozenset({"web", "release", "service", "migrate", "db-init", "rotation", "flow-logs"})
_BUILT = ("python", "requirements", "groups", "extras", "add", "include", "exclude")


def process_path(application: Application, name: str) -> KeyPath:
    """Where a process stands: `application.jobs.refresh` of `refresh`."""
    if name in {"web", "release"}:
        return (*_HERE, name)
    return (*_HERE, "workers" if name in application.workers else "jobs", name)


def nearest_size(cpu: int, memory: int) -> tuple[int, int]:
    """The pair itself where Fargate has it; else the smallest that has at least as much of both, or the largest."""
    pairs = [(_SMALLEST[0], each) for each in _SMALLEST[1]]
    pairs += [(each, size) for each, (low, high, step) in FARGATE_MEMORY.items() for size in range(low, high + 1, step)]
    return next((pair for pair in pairs if pair[0] >= cpu and pair[1] >= memory), pairs[-1])


def sizes(env: Environment) -> Iterator[Problem]:
    """Only certain pairs of CPU and memory exist."""
    for name, process in env.application.processes():
        path = process_path(env.application, name)
        yield from _size(path, process.cpu, process.memory)


def _size(path: KeyPath, cpu: int, memory: int) -> Iterator[Problem]:
    if cpu == _SMALLEST[0]:
        fits = memory in _SMALLEST[1]
        choice = "Write 512, 1024 or 2048."
    elif cpu in FARGATE_MEMORY:
        low, high, step = FARGATE_MEMORY[cpu]
        fits, choice = low <= memory <= high and memory % step == 0, f"Write {low} to {high} in steps of {step}."
    else:
        every = ", ".join(str(size) for size in (256, *FARGATE_MEMORY))
        yield Problem((*path, "cpu"), f"Fargate has no task of {cpu} CPU units", f"Write one of {every}.")
        return
    if not fits:
        what = f"Fargate has no task of {cpu} CPU units with {memory} MiB"
        yield Problem((*path, "memory"), what, choice, ((*path, "cpu"),))


def counts(env: Environment) -> Iterator[Problem]:
    """Autoscaling moves between the two; a singleton is one."""
    application = env.application
    for name, low, high in [
        ("web", *application.web.count),
        *((name, *worker.count) for name, worker in application.workers.items()),
    ]:
        path = (*process_path(application, name), "count")
        if low > high:
            yield Problem(path, f"the lowest, {low}, is above the highest, {high}", f"Write [{high}, {low}].")
    if application.web.count[0] == 0:
        yield Problem((*_HERE, "web", "count"), "no task would answer visitors", "Write 1 or more.")
    for name, worker in application.workers.items():
        if worker.count[0] == 0:
            # Target tracking does nothing without data. [ECS DG service-autoscaling-targettracking]
            yield Problem(
                (*_HERE, "workers", name, "count"),
                "once no task runs there is no CPU to measure, and it would never start again",
                "Write 1 or more.",
            )
    for name, worker in application.workers.items():
        if worker.singleton and worker.count[1] > 1:
            yield Problem(
                (*_HERE, "workers", name, "count"),
                f"`{name}` is a singleton, and {worker.count[1]} tasks are allowed",
                "Write 1, or set singleton to false.",
                ((*_HERE, "workers", name, "singleton"),),
            )


def part_names(env: Environment) -> Iterator[Problem]:
    """Workers and jobs are told apart by name in commands and logs, and become logical ids."""
    application = env.application
    for kind, names in (("workers", application.workers), ("jobs", application.jobs)):
        for name in names:
            if name in TAKEN_NAMES:
                yield Problem(
                    (*_HERE, kind, name), f"opsctl has a part of its own called `{name}`", "Give it another name."
                )
    for name in application.jobs:
        if name in application.workers:
            yield Problem((*_HERE, "jobs", name), f"a worker is called `{name}` as well", "Give it another name.")
    yield from _ids(("jobs", "workers"), [*application.jobs, *application.workers], application)
    yield from _ids(("buckets",), [*application.buckets], application)


def _ids(kinds: tuple[str, ...], names: Iterable[str], application: Application) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(name.replace("-", ""), name)
        if other != name:
            kind = next(kind for kind in kinds if name in getattr(application, kind))
            yield Problem(
                (*_HERE, kind, name), f"`{name}` and `{other}` differ by hyphens alone", "Give it another name."
            )


def image_ways(env: Environment) -> Iterator[Problem]:
    """One way to an image; what belongs to another is refused, not ignored."""
    application = env.application
    given = application.model_fields_set
    if application.image is not None and application.dockerfile is not None:
        yield Problem((*_HERE, "image"), "there is a dockerfile too", "Keep one of the two.", ((*_HERE, "dockerfile"),))
        return
    other = "image" if application.image is not None else "dockerfile" if application.dockerfile is not None else None
    if other is not None:
        built = [name for name in _BUILT if name in given and getattr(application, name)]
        if other == "dockerfile":  # its context is what is shipped
            built = [name for name in built if name not in {"include", "exclude"}]
        if application.build.commands is not None or application.build.environment:
            built.append("build")
        reason = "is what is there already" if other == "image" else "says how the image is made"
        for name in built:
            yield Problem(
                (*_HERE, name), f"`{other}` {reason}, so this would have no effect", f"Remove it, or `{other}`."
            )
    if other != "dockerfile":
        for name in ("target", "args"):
            if name in given and getattr(application, name):
                yield Problem((*_HERE, name), "this is of a Dockerfile, and none is named", "Name it in dockerfile.")


def added_packages(env: Environment) -> Iterator[Problem]:
    """What is added from Git stands at a commit, and its address holds no password."""
    for index, each in enumerate(env.application.add):
        if "git+" in each:
            try:
                parse_pinned(each)
            except UnpinnedError as error:
                yield Problem((*_HERE, "add", index), error.message.removesuffix("."), error.hint)


def paths(env: Environment) -> Iterator[Problem]:
    """What is shipped lies in the repository."""
    application = env.application
    for name in ("path", "dockerfile"):
        value = getattr(application, name)
        if value is not None and ".." in value.split("/"):
            yield Problem((*_HERE, name), f"{value!r} leads out of the repository", "Write a path below the file.")
    for index, each in enumerate(application.include):
        depth = len([part for part in application.path.split("/") if part not in {"", "."}])
        if each.split("/").count("..") > depth:
            yield Problem(
                (*_HERE, "include", index), f"{each!r} leads out of the repository", "Write a path inside it."
            )


def buckets(env: Environment) -> Iterator[Problem]:
    """A bucket is for processes that there are."""
    names = [name for name, _ in env.application.processes()]
    for bucket, block in env.application.buckets.items():
        for index, name in enumerate(block.processes or ()):
            if name not in names:
                yield Problem(
                    (*_HERE, "buckets", bucket, "processes", index),
                    f"there is no process `{name}`",
                    nearest(name, names),
                )


def schedules(env: Environment) -> Iterator[Problem]:
    """Schedules that EventBridge Scheduler takes."""
    for name, job in env.application.jobs.items():
        path = (*_HERE, "jobs", name)
        if job.schedule is not None:
            try:
                expression(job.schedule)
            except ScheduleError as error:
                fix = f'Write "{error.instead}".' if error.instead else 'Write "15 4 * * *", or cron(15 4 * * ? *).'
                yield Problem((*path, "schedule"), f"{job.schedule!r} {error}", fix)
        if not is_timezone(job.timezone):
            fix = near(job.timezone, available_timezones()) or "Write one such as UTC or Europe/Berlin."
            yield Problem((*path, "timezone"), f"there is no time zone {job.timezone!r}", fix)


def database_roles(env: Environment) -> Iterator[Problem]:
    """Roles of several rights are of the model without an owner's login."""
    application = env.application
    if not application.database.owner:
        return
    for name, process in application.processes():
        if process.database_role is not None:
            yield Problem(
                (*process_path(application, name), "database_role"),
                "with database.owner there is one login for all processes",
                "Remove it, or set application.database.owner to false.",
                ((*_HERE, "database", "owner"),),
            )


def authentication(env: Environment) -> Iterator[Problem]:
    """`trust` is for this machine, and nothing else is there."""
    auth, path = env.application.database.auth, (*_HERE, "database", "auth")
    if auth == "trust" and env.target != "local":
        yield Problem(
            path,
            "`trust` lets anyone on the network in without a password",
            "Write `iam` or `password`; `trust` is for `target: local`.",
            (("target",),),
        )
    if auth in {"iam", "password"} and env.target == "local":
        lacks = "knows no IAM" if auth == "iam" else "has no certificate to send a password of the application's to"
        yield Problem(
            path,
            f"`{auth}` is for AWS: the PostgreSQL of this machine {lacks}",
            f"Write `trust` for {env.name} alone (environments.{env.name}.application.database.auth), or leave it out.",
            (("target",),),
        )
    elif auth == "password" and not env.application.database.owner:
        yield Problem(
            path,
            "roles without an owner's login have no passwords",
            "Set application.database.owner to true, or write `iam`.",
            ((*_HERE, "database", "owner"),),
        )


def site(env: Environment) -> Iterator[Problem]:
    """A site is what a job leaves in a bucket."""
    application = env.application
    if application.site is None:
        return
    if application.site.job not in application.jobs:
        yield Problem(
            (*_HERE, "site", "job"),
            f"there is no job `{application.site.job}`",
            nearest(application.site.job, application.jobs) if application.jobs else "Add it to application.jobs.",
        )
    bucket = application.site.archive.partition("/")[0]
    if bucket not in application.buckets:
        yield Problem(
            (*_HERE, "site", "archive"),
            f"there is no bucket `{bucket}`",
            nearest(bucket, application.buckets) if application.buckets else "Add it to application.buckets.",
        )


def scratch(env: Environment) -> Iterator[Problem]:
    """A volume that hides what the system needs."""
    for name, process in env.application.processes():
        if process.scratch is not None and process.scratch.split("/")[1] in {"etc", "usr", "bin", "lib", "proc", "dev"}:
            yield Problem(
                (*process_path(env.application, name), "scratch"),
                f"a volume at {process.scratch} would hide a part of the system",
                "Write a path such as /data.",
            )


def extensions(env: Environment) -> Iterator[Problem]:
    """Slips of the hand. A name that is like none of those known is left to the server to know."""
    for index, name in enumerate(env.application.database.extensions):
        meant = None if name in EXTENSIONS else closest(name, EXTENSIONS, 0.85)
        if meant is not None:
            yield Problem(
                (*_HERE, "database", "extensions", index),
                f"RDS offers no extension `{name}`", f"Did you mean `{meant}`?",
            )  # fmt: skip


RULES: tuple[Rule, ...] = (
    sizes, counts, part_names, image_ways, added_packages, paths, buckets,
    schedules, database_roles, authentication, site, scratch, extensions,
)  # fmt: skip
