"""What was found, made into what will be written: a value for each key of the `application` block, with its reason."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from opsctl.config.application import NEWEST_PYTHON, OLDEST_PYTHON
from opsctl.config.application_rules import TAKEN_NAMES
from opsctl.config.database_rules import RESERVED_WORDS, TAKEN_DATABASES
from opsctl.config.schedule import ScheduleError, expression
from opsctl.images.python.lock import DEFAULT_PYTHON, INSTEAD
from opsctl.project import shell
from opsctl.project.advice import Advice, advise
from opsctl.project.filling import Fill, fills, is_sqlite_only
from opsctl.project.findings import Fact, Findings, Process

_PYTHONS = {f"3.{minor}" for minor in range(OLDEST_PYTHON, NEWEST_PYTHON + 1)}
# Packages that bring a worker with a command of its own, and that command.
_QUEUES = {
    "django-q2": ("qcluster", ("python", "manage.py", "qcluster")),
    "huey": ("huey", ("python", "manage.py", "run_huey")),
    "django-rq": ("rqworker", ("python", "manage.py", "rqworker")),
    "django-dramatiq": ("dramatiq", ("python", "manage.py", "rundramatiq")),
    "procrastinate": ("procrastinate", ("python", "manage.py", "procrastinate", "worker")),
}


@dataclass(slots=True)
class Decisions:
    """Values of the file, and what a person should be told about them."""

    service: str
    client: str
    database: str
    path: str
    settings: str
    python: str = ""
    requirements: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    add: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    collects: bool = True
    dockerfile: str = ""
    other_dockerfile: str = ""
    web: tuple[str, ...] = ()
    port: str = ""
    health: Fact | None = None
    release: tuple[tuple[str, ...], ...] | None = None
    fills: tuple[Fill, ...] = ()
    buckets: tuple[str, ...] = ()
    extensions: tuple[str, ...] = ()
    workers: tuple[Process, ...] = ()
    jobs: tuple[Process, ...] = ()
    reasons: dict[str, str] = field(default_factory=dict)
    assumed: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def because(self, key: str, what: str, source: object) -> None:
        """Say why a key has its value, in the file and to the person."""
        self.reasons[key] = f"from {source}"
        self.assumed.append(f"{what} (from {source})")


def decide(findings: Findings, *, dockerfile: bool = False) -> Decisions:
    """The values of the file. `dockerfile`: one will be written, and is used."""
    location, settings = findings.location, findings.settings
    made = Decisions(
        location.name, location.client, _database_name(location.name), location.path or ".", settings.module
    )
    made.warnings += [*findings.notes, *findings.told.notes]
    if location.client_is_known:
        made.because("client", f"client {location.client}", "git's remote")
    else:
        made.assumed.append(
            f"client {location.client}, as git's remote names no owner: it is a part of resources' names"
        )
    if location.others:
        made.assumed.append(
            f"the project in {location.manage or '.'}, not {' or '.join(each or '.' for each in location.others)}"
        )
    if settings.module:
        made.because("settings", f"settings {settings.module}", settings.source)
        if settings.why:
            made.assumed[-1] += f", as {settings.why}"
    _image(made, findings, written=dockerfile)
    if not made.dockerfile:
        findings = _without_scripts_of_an_image(made, findings)
        _python(made, findings)
        _requirements(made, findings)
        if findings.frontend is not None and findings.frontend.folder:
            made.include = (findings.frontend.folder,)
            made.because(
                "include",
                f"static files that `{findings.frontend.script}` builds before the deploy",
                findings.frontend.source,
            )
    advice = advise(findings, made.dockerfile)
    made.collects, made.extensions = advice.collects, advice.extensions
    _web(made, findings)
    _release(made, findings)
    _processes(made, findings)
    _variables(made, findings, advice)
    made.assumed += advice.assumed
    made.missing += advice.missing
    made.warnings += advice.warnings
    made.missing = list(dict.fromkeys(made.missing))
    made.warnings = list(dict.fromkeys(made.warnings))
    return made


def _database_name(name: str) -> str:
    text = name.replace("-", "_")
    return f"{text}_db" if text in {"postgres", "template", "db", "test"} | TAKEN_DATABASES | RESERVED_WORDS else text


def _image(made: Decisions, findings: Findings, *, written: bool) -> None:
    """The project's Dockerfile, where a platform was told to use it or where it installs what pip can't."""
    image, told = findings.image, findings.told.dockerfile
    if image is None:
        if written:
            made.dockerfile = str(PurePosixPath(made.path, "Dockerfile"))
        return
    if told is not None and image.file.endswith(told.value.removeprefix("./")):
        made.dockerfile = image.file
        made.because("dockerfile", f"the image is built from {image.file}", told.source)
    elif image.needs is not None or written:
        made.dockerfile = image.file
        source = image.needs.source if image.needs else image.file
        made.because(
            "dockerfile", f"the image is built from {image.file}, which installs more than Python packages", source
        )
        if image.needs is None:
            made.reasons["dockerfile"], made.assumed[-1] = "", f"the image is built from {image.file}, which was there"
    else:
        made.other_dockerfile = image.file
        made.assumed.append(f"no need of {image.file}: it installs nothing that Python packages do not bring")
        if image.entry_point is not None and not shell.installed(shell.words(image.entry_point.value) or ("",)):
            made.warnings.append(
                f"opsctl's own image does not run {image.entry_point.value} ({image.entry_point.source}): "
                "what it prepares belongs under `release`."
            )


def python_of(findings: Findings) -> str:
    """The Python that a new image is made with."""
    made = Decisions("", "", "", "", "")
    _python(made, findings)
    return made.python


def _python(made: Decisions, findings: Findings) -> None:
    """The version that a file names, if images are made with it; else the newest that the project allows."""
    image, oldest = findings.image, findings.oldest_python
    wished = [fact for fact in (findings.dependencies.python, image.python if image else None) if fact is not None]
    if oldest is not None:
        wished.append(Fact(_allowed(oldest.value), oldest.source))
    for fact in wished:
        if fact.value in _PYTHONS:
            made.python = fact.value
            made.because("python", f"Python {fact.value}", fact.source)
            return
        made.warnings.append(
            f"{fact.source} wants Python {fact.value}, and images are made with 3.{OLDEST_PYTHON} to 3.{NEWEST_PYTHON}."
        )
    made.python = DEFAULT_PYTHON
    why = "opsctl's default" if wished else "as no file names a version"
    made.assumed.append(f"Python {DEFAULT_PYTHON}, {why}")


def _allowed(wish: str) -> str:
    """The default if the range allows it, else the newest below its end, or its start."""
    default = int(DEFAULT_PYTHON.partition(".")[2])
    lows = [int(each) for each in re.findall(r"(?:>=|\^|~=|==|~|>)\s*3\.(\d{1,2})", wish)] or [default]
    highs = [int(each) - 1 for each in re.findall(r"<\s*3\.(\d{1,2})", wish)]
    exact = re.search(r"(?:==|~(?!=))\s*3\.(\d{1,2})", wish)
    if exact:
        return f"3.{exact[1]}"
    return f"3.{max(*lows, min([default, *highs]))}"


def _requirements(made: Decisions, findings: Findings) -> None:
    found = findings.dependencies
    made.requirements = found.files
    if found.files in {("uv.lock",), ("pyproject.toml",)}:
        made.groups, made.extras = found.groups, found.extras
    if found.problem:
        made.missing.append(f"{found.problem}.")
    elif found.source is not None:
        state = "with hashes" if found.hashed else "without hashes: opsctl resolves it once, into opsctl.lock"
        made.assumed.append(f"requirements in {found.source}, {state}")
    made.add = tuple(additions(findings))
    if made.add and found.files:
        made.assumed.append(
            f"{', '.join(made.add)} added, as the project does not install {'it' if len(made.add) == 1 else 'them'}"
        )
    for fact in found.source_only:
        made.missing.append(
            f"{fact.value} ({fact.source}) has only a source archive, which needs a compiler: "
            f"write {INSTEAD[fact.value]} instead, or use a Dockerfile."
        )


def additions(findings: Findings) -> Iterable[str]:
    """What serving and PostgreSQL need and the project does not install."""
    found = findings.dependencies
    web = findings.told.web
    at = shell.server_in(web.command) if web else None
    server = PurePosixPath(web.command[at]).name if web and at is not None else "gunicorn"
    package = {"waitress-serve": "waitress", "uwsgi": "pyuwsgi"}.get(server, server)
    if not found.files and not found.has("django"):
        yield "django"
    if not found.has(package, server):
        yield package
    if findings.asgi is not None and web is None and not found.has("uvicorn-worker"):
        yield "uvicorn-worker"
        # uvicorn takes WebSockets only with a library for them.
        if found.has("channels") and not found.has("websockets", "wsproto", "uvicorn[standard]"):
            yield "websockets"
    # psycopg alone has no libpq of its own.
    if not found.has("psycopg2", "psycopg2-binary", "psycopg[binary]", "psycopg-binary", "psycopg[c]", "psycopg-c"):
        yield "psycopg[binary]"


def _without_scripts_of_an_image(made: Decisions, findings: Findings) -> Findings:
    """What serves, as opsctl's own image can run it: what only another image holds is said, and left out."""
    told = findings.told
    if told.web is None:
        return findings
    command = shell.installed(told.web.command)
    if not command:
        made.warnings.append(
            f"{told.web.source} serves by `{shlex.join(told.web.command)}`, a script of another image, "
            "so opsctl's own command does."
        )
    return replace(findings, told=replace(told, web=replace(told.web, command=command) if command else None))


def _web(made: Decisions, findings: Findings) -> None:
    told, settings = findings.told, findings.settings
    image = findings.image
    if told.health is not None:
        made.health = told.health
    if told.port is not None and made.dockerfile:
        made.port = told.port.value
    elif made.dockerfile and image is not None and image.port is not None:
        made.port = image.port.value
        made.because("port", f"port {image.port.value}", image.port.source)
    if made.dockerfile and image is not None:
        if image.command is None and told.web is not None:
            made.web = told.web.command
            made.because("web", f"web runs `{shlex.join(told.web.command)}`", told.web.source)
        if image.user is None or image.user.value.partition(":")[0] in {"root", "0"}:
            made.warnings.append(f"{image.file} names no USER but root, so every task would run as root.")
        if image.entry_point is not None:
            made.warnings.append(
                f"{image.file} has an entry point ({image.entry_point.source}); "
                "release, workers and jobs run without it."
            )
        return
    own = settings.module.partition(".")[0]
    module = settings.asgi if findings.asgi is not None else settings.wsgi
    said = "ASGI_APPLICATION" if findings.asgi is not None else "WSGI_APPLICATION"
    if told.web is not None:
        if findings.asgi is None and shell.is_usual_gunicorn(told.web.command, (settings.wsgi,)):
            made.assumed.append(f"opsctl's own gunicorn command, which does what {told.web.source} says")
        else:
            made.web = told.web.command
            made.because("web", f"web runs `{shlex.join(told.web.command)}`", told.web.source)
    elif module and said not in settings.assigned and module != f"{own}.{'asgi' if findings.asgi else 'wsgi'}":
        worker = ("-k", "uvicorn_worker.UvicornWorker") if findings.asgi else ()
        made.web = shell.reachable(("gunicorn", f"{module}:application", *worker))
        made.assumed.append(f"web serves {module}, since the settings name no {said}")
    if findings.asgi is not None:
        made.assumed.append(f"ASGI: {findings.asgi.value} (from {findings.asgi.source})")


def _release(made: Decisions, findings: Findings) -> None:
    told = findings.told.release
    if told:
        made.release = tuple(each.command for each in told)
        made.because(
            "release",
            f"the release runs {' and '.join(f'`{shlex.join(each)}`' for each in made.release)}",
            told[0].source,
        )
    elif (
        # Settings that are not here to be read may name one all the same.
        findings.settings.files
        and "DATABASES" not in findings.settings.assigned
        and not any(target.setting == "DATABASES" for each in findings.settings.variables for target in each.targets)
    ):
        made.release = ()
        made.reasons["release"] = "the settings name no database, so there is nothing to migrate"
        made.assumed.append("no migrations, since the settings name no database")


def _processes(made: Decisions, findings: Findings) -> None:
    workers = list(findings.told.workers)
    joined = " ".join(" ".join(each.command) for each in workers)
    if findings.celery is not None and "celery" not in joined:
        app = findings.celery.value
        workers.append(Process("worker", ("celery", "-A", app, "worker", "--loglevel", "info"), findings.celery.source))
        if findings.dependencies.has("django-celery-beat") or _has_schedule(findings):
            scheduler = ("--scheduler", "django_celery_beat.schedulers:DatabaseScheduler")
            beat = scheduler if findings.dependencies.has("django-celery-beat") else ("-s", "/tmp/celerybeat-schedule")  # noqa: S108
            workers.append(
                Process("beat", ("celery", "-A", app, "beat", *beat), findings.celery.source, singleton=True)
            )
    if not workers and findings.dependencies.source is not None:
        workers += [
            Process(name, command, findings.dependencies.source)
            for package, (name, command) in _QUEUES.items()
            if findings.dependencies.has(package)
        ]
    taken: set[str] = set()
    made.workers = tuple(_named(each, taken) for each in workers)
    for each in made.workers:
        called = each.name if "worker" in each.name else f"worker {each.name}"
        made.assumed.append(f"{called} runs `{shlex.join(each.command)}` (from {each.source})")
    jobs = []
    for each in findings.told.jobs:
        job = _named(each, taken)
        if job.schedule and not _is_schedule(job.schedule):
            made.missing.append(
                f"The schedule {job.schedule!r} of {each.source} is not one that AWS takes: "
                f"write one for job {job.name}."
            )
            job = replace(job, schedule="")
        jobs.append(job)
        called = job.name if "job" in job.name else f"job {job.name}"
        made.assumed.append(f"{called} runs `{shlex.join(job.command)}` (from {job.source})")
    made.jobs = tuple(jobs)


def _has_schedule(findings: Findings) -> bool:
    return any(name.endswith("BEAT_SCHEDULE") for name in findings.settings.assigned)


def _named(process: Process, taken: set[str]) -> Process:
    """With a name that is free; names that differ by hyphens alone count as one."""
    name, number = process.name, 1
    while name in TAKEN_NAMES or name.replace("-", "") in taken:
        number += 1
        name = f"{process.name[:25]}-{number}"
    taken.add(name.replace("-", ""))
    return replace(process, name=name)


def _is_schedule(text: str) -> bool:
    try:
        expression(text)
    except ScheduleError:
        return False
    return True


def _variables(made: Decisions, findings: Findings, advice: Advice) -> None:
    found = {
        each.name: each for each in fills(findings) if not each.name.startswith(("OPSCTL_", "AWS_CONTAINER_", "ECS_"))
    }
    for each in advice.fills:
        found.setdefault(each.name, each)
    if findings.settings.configuration is not None:
        fact = findings.settings.configuration
        found["DJANGO_CONFIGURATION"] = Fill("DJANGO_CONFIGURATION", "value", fact.value, f"from {fact.source}")
    if made.dockerfile and findings.image is not None and findings.image.reads_port:
        found["PORT"] = Fill("PORT", "value", made.port or shell.PORT, "the image's command reads it")
    elif not made.dockerfile and made.web and findings.script_with_port:
        found["PORT"] = Fill("PORT", "value", shell.PORT, f"{findings.script_with_port} reads it")
    made.fills = tuple(found.values())
    if any("${buckets.media}" in each.value for each in made.fills):
        made.buckets = ("media",)
    for each in made.fills:
        if each.way == "missing":
            made.missing.append(f"{each.name} has no default and could not be filled in; {each.note}.")
        elif each.way == "secret":
            made.missing.append(f"The secret {each.name} (read at {each.note}): `opsctl secret set {each.name}`.")
    if is_sqlite_only(findings.settings):
        made.assumed.append("PostgreSQL, as SQLite on a task's disk would be lost with the task")
