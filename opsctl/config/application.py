"""The `application` block: the Django project that an environment runs, in words that fit any project.

Shapes only, as in `models.py`; what may stand beside what is in `application_rules.py`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from opsctl.config.section import TOP_LEVEL_DOMAIN, CertificateArn, DomainName, HostedZoneId, Section, SourceLocation

Architecture = Literal["X86_64", "ARM64"]
DatabaseRole = Literal["user", "migrator", "loader", "reader", "writer"]
FARGATE_CPU = (256, 512, 1024, 2048, 4096, 8192, 16384)
"""Sizes of a task; `application_rules.py` says which memory goes with each."""
HEALTH_PATH = "/-/health"
"""Where opsctl answers by itself when the project names no path of its own."""

OLDEST_PYTHON, NEWEST_PYTHON = 9, 14
"""Minor versions of Python 3 that images are made with; beyond them there are no wheels."""

PartName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=30)]
VariableName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=128)]
Word = Annotated[str, StringConstraints(min_length=1, max_length=4000)]
Command = Annotated[tuple[Word, ...], Field(min_length=1, max_length=100)]
ModuleName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$")]
Cidr = Annotated[str, StringConstraints(pattern=r"^[0-9a-fA-F.:]+/\d{1,3}$")]
# A name, or all names one level below it.
Domain = Annotated[
    str,
    StringConstraints(pattern=rf"^(?=.{{4,253}}$)(\*\.)?([a-z0-9]([a-z0-9-]{{0,61}}[a-z0-9])?\.)+{TOP_LEVEL_DOMAIN}$"),
]
_MINORS = "|".join(str(minor) for minor in range(OLDEST_PYTHON, NEWEST_PYTHON + 1))
PythonVersion = Annotated[str, StringConstraints(pattern=rf"^3\.({_MINORS})$")]
RelativePath = Annotated[str, StringConstraints(pattern=r"^(?!/)[^\0\\]{1,400}$")]
AbsolutePath = Annotated[str, StringConstraints(pattern=r"^/(?!.*(^|/)\.\.(/|$))[^\0]{1,400}[^/\0]$")]
SecretArn = r"arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:[A-Za-z0-9/_+=.@-]+"
ExtensionName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]
SecretSource = Annotated[str, StringConstraints(pattern=rf"^(set|generate|{SecretArn})$")]
_DURATION = re.compile(r"(\d+)(s|m|h|d)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def _seconds(value: Any) -> Any:
    """`2h` as 7200. What is no duration is left for the number's own check to refuse."""
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    return int(found[1]) * _SECONDS[found[2]] if found else value


def _pair(value: Any) -> Any:
    return (value, value) if isinstance(value, int) and not isinstance(value, bool) else value


def _listed(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


def _named(value: Any) -> Any:
    """A list of secrets as a map; a name without a value is one that a person sets."""
    if isinstance(value, tuple | list):
        return dict.fromkeys(_once(value), "set") if all(isinstance(each, str) for each in value) else value
    if isinstance(value, dict):
        return {name: "set" if source is None else source for name, source in value.items()}
    return value


def _once(names: Sequence[str]) -> Sequence[str]:
    twice = next((name for name, count in Counter(names).items() if count > 1), None)
    if twice is not None:
        raise PydanticCustomError("listed_twice", "{name} stands here twice", {"name": twice})
    return names


def _blocks(value: Any) -> Any:
    """`media:` with nothing below it means the defaults."""
    return {name: {} if item is None else item for name, item in value.items()} if isinstance(value, dict) else value


def _commands(value: Any) -> Any:
    """One command or several, or a block that holds them."""
    if not isinstance(value, tuple | list):
        return value
    if value and all(isinstance(each, str) for each in value):
        return {"commands": (tuple(value),)}
    return {"commands": tuple(value)}


_DURATION_SCHEMA = {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "pattern": "^\\d+(s|m|h|d)$"}]}
Duration = Annotated[
    int, Field(ge=1, le=7 * 86_400), BeforeValidator(_seconds), WithJsonSchema(_DURATION_SCHEMA, mode="validation")
]
_COUNT_SCHEMA = {
    "anyOf": [
        {"type": "integer", "minimum": 0},
        {"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": 2, "maxItems": 2},
    ]
}
Count = Annotated[
    tuple[Annotated[int, Field(ge=0, le=100)], Annotated[int, Field(ge=1, le=100)]],
    BeforeValidator(_pair),
    WithJsonSchema(_COUNT_SCHEMA, mode="validation"),
]


class Process(Section):
    """What every process takes: web, release, a worker, a job."""

    cpu: int = Field(
        256, description="Fargate CPU units (1024 = 1 vCPU).", json_schema_extra={"enum": list(FARGATE_CPU)}
    )
    memory: int = Field(512, description="MiB; must fit the CPU size.")
    disk: int | None = Field(None, ge=21, le=200, description="GiB of the task's disk; Fargate gives 20 without.")
    architecture: Architecture | None = Field(None, description="Default: ecs.cpu_architecture.")
    environment: dict[VariableName, str] = Field(
        default_factory=dict, description="Variables of this process, on top of the application's."
    )
    settings: ModuleName | None = Field(None, description="DJANGO_SETTINGS_MODULE of this process.")
    database_role: DatabaseRole | None = Field(
        None, description="Which database role it logs in as; for `database.owner: false`."
    )
    statement_timeout: int = Field(0, ge=0, le=86_400, description="Seconds a statement may take; 0: no limit.")
    scratch: AbsolutePath | None = Field(None, description="Path of a writable volume on the task's disk.")
    reads: tuple[SourceLocation, ...] = Field(
        (), max_length=20, description="S3 buckets of others, or `bucket/prefix`, that it may read."
    )
    stop_timeout: int = Field(120, ge=2, le=120, description="Seconds from SIGTERM to SIGKILL; Fargate gives 120.")
    connections: int | None = Field(
        None, ge=1, le=1000,
        description="Connections to the database that one task may open: default 2, of the web workers x threads.",
    )  # fmt: skip

    @property
    def alone(self) -> bool:
        """Whether the start program looks first for another task that does the same."""
        return False


class Health(Section):
    """How the load balancer finds out that a task serves. AWS advises 5 s twice for a service that starts quickly."""

    path: Annotated[str, StringConstraints(pattern=r"^/[!-~]{0,1000}$")] | None = Field(
        None, description=f"Asked by the load balancer; without one opsctl answers {HEALTH_PATH} itself."
    )
    codes: str = Field(
        "200",
        pattern=r"^\d{3}(-\d{3})?(,\d{3}(-\d{3})?)*$",
        description="HTTP codes that count as healthy, such as 200 or 200-399.",
    )
    grace: int = Field(120, ge=0, le=3600, description="Seconds in which a new task may fail its checks.")
    interval: int = Field(5, ge=5, le=300, description="Seconds between two checks.")
    threshold: int = Field(2, ge=2, le=10, description="Good checks until a new task gets requests.")


def _health(value: Any) -> Any:
    return {"path": value} if isinstance(value, str) else value


class Web(Process):
    """What answers visitors, behind the load balancer."""

    command: Command | None = Field(None, description="Default: gunicorn with workers that fit WSGI or ASGI.")
    workers: int = Field(2, ge=1, le=64, description="Processes of the server in a task (WEB_CONCURRENCY).")
    threads: int = Field(4, ge=1, le=64, description="Threads of each: requests that it answers at once.")
    port: int = Field(8000, ge=1, le=65535, description="Where the process listens.")
    domains: tuple[Domain, ...] = Field((), max_length=10, description="Names under which it is reached.")
    redirect: bool = Field(False, description="Send visitors of the other names to the first.")
    hosted_zone_id: HostedZoneId | None = Field(None, description="Route 53 zone that gets records and certificate.")
    hosted_zone_name: DomainName | None = Field(None, description="Name of that zone.")
    certificate_arn: CertificateArn | None = Field(None, description="Existing ACM certificate of the ALB's region.")
    health: Annotated[Health, BeforeValidator(_health)] = Health()
    # In the annotation: of two highest values the type's own would count.
    timeout: Annotated[Duration, Field(le=4000)] = Field(
        60, description="Seconds a request may take: load balancer and server."
    )
    drain: int = Field(
        20, ge=0, le=3600, description="Seconds that an old task may still take for its requests: your longest."
    )
    count: Count = Field((1, 2), description="Tasks: a number, or [lowest, highest].")
    cpu_target: int = Field(60, ge=10, le=90, description="Percent of CPU that autoscaling aims at.")
    memory_target: int = Field(70, ge=10, le=90, description="Percent of memory that autoscaling aims at.")
    requests_target: int = Field(
        600, ge=1, le=1_000_000, description="Requests per target and minute that autoscaling aims at."
    )
    allow: tuple[Cidr, ...] = Field((), max_length=50, description="Who may come, as IP ranges; default: everybody.")
    statement_timeout: int = Field(30, ge=0, le=86_400, description="Seconds a statement may take; 0: no limit.")
    stop_timeout: int = Field(45, ge=2, le=120, description="Seconds from SIGTERM to SIGKILL.")


class Release(Process):
    """What runs once before a release serves."""

    commands: tuple[Command, ...] = Field(
        (("python", "manage.py", "migrate", "--no-input"),), max_length=20, description="In this order."
    )
    timeout: Duration | None = Field(None, description="Seconds, or such as 2h, after which a command is ended.")


class Worker(Process):
    """A long-running task without a load balancer."""

    command: Command = Field(description="What it runs.")
    count: Count = Field((1, 1), description="Tasks: a number, or [lowest, highest].")
    cpu_target: int = Field(60, ge=10, le=90, description="Percent of CPU that autoscaling aims at.")
    singleton: bool = Field(False, description="Never two at once: on a release the old one ends first.")


class Job(Process):
    """A one-off task, by hand or by schedule."""

    command: Command = Field(description="What it runs.")
    schedule: str | None = Field(None, description="Five fields as in crontab, or AWS's cron(…) or rate(…).")
    timezone: str = Field("UTC", description="IANA name of the schedule's time zone.")
    timeout: Duration | None = Field(None, description="Seconds, or such as 2h, after which it is ended.")
    overlap: bool = Field(False, description="Start it although its last task still runs.")

    @property
    def alone(self) -> bool:
        """Unless it says that its tasks may overlap."""
        return not self.overlap


class Bucket(Section):
    """A private bucket of the application."""

    processes: tuple[PartName, ...] | None = Field(
        None, description="Names of the processes that may read and write it; default: every one."
    )


class Build(Section):
    """How the native engine makes the image."""

    commands: tuple[Command, ...] | None = Field(
        None, max_length=20, description="Default: collectstatic, when the project has static files."
    )
    environment: dict[VariableName, str] = Field(
        default_factory=dict, description="Variables of the build, instead of harmless ones."
    )
    secrets: tuple[VariableName, ...] = Field(
        (), max_length=20, description="Variables of your shell that installing needs; never in a layer."
    )


class Database(Section):
    """How the application logs in, and what it may do."""

    auth: Literal["iam", "password", "trust"] | None = Field(
        None, description="Default: trust locally; on AWS iam, or password with `owner: true`."
    )
    owner: bool = Field(False, description="One login that owns what is in the database.")
    extensions: Annotated[tuple[ExtensionName, ...], AfterValidator(_once)] = Field(
        (), max_length=50, description="PostgreSQL extensions, made before the release runs.",
        json_schema_extra={"uniqueItems": True},
    )  # fmt: skip


class Site(Section):
    """A static site that a job exports; the `dashboard` block says where it is reached."""

    job: PartName = Field(description="The job that exports it.")
    archive: str = Field(
        pattern=r"^[a-z][a-z0-9-]*/[A-Za-z0-9._/-]{1,200}$",
        description="BUCKET/KEY of the .zip of pages that it leaves.",
    )


class Application(Section):
    """The project that is deployed."""

    path: RelativePath = Field(".", description="The project's folder in the repository.")
    settings: ModuleName | None = Field(None, description="DJANGO_SETTINGS_MODULE; default: as manage.py says.")
    python: PythonVersion | None = Field(None, description="Python of the image, such as 3.13.")
    requirements: Annotated[tuple[RelativePath, ...], BeforeValidator(_listed)] | None = Field(
        None, min_length=1, max_length=20, description="A file, a list of files, or uv.lock, below `path`."
    )
    groups: tuple[str, ...] = Field((), description="Dependency groups to install as well.")
    extras: tuple[str, ...] = Field((), description="Extras of the project to install as well.")
    add: tuple[Word, ...] = Field((), max_length=100, description="Further requirements, such as gunicorn.")
    include: tuple[RelativePath, ...] = Field(
        (), max_length=100, description="Files and folders to ship although git does not track them below `path`."
    )
    exclude: tuple[RelativePath, ...] = Field((), max_length=100, description="Tracked files that are not shipped.")
    build: Build = Build()
    dockerfile: RelativePath | None = Field(None, description="Build with an engine from this file.")
    target: str | None = Field(None, description="Stage of the Dockerfile.")
    args: dict[VariableName, str] = Field(default_factory=dict, description="Build arguments of the Dockerfile.")
    image: str | None = Field(None, description="An image that is there already.")
    web: Web = Web()
    release: Annotated[Release, BeforeValidator(_commands)] = Release()
    environment: dict[VariableName, str] = Field(default_factory=dict, description="Variables of every process.")
    secrets: Annotated[dict[VariableName, SecretSource], BeforeValidator(_named)] = Field(
        default_factory=dict, description="Names, set by `opsctl secret set`; or a map: generate, or an ARN."
    )
    files: dict[AbsolutePath, str] = Field(default_factory=dict, description="Written when a task starts, mode 0600.")
    database: Database = Database()
    buckets: Annotated[dict[PartName, Bucket], BeforeValidator(_blocks)] = Field(default_factory=dict)
    workers: dict[PartName, Worker] = Field(default_factory=dict)
    jobs: dict[PartName, Job] = Field(default_factory=dict)
    site: Site | None = None

    def processes(self) -> Iterator[tuple[str, Process]]:
        """Every process with its name: web, release, then workers and jobs by theirs."""
        yield "web", self.web
        yield "release", self.release
        yield from self.workers.items()
        yield from self.jobs.items()

    def variables(self, process: Process) -> dict[str, str]:
        """What `environment` says for one process, placeholders as written."""
        return {**self.environment, **process.environment}
