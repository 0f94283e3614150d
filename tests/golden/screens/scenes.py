"""The scenes: a plan that asks, a deploy whose service crashes, what is told of it later, an environment that is not
well. Each is what the command prints on a terminal, from the models that it prints.
"""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console, Group

from opsctl.aws.alarms import Alarm
from opsctl.aws.cloudformation import StackEvent
from opsctl.aws.load_balancers import TargetHealth
from opsctl.aws.rds import Maintenance
from opsctl.cli import output, render_explain
from opsctl.cli.progress import Tree
from opsctl.cli.render_plan import plan_text
from opsctl.cli.render_status import status_text
from opsctl.deploy.events import (
    Event,
    Evidence,
    ResourceChanged,
    RunFinished,
    RunStarted,
    StepFinished,
    StepStarted,
)
from opsctl.deploy.evidence.record import Record, explain
from opsctl.deploy.evidence.redaction import Redactor
from opsctl.deploy.explained import explained
from opsctl.deploy.failures import StackFailedError
from opsctl.deploy.planning.compare import parse
from opsctl.deploy.planning.plan import ImagePlan, ParameterChange, Plan, StackPlan
from opsctl.deploy.planning.statuses import Action
from opsctl.deploy.review.changes import describe
from opsctl.stacks import catalog
from tests.unit.operate.test_status import NOW, FakeAws, look
from tests.unit.stacks.reading import environment

FOLDER = Path(__file__).parent
WIDTHS = (80, 120)
RUN = "20260301-220355-4f1c2a"
BEGAN = datetime(2026, 3, 1, 22, 3, 55, tzinfo=UTC)
TASK = "7e2ec2fef61747e68793a74a72825d49"
SERVICE = "AWS::ECS::Service"
DIGESTS = ("sha256:" + "1" * 64, "sha256:" + "5e" * 32)


def plan(_width: int) -> str:
    """An update of hml that asks: a larger database with shorter backups, a range that tasks may reach, an image."""
    old = {each.stack: each.body for each in catalog.templates(environment("hml"))}
    after = environment(
        "hml", rds__instance_class="db.t4g.large", rds__backup_days=3, application__web__memory=2048,
        security__egress=(443, 5432),
    )  # fmt: skip
    stacks = tuple(
        _stack(each.stack, each.physical_name, old[each.stack], each.body) for each in catalog.templates(after)
    )
    image = ImagePlan("123456789012", "salaries", "4f1c2a9", DIGESTS[1], False, f"salaries@{DIGESTS[1]}")
    return plan_text(Plan("hml", stacks, image, migrate=True))


def _stack(name: str, physical_name: str, old: str, new: str) -> StackPlan:
    before, after = (f"123456789012.dkr.ecr.us-east-1.amazonaws.com/salaries@{each}" for each in DIGESTS)
    image = (ParameterChange("ImageUri", before, after),) if name in {"jobs", "app"} else ()
    if old == new and not image:
        return StackPlan(name, physical_name, "UPDATE_COMPLETE", Action.UNCHANGED)
    found = describe(
        parse(old), parse(new), {each.name: each.old for each in image}, {each.name: each.new for each in image}
    )
    return StackPlan(
        name, physical_name, "UPDATE_COMPLETE", Action.UPDATE,
        "its template differs" if old != new else "parameters differ",
        changes=found.resources, parameters=image, properties=found.properties, access=found.access,
        interruptions=found.interruptions, losses=found.losses,
    )  # fmt: skip


def _at(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


def _changed(seconds: float, logical_id: str, kind: str, status: str, reason: str = "") -> Event:
    return ResourceChanged("app", _at(seconds), logical_id, kind, status, reason)


BREAKER = (
    "Resource handler returned message: \"Error occurred during operation 'ECS Deployment Circuit Breaker was "
    "triggered'.\" (RequestToken: f64cd8d2-688e-c32b-16e4-e2f891081a59, HandlerErrorCode: GeneralServiceException)"
)
EVIDENCE = (
    Evidence(
        "app", "target", "10.30.71.18:8000", "unhealthy: Target.FailedHealthChecks: Health checks failed",
        _at(71).isoformat(), resource="Service",
    ),
    Evidence(
        "app", "task", TASK, "Essential container in task exited", _at(84).isoformat(), "EssentialContainerExited", 1,
        ("22:05:16 ERROR django.request: Internal Server Error: /healthz",
         "Traceback (most recent call last):",
         '  File "manage.py", line 36, in <module>',
         "    main()",
         '  File "salaries/management/commands/serve.py", line 41, in handle',
         '    cache = connect(settings.CACHE_URL, timeout=settings.CACHE_TIMEOUT, retries=3, name="salaries")',
         "django.core.exceptions.ImproperlyConfigured: CACHE_URL names no server; password=*** was given"),
        "Service",
    ),
)  # fmt: skip
EVENTS: tuple[tuple[float, Event], ...] = (
    (0, RunStarted(RUN, "hml", "opsctl deploy --env hml", "ann@ci", ("app: update: parameters differ",), "4f1c2a9")),
    (1, StepStarted("image", "salaries:4f1c2a9")),
    (9, StepFinished("image", "done", "salaries:4f1c2a9 is sha256:5e5e5e5e5e5e…", 8.4)),
    (9, StepStarted("migrate", "apply pending migrations")),
    (40, StepFinished("migrate", "done", "migrations are applied", 31.0)),
    (40, StepStarted("app", "update: parameters differ")),
    (41, _changed(41, "app", "AWS::CloudFormation::Stack", "UPDATE_IN_PROGRESS")),
    (45, _changed(45, "ServiceTaskDefinition", "AWS::ECS::TaskDefinition", "UPDATE_COMPLETE")),
    (46, _changed(46, "Service", SERVICE, "UPDATE_IN_PROGRESS")),
    (71, EVIDENCE[0]),
    (84, EVIDENCE[1]),
    (190, _changed(190, "Service", SERVICE, "UPDATE_FAILED", BREAKER)),
    (191, _changed(191, "app", "AWS::CloudFormation::Stack", "UPDATE_ROLLBACK_IN_PROGRESS",
                   "The following resource(s) failed to update: [Service].")),
    (240, _changed(240, "Service", SERVICE, "UPDATE_COMPLETE")),
    (242, _changed(242, "app", "AWS::CloudFormation::Stack", "UPDATE_ROLLBACK_COMPLETE")),
)  # fmt: skip


def _failure() -> StackFailedError:
    """As the step raises it: the circuit breaker, explained by what was seen."""
    cause = StackEvent("1", "arn", _at(190), "Service", "arn", SERVICE, "UPDATE_FAILED", BREAKER)
    plain = StackFailedError(
        f"app: Service ({SERVICE}) failed: {BREAKER}", cause=cause, detail=("hml-app is UPDATE_ROLLBACK_COMPLETE.",),
        hint="Correct the cause, then run `opsctl deploy --env hml` again: it starts from here.",
    )  # fmt: skip
    return explained(plain, "app", [each.to_dict() for each in EVIDENCE], Redactor())


def failure(width: int) -> str:
    """The last picture of the deploy, and what stands below it."""
    error, now = _failure(), [0.0]
    tree = Tree(lambda: now[0], keeps_lines=False)
    for seconds, event in (*EVENTS, (243, StepFinished("app", "failed", error.message, 203.0))):
        now[0] = seconds
        tree(event)
    console = Console(record=True, width=width, file=io.StringIO())
    console.print(Group(tree))
    with redirect_stderr(below := _Terminal()):
        output.failure(error, as_json=False)
    drawn = "\n".join(line.rstrip() for line in console.export_text().rstrip("\n").split("\n"))
    return f"{drawn}\n{below.getvalue().rstrip()}"


def explanation(width: int) -> str:
    """What `opsctl explain` tells of the same run, by its record."""
    error = _failure()
    ended: tuple[tuple[float, Event], ...] = (
        (243, StepFinished("app", "failed", error.message, 203.0)),
        (243, RunFinished("failed", error.code, error.message, error.hint)),
    )
    lines = (json.dumps({"time": _at(at).isoformat(), **event.to_dict()}) for at, event in (*EVENTS, *ended))
    return render_explain.text(explain(Record.parse(RUN, "\n".join(lines).encode())), width)


def status(width: int) -> str:
    """An environment after it, with an alarm, a task that is not well, and maintenance that RDS will do."""
    aws = FakeAws()
    aws.targets = [
        TargetHealth("10.30.71.18", 8000, "healthy"),
        TargetHealth("10.30.72.40", 8000, "unhealthy", "Target.ResponseCodeMismatch",
                     "Health checks failed with these codes: [500]"),
    ]  # fmt: skip
    aws.alarms_there[0] = Alarm(
        "dev-shop-app-acme-Target5xx-X", "ALARM",
        "Threshold Crossed: 1 datapoint [14.0 (01/03/26 11:50:00)] was greater than the threshold (10.0).",
        "The service answers with errors: see `opsctl logs`.", NOW - timedelta(minutes=9),
    )  # fmt: skip
    aws.pending = [Maintenance("system-update", "New Operating System update is available", NOW + timedelta(days=3),
                               forced=True)]  # fmt: skip
    return status_text(look(aws), width)


SCENES = {"plan": plan, "failure": failure, "explain": explanation, "status": status}


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@contextmanager
def terminal(width: int) -> Iterator[None]:
    """A stdout that is so wide, and shows no colours."""
    before, variables = sys.stdout, dict(os.environ)
    sys.stdout = _Terminal()
    os.environ |= {"COLUMNS": str(width), "NO_COLOR": "1"}
    try:
        yield
    finally:
        sys.stdout = before
        os.environ.clear()
        os.environ |= variables


def screens() -> dict[Path, str]:
    """Every file with its text."""
    found: dict[Path, str] = {}
    for width in WIDTHS:
        with terminal(width):
            found |= {FOLDER / f"{name}-{width}.txt": f"{scene(width)}\n" for name, scene in SCENES.items()}
    return found
