"""Findings -> the text of `environments.yaml`: short, commented, valid, and cheap until somebody says otherwise."""

from __future__ import annotations

from collections.abc import Iterator

from opsctl.config.application import Job, Release, Web, Worker
from opsctl.config.connections import class_for, most
from opsctl.config.schema import SCHEMA_FILE
from opsctl.project.decisions import Decisions
from opsctl.project.filling import Fill
from opsctl.project.findings import Process
from opsctl.project.yaml_text import block, comment, flow, scalar, value

_DEV_TASKS, _PRD_TASKS = (1, 1), (2, 6)
_ANY = ("python",)
_HEAD = f"""\
# yaml-language-server: $schema={SCHEMA_FILE}
# What opsctl deploys, per environment. Written by `opsctl init`, which read this project's files; it is yours to edit.
# `opsctl env validate` checks it; `opsctl env show` prints one environment with every default filled in.
default_environment: local
"""
_ENVIRONMENTS = """\
environments:
  # This machine: an AWS emulator, a real PostgreSQL, and the application's processes.
  local:
    target: local
    ecs:
      build_on_deploy: true
      repository_name: {name}-local
      manage_repository: true
    observability:
      alb_access_logs:
        enabled: false

  # Cheap: one small instance as the way out instead of NAT gateways, the smallest database, one task.
  dev:
    vpc:
      cidr: 10.20.0.0/16
      availability_zones: [a, b]
    nat:
      use_nat_instance: true
    rds:
      instance_class: {dev_class}
      backup_days: 1
    ecs:
      # For deploys from a laptop. Leave it away where workflows deploy (`opsctl ci init`): they push images before.
      build_on_deploy: true
      repository_name: {name}-dev
      manage_repository: true
    application:
      web:
        count: {dev_tasks}

  # For visitors: two zones with a way out each, a database with a standby, protection against deletion.
  prd:
    security:
      termination_protection: true
    vpc:
      cidr: 10.30.0.0/16
      availability_zones: [a, b]
      nat_gateways: 2
    rds:
      instance_class: {prd_class}
      max_allocated_storage: 100
      multi_az: true
      backup_days: 14
    ecs:
      build_on_deploy: true  # as in dev
      repository_name: {name}-prd
      manage_repository: true
    observability:
      log_retention_days: 90
    application:
      web:
        cpu: 512
        memory: 1024
        count: {prd_tasks}
        # HTTPS and a name of your own: fill these in, and set security.enforce_tls to true.
        # domains: [{name}.example.com]
        # hosted_zone_id: Z0123456789EXAMPLE
        # hosted_zone_name: example.com
"""


def propose(made: Decisions) -> str:
    """The file's text."""
    lines = block("defaults", _defaults(made))
    others = most(Release()) + len(made.workers) * most(Worker(command=_ANY)) + len(made.jobs) * most(Job(command=_ANY))
    environments = _ENVIRONMENTS.format(
        name=made.service,
        dev_class=class_for(most(Web(count=_DEV_TASKS)) + others),
        prd_class=class_for(most(Web(count=_PRD_TASKS)) + others, "medium"),
        dev_tasks=_DEV_TASKS[1],
        prd_tasks=list(_PRD_TASKS),
    )
    return f"{_HEAD}\n" + "\n".join(lines) + "\n\n" + environments


def _defaults(made: Decisions) -> Iterator[str]:
    yield "# First and last part of what resources are called. They can't change once something is deployed."
    yield f"service: {scalar(made.service)}"
    yield f"client: {scalar(made.client)}"
    yield "region: us-east-1"
    alarms = ["# Alarms go there: write the address that is read at night.", "alert_email: oncall@example.com"]
    yield from block("observability", alarms)
    ways_out = [
        "# Tasks may connect to everything outside; a list of ports, such as [443], narrows it.",
        "egress: all",
    ]
    yield from block("security", ways_out)
    yield from block("rds", [f"database: {scalar(made.database)}"])
    yield from block("application", _application(made))


def _application(made: Decisions) -> Iterator[str]:
    yield f"path: {scalar(made.path)}"
    if made.settings:
        yield f"settings: {scalar(made.settings)}{_why(made, 'settings')}"
    else:
        yield "# settings: PACKAGE.settings  # the settings module could not be found"
    yield from _image(made)
    yield from block("web", _web(made))
    yield from _release(made)
    yield from _variables(made.fills)
    yield from _secrets(made.fills)
    yield "# One login, which owns the tables. Its password is made by opsctl; on this machine there is none."
    extensions = [f"extensions: {flow(made.extensions)}"] if made.extensions else []
    yield from block("database", ["owner: true", *extensions])
    yield from block("buckets", [f"{name}: {{}}" for name in made.buckets])
    yield from block("workers", (line for each in made.workers for line in _process(each)))
    yield from block("jobs", (line for each in made.jobs for line in _process(each)))


def _image(made: Decisions) -> Iterator[str]:
    if made.dockerfile:
        yield f"dockerfile: {scalar(made.dockerfile)}{_why(made, 'dockerfile')}"
        return
    yield f"python: {scalar(made.python)}{_why(made, 'python')}"
    if len(made.requirements) == 1:
        yield f"requirements: {scalar(made.requirements[0])}"
    if made.groups:
        yield f"groups: {flow(made.groups)}"
    if made.extras:
        yield f"extras: {flow(made.extras)}"
    if made.add:
        yield f"add: {flow(made.add)}  # what serving needs and the project does not install"
    if made.include:
        yield f"include: {flow(made.include)}{_why(made, 'include')}"
    if not made.collects:
        yield from block("build", ["commands: []  # no static files are collected; the default is collectstatic"])
    if made.other_dockerfile:
        yield "# Instead of python, requirements, add and build, to build with an engine such as Docker:"
        yield f"# dockerfile: {scalar(made.other_dockerfile)}"


def _web(made: Decisions) -> Iterator[str]:
    if made.web:
        yield f"command: {flow(made.web)}{_why(made, 'web')}"
    if made.port and made.port != "8000":
        yield f"port: {int(made.port)}{_why(made, 'port')}"
    if made.health is not None:
        yield "# opsctl answers the load balancer by itself; to ask the project instead:"
        yield f"# health: {scalar(made.health.value)}{comment(f'from {made.health.source}')}"


def _release(made: Decisions) -> Iterator[str]:
    if made.release is None:
        return
    if not made.release:
        yield f"release: []{comment(made.reasons.get('release', ''))}"
        return
    yield f"release:{_why(made, 'release')}"
    yield from (f"  - {flow(command)}" for command in made.release)


def _variables(fills: tuple[Fill, ...]) -> Iterator[str]:
    written = [each for each in fills if each.way in {"value", "missing"}]
    others = [each for each in fills if each.way == "comment"]
    if written:
        yield "environment:"
        yield from (f"  {each.name}: {_value(each.value)}{comment(each.note)}" for each in written)
    if others:
        yield f"{'  ' if written else ''}# Further variables that the project reads, with its own defaults:"
        if not written:
            yield "# environment:"
        yield from (f"  # {each.name}: {_value(each.value)}{comment(each.note)}" for each in others)


def _value(text: str) -> str:
    """A variable's value: text always, also where YAML would make a number or a truth of it."""
    return value(text) if text else '""'


def _secrets(fills: tuple[Fill, ...]) -> Iterator[str]:
    names = [each for each in fills if each.way == "secret"]
    if names:
        yield "# Values by `opsctl secret set NAME`, or all at once by `opsctl secret set --from-file .env`."
        yield "secrets:"
        yield from (f"  - {each.name}{comment(each.note)}" for each in names)


def _process(process: Process) -> Iterator[str]:
    lines = [f"command: {flow(process.command)}{comment(f'from {process.source}')}"]
    if process.singleton:
        lines.append("singleton: true  # never two at once: each would do everything")
    if process.schedule:
        lines.append(f"schedule: {scalar(process.schedule)}")
    yield from block(process.name, lines)


def _why(made: Decisions, key: str) -> str:
    return comment(made.reasons.get(key, ""))
