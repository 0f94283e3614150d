"""Any command as a one-off task of the release that runs: with its image, its variables, and a database role of choice.

A task role may log in as the role of its own process alone, and no command of opsctl widens that: a role is had by
the task definition of a process that has it.
"""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

from opsctl.config import naming
from opsctl.config.application import DatabaseRole, Process, Web
from opsctl.config.application_rules import nearest_size
from opsctl.config.nearest import near
from opsctl.deploy.tasks import TaskFailedError, command_task
from opsctl.errors import OpsctlError, UsageError
from opsctl.operate.deployed import require_outputs, state_of
from opsctl.operate.tasks import run_one_off
from opsctl.stacks.parts.tasks import command_of, container_name, log_group_output, started
from opsctl.stacks.parts.variables import login_user

if TYPE_CHECKING:
    from opsctl.deploy.events import Emit
    from opsctl.deploy.planning.state import RemoteState
    from opsctl.operate.target import Target


@dataclass(frozen=True, slots=True)
class Command:
    """What to run: words, variables of this shell to pass on, a role and a size such as `1024:2048`."""

    words: tuple[str, ...]
    passed: tuple[str, ...] = ()
    role: str | None = None
    size: str | None = None


def run_once(target: Target, command: Command, emit: Emit) -> dict[str, Any]:
    """Run it to its end; answers its exit code. Raises UsageError before anything is asked of AWS."""
    words = _words(command.words)
    _refuse_questions(target, words)
    size = None if command.size is None else task_size(command.size)
    process = _process(target, command.role)
    environment = dict(_variables(command.passed))
    block = dict(target.env.application.processes())[process]
    if block.alone:
        environment |= {"OPSCTL_ALONE": ""}  # it is the job that may run once at a time, not its task definition
    state = state_of(target)
    request = command_task(
        state.outputs, _definition(target, state, process), container_name(process), logs=log_group_output(block),
        command=started(target.env.application, block, words), environment=tuple(environment.items()), size=size,
    )  # fmt: skip
    user = login_user(target.env, process)
    found = {"environment": target.env.name, "command": list(words), "role": user, "process": process}
    typed = shlex.join(("run", *(("--role", command.role) if command.role else ()), "--", *command.words))
    try:
        task = run_one_off(
            target, request, emit, command=f"opsctl {typed}",
            text=f"{shlex.join(words)} (as {user}, in a task of {process})", done="done",
        )  # fmt: skip
    except TaskFailedError as error:
        if error.ended is None or error.ended.exit_code is None:
            raise
        return {**found, "task": error.ended.arn, "exit_code": error.ended.exit_code}
    return {**found, "task": task.arn, "exit_code": task.exit_code or 0}


def run_interactively(target: Target, command: Command) -> int:
    """Run it with this terminal; answers its exit code. Raises OpsctlError where that can't be done."""
    if not target.is_local:
        raise OpsctlError(
            f"{target.env.name} runs on AWS, where a terminal reaches tasks by ECS Exec, and opsctl turns that off.",
            code="not-interactive",
            hint="Run it without -i, and give it all that it would ask for as options or with --pass.",
        )
    if command.size is not None:
        raise UsageError("--size is for tasks, and -i starts a process of this machine.", hint="Leave out one of them.")
    process = _process(target, command.role)
    state = state_of(target)
    definition = _definition(target, state, process)
    return _with_terminal(target, definition, _words(command.words), dict(_variables(command.passed)))


def task_size(text: str) -> tuple[int, int]:
    """CPU units and MiB of `1024:2048`. Raises UsageError for a pair that Fargate does not have."""
    found = re.fullmatch(r"(\d{1,9}):(\d{1,9})", text)
    if found is None:
        raise UsageError(
            f"`{text}` is no size of a task.", code="bad-size",
            hint="Write CPU units and MiB of memory, such as --size 1024:2048.",
        )  # fmt: skip
    asked = int(found[1]), int(found[2])
    fits = nearest_size(*asked)
    if fits != asked:
        raise UsageError(
            f"Fargate has no task of {asked[0]} CPU units with {asked[1]} MiB.", code="bad-size",
            hint=f"The nearest is --size {fits[0]}:{fits[1]}.",
        )  # fmt: skip
    return asked


def _process(target: Target, role: str | None) -> str:
    """Whose task definition to use: of those that log in as the role, the release's, the web's, a worker's, a job's.

    The release's first: its log waits for CloudWatch, where a service's may drop lines, and with one role for all the
    web has a time-out of its own for statements.
    """
    processes = dict(target.env.application.processes())
    by_role: dict[str, list[str]] = {}
    application = target.env.application
    for name in ("release", "web", *application.workers, *application.jobs):
        if _takes_commands(target, processes[name]):
            by_role.setdefault(target.env.login_role(name), []).append(name)
    wanted = _purpose(target, role) if role is not None else target.env.login_role("web")
    if wanted in by_role:
        return by_role[wanted][0]
    there = ", ".join(f"{each} ({', '.join(names)})" for each, names in by_role.items())
    job = f"A job with `database_role: {wanted}` would be another; " if wanted in get_args(DatabaseRole) else ""
    raise UsageError(
        f"No task of {target.env.name} that takes a command logs in as {wanted}: a task may log in as the role of its "
        "own process alone.",
        code="no-such-role",
        hint=f"There are {there}. {job}`opsctl db shell` logs in from here.",
    )


def _takes_commands(target: Target, process: Process) -> bool:
    """Without a command of the project's, an image made elsewhere keeps its entry point, which may do anything."""
    application = target.env.application
    made_here = application.image is None and application.dockerfile is None
    return made_here or not isinstance(process, Web) or bool(command_of(process))


def _purpose(target: Target, role: str) -> str:
    """`user` of `user` or of `app_user`."""
    mapping = naming.role_mapping(target.env)
    names = {
        str(mapping[purpose]): purpose
        for purpose in ("user", "migrator", "loader", "reader", "writer", "readonly", "owner")
    }
    if role in names.values():
        return role
    if role in names:
        return names[role]
    raise UsageError(
        f"{target.env.name} has no database role `{role}`.",
        code="unknown-role",
        hint=f"{near(role, (*names, *names.values()))} There are {', '.join(names.values())}.".strip(),
    )


def _definition(target: Target, state: RemoteState, process: str) -> str:
    """The task definition that is deployed: a service's is asked of ECS, others are outputs."""
    if process == "release":
        return require_outputs(target, state, "jobs", "MigrateTaskDefinitionArn")["MigrateTaskDefinitionArn"]
    if process in target.env.application.jobs:
        output = f"{naming.part_id(process)}TaskDefinitionArn"
        return require_outputs(target, state, "app", output)[output]
    env = target.env
    cluster = require_outputs(target, state, "platform", "ClusterName")["ClusterName"]
    name = naming.service_name(env) if process == "web" else naming.worker_name(env, process)
    service = target.aws.ecs.service(cluster, name)
    if service is None:
        raise OpsctlError(
            f"The service {name} of {env.name} is not there.", code="not-deployed",
            hint=f"Run `opsctl deploy --env {env.name}`.",
        )  # fmt: skip
    return service.task_definition


_NO_INPUT = {"--noinput", "--no-input"}
_CODE = {"-c", "--command"}
_HELP = {"-h", "--help", "--version"}


def _refuse_questions(target: Target, words: tuple[str, ...]) -> None:
    """A task on Fargate has no stdin: what reads it would end at once, or hang, without having done its work."""
    what = _asks(words)
    if what is None or _HELP & set(words):
        return
    command, instead = what
    here = f" Or run it here: `opsctl run -i -- {shlex.join(words)}`." if target.is_local else ""
    raise UsageError(
        f"`{command}` reads what is typed, and a task has no terminal and no stdin.",
        code="needs-terminal",
        hint=instead.format(env=target.env.name) + here,
    )


def _asks(words: tuple[str, ...]) -> tuple[str, str] | None:
    """The command that would ask, and what to do instead; None for one that does not."""
    program = words[0].rpartition("/")[2]
    rest = words[1:]
    if re.fullmatch(r"(ba|da|z)?sh|i?python[\d.]*|psql", program) and set(rest) <= {"-", "-s"}:
        instead = "Use `opsctl db shell --env {env}`." if program == "psql" else "Give it what to do after -c."
        return program, instead
    names = [index for index, word in enumerate(words) if word.rpartition("/")[2] in ("manage.py", "django-admin")]
    if not names or len(words) <= names[0] + 1:
        return None
    name, options = words[names[0] + 1], set(words[names[0] + 2 :])
    if name in ("shell", "shell_plus") and not any(word.startswith(tuple(_CODE)) for word in options):
        return name, "Give it the code: `-- manage.py shell -c '...'`, or make it a management command."
    if name == "dbshell" and not any(word.startswith(tuple(_CODE)) for word in options):
        return name, "`opsctl db shell --env {env}` opens psql from here."
    if name == "createsuperuser" and not options & _NO_INPUT:
        return name, (
            "Set DJANGO_SUPERUSER_USERNAME, DJANGO_SUPERUSER_EMAIL and DJANGO_SUPERUSER_PASSWORD in your shell, --pass "
            "each, and add --noinput."
        )
    if name == "loaddata" and "-" in options:
        return f"{name} -", "Put the fixture into the image, and name its file."
    if name == "changepassword":
        return name, "Set it in code: `-- manage.py shell -c '...'` with user.set_password(...)."
    if name == "flush" and not options & _NO_INPUT:
        return name, "Add --noinput, if all rows are to go."
    return None


def _with_terminal(target: Target, definition: str, words: tuple[str, ...], passed: dict[str, str]) -> int:
    from opsctl.aws.translation import translated
    from opsctl.local.state import StateDir
    from opsctl.local.tasks import interactive

    client, key = target.aws.client("ecs"), target.local.key
    with translated():
        found = client.describe_task_definition(taskDefinition=definition)["taskDefinition"]
    # So that the application reaches the emulator and the database: as whoever sits at this terminal.
    where = {
        "AWS_ENDPOINT_URL": target.endpoints.endpoint_url,
        "AWS_ACCESS_KEY_ID": key.id,
        "AWS_SECRET_ACCESS_KEY": key.secret,
    }
    plain = {each["name"]: each["value"] for each in found["containerDefinitions"][0].get("environment") or []}
    if {"PGPORT", "PGUSER"} <= plain.keys():
        where |= target.local.database_login(int(plain["PGPORT"]), plain["PGUSER"])

    def secret(value_from: str) -> str:
        return target.aws.secrets.read(value_from) or ""

    return interactive.run(StateDir.of(target.workspace.root), found, words, {**where, **passed}, secret)


def _words(command: tuple[str, ...]) -> tuple[str, ...]:
    """`manage.py check` as `python manage.py check`."""
    return ("python", *command) if command[0].endswith(".py") else command


def _variables(names: tuple[str, ...]) -> dict[str, str]:
    missing = [name for name in names if name not in os.environ]
    if missing:
        raise UsageError(f"{', '.join(missing)} is not set in your shell.", hint="Set it, or leave --pass out.")
    return {name: os.environ[name] for name in names}
