"""One `opsctl deploy`, start to end: read, plan, lock, stacks, image, migrations, release record."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from opsctl.aws.cloudformation import Stack
from opsctl.config import naming
from opsctl.deploy import planner, release
from opsctl.deploy.aftercare import look_after
from opsctl.deploy.countdown import answer_limits
from opsctl.deploy.diagnose import function_failure, service_failure
from opsctl.deploy.durations import Stopwatch
from opsctl.deploy.events import Emit, Emitter, Progress, StepFinished, StepStarted
from opsctl.deploy.failures import StackFailedError
from opsctl.deploy.graph import Step, run_steps
from opsctl.deploy.image import image_uri
from opsctl.deploy.lock import Lock
from opsctl.deploy.plan import UNCHANGED, Consent, ImagePlan, Plan
from opsctl.deploy.preflight import preflight
from opsctl.deploy.removal import StackRemover
from opsctl.deploy.situation import Situation
from opsctl.deploy.stackrun import StackRunner, upload_template
from opsctl.deploy.state import RemoteState
from opsctl.deploy.stream import DetachedError, Follower, LeftRunningError, Pace
from opsctl.deploy.tasks import TaskRunner, release_task
from opsctl.errors import OpsctlError
from opsctl.stacks.model import FromContext

if TYPE_CHECKING:
    from opsctl.stacks.model import StackTemplate


@dataclass(slots=True)
class DeployResult:
    """What came out: whether anything was written, the stacks' outputs, and the release's number if there is one."""

    environment: str
    changed: bool
    outputs: dict[str, dict[str, str]] = field(default_factory=dict)
    release: int | None = None
    url: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "environment": self.environment,
            "changed": self.changed,
            "release": self.release,
            "url": self.url,
            "outputs": self.outputs,
        }


class Deployment:
    """Brings an environment to its plan. `plan` reads; `execute` writes what differs."""

    def __init__(
        self,
        situation: Situation,
        *,
        emit: Emit,
        pace: Pace,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._now = situation
        self._env = situation.env
        self._aws = situation.aws
        self._request = situation.request
        self._watch = Stopwatch()
        self._emit: Emit = Emitter(emit, self._watch)
        self._pace = pace
        self._clock = clock
        self._detach = threading.Event()
        self._guard = threading.Lock()
        self._changed = False
        self._lock: Lock | None = None
        # The newest release when the lock was taken: nobody else writes one while it is held.
        self._last: release.Release | None = None
        self._number: int | None = None
        self._bundle_is_there = False

    @property
    def run_id(self) -> str:
        """Names this run in change sets, tasks, journal and release record."""
        return self._request.run_id

    def plan(self) -> Plan:
        """What executing would do, as things are now. Reads only."""
        return self._now.plan()

    def begin(self, emit: Emit, consent: Consent) -> None:
        """From here on events go to `emit`, and `consent` is what was agreed to after seeing the plan."""
        self._emit = Emitter(emit, self._watch)
        self._request = replace(self._request, consent=consent)

    def execute(self, plan: Plan) -> DeployResult:
        """Do what the plan says, under the lock. Raises on the first failure; what was done stays done."""
        if plan.is_empty:
            return self._result(None)
        selected = [self._now.templates[item.stack] for item in plan.stacks]  # type: ignore[index]
        if self._env.target == "aws" and len(selected) == len(self._now.templates):
            preflight(self._env, self._aws.account, self._emit)
        if not self._now.state.outputs("bootstrap") and "bootstrap" in self._now.templates:
            # The lock lives in the bucket that this stack makes; two first deploys meet in CloudFormation itself. A
            # first deploy that was interrupted, or failed, left the stack without outputs.
            self._stack_step(self._now.templates["bootstrap"])
            selected = [template for template in selected if template.stack != "bootstrap"]
        bucket = self._artifact_bucket()
        with Lock(
            self._aws.s3, bucket, self._env.name, owner=self._request.owner, run_id=self._request.run_id,
            command=self._request.command, clock=self._clock,
        ) as lock:  # fmt: skip
            self._lock = lock
            self._now.state = self._now.read()
            self._last = release.current(self._aws.s3, bucket, self._env.name)
            run_steps(self._steps(selected, plan), interrupt=self._detach.set)
            look_after(self._env, self._now.state, self._aws.account, self._aws.logs, self._emit)
            number = self._record(bucket, plan)
        return self._result(number)

    def _artifact_bucket(self) -> str:
        bucket = self._now.state.outputs("bootstrap").get("ArtifactBucketName")
        if not bucket:
            raise OpsctlError(
                "There is no artifact bucket yet.", code="not-bootstrapped", hint="Run `opsctl bootstrap`."
            )
        return bucket

    def _steps(self, selected: Sequence[StackTemplate], plan: Plan) -> list[Step]:
        runs: dict[str, Callable[[], None]] = {
            template.stack: lambda item=template: self._stack_step(item)  # type: ignore[misc]
            for template in selected
        }
        if plan.image is not None:
            runs["image"] = lambda image=plan.image: self._image_step(image)  # type: ignore[misc]
        writes = self._now.secrets.used and self._now.release_starts(selected)
        if writes:
            runs["secrets"] = self._secrets_step
        if plan.migrate:
            runs["migrate"] = self._release_step
        order = planner.order(selected, image=plan.image is not None, migrate=plan.migrate, secrets=writes)
        return [Step(name, runs[name], after) for name, after in order.items()]

    def _timed(self, step: str, text: str, work: Callable[[], tuple[bool, str]]) -> None:
        """Emit the start and the end of a step around `work`, which returns whether it wrote and a text."""
        started = self._clock()
        self._emit(StepStarted(step, text))
        try:
            changed, done = work()
        except LeftRunningError as error:
            self._emit(StepFinished(step, "detached", error.message, self._clock() - started))
            raise
        except OpsctlError as error:
            self._emit(StepFinished(step, "failed", error.message, self._clock() - started))
            raise
        with self._guard:
            self._changed |= changed
        self._emit(StepFinished(step, "done" if changed else "unchanged", done, self._clock() - started))

    def _stack_step(self, template: StackTemplate) -> None:
        with self._guard:
            state = self._now.state
            context = dict(self._now.context)
        planned = planner.plan_stack(template, state, context)
        text = planned.action if planned.action == UNCHANGED else f"{planned.action}: {planned.reason}"

        def work() -> tuple[bool, str]:
            if template.stack == "jobs" and planned.action != UNCHANGED:
                self._wake_functions()
            try:
                deployed = self._runner(template).run(template, state, context)
            except StackFailedError as error:
                raise self._explained(error, template) from error
            self._keep(template.stack, deployed.stack, template.body)
            return deployed.changed, deployed.stack.status if deployed.changed else UNCHANGED

        self._timed(template.stack, text, work)

    def _wake_functions(self) -> None:
        name = self._now.state.outputs("functions").get("DbInitFunctionName")
        if not name:
            return

        def pause(seconds: float) -> None:
            self._emit(Progress("jobs", "Lambda attaches the DbInit function, which slept, to its network again"))
            self._detach.wait(seconds)

        self._aws.functions.wake(name, pause)

    def _explained(self, error: StackFailedError, template: StackTemplate) -> StackFailedError:
        """What ECS and the logs know about a resource whose own reason says little."""
        if error.cause is None:
            return error
        platform = self._now.state.outputs("platform")
        lines: tuple[str, ...] = ()
        message = error.message
        if error.cause.type == "AWS::ECS::Service":
            # By its logical id: the event of a failed create may not name it yet.
            worker = self._worker_of(error.cause.logical_id)
            name = naming.worker_name(self._env, worker) if worker else naming.service_name(self._env)
            lines = service_failure(
                self._aws.ecs,
                self._aws.logs,
                cluster=platform.get("ClusterName", ""),
                service=name,
                log_group=platform.get("WorkersLogGroupName" if worker else "ServiceLogGroupName", ""),
                container=worker or "service",
            )
            # The reason of CloudFormation's event names the circuit breaker alone.
            message = " ".join([message, *lines[-1:]])
        elif (waited := answer_limits(template.body).get(error.cause.logical_id)) is not None:
            lines = function_failure(
                self._aws.logs,
                log_group=platform.get("FunctionLogGroupName", ""),
                reason=error.cause.reason,
                at=error.cause.at,
                waited=waited,
            )
        return StackFailedError(message, hint=error.hint, cause=error.cause, detail=(*lines, *error.detail))

    def _worker_of(self, logical_id: str) -> str | None:
        """The worker whose service has this logical id; None for the web."""
        workers = self._env.application.workers
        return next((name for name in workers if logical_id == f"{naming.part_id(name)}Service"), None)

    def _keep(self, name: str, stack: Stack, body: str) -> None:
        with self._guard:
            self._now.state = RemoteState(
                {**self._now.state.stacks, name: stack}, {**self._now.state.bodies, name: body}
            )

    def _runner(self, template: StackTemplate) -> StackRunner:
        aws = self._aws.in_region(template.region)
        follower = Follower(
            aws.cloudformation, self._emit, self._pace, clock=self._clock, detach=self._detach,
            limits=answer_limits(template.body),
        )  # fmt: skip
        before_write = self._before_stack(template)
        remover = StackRemover(
            aws, follower, self._emit, poll_seconds=self._pace.seconds, clock=self._clock,
            before_write=before_write,
        )  # fmt: skip
        return StackRunner(
            aws,
            follower,
            remover,
            self._emit,
            run_id=self._request.run_id,
            consent=self._request.consent,
            clock=self._clock,
            upload=self._upload_template,
            before_write=before_write,
        )

    def _before_stack(self, template: StackTemplate) -> Callable[[], None]:
        """What has to be true before a stack is written: we hold the lock, and the code that it names is uploaded."""

        def check() -> None:
            if self._detach.is_set():
                raise DetachedError(f"Detached before {template.stack} was changed.", hint="`opsctl deploy` goes on.")
            if self._lock is not None:
                self._lock.ensure()
            if FromContext("db_init_bundle_key") in template.parameters.values():
                self._upload_bundle()

        return check

    def _upload_template(self, template: StackTemplate) -> str:
        return upload_template(self._aws.s3, self._artifact_bucket(), template)

    def _upload_bundle(self) -> None:
        if self._bundle_is_there:
            return
        bucket, key = self._artifact_bucket(), self._now.bundle.key
        if not self._aws.s3.exists(bucket, key):
            self._aws.s3.upload(bucket, key, self._now.bundle.path())
        self._bundle_is_there = True

    def _image_step(self, plan: ImagePlan) -> None:
        def work() -> tuple[bool, str]:
            digest = self._now.image.ensure(plan, self._emit)
            uri = image_uri(plan.account, self._env.region, plan.repository, digest)
            with self._guard:
                self._now.context["image_uri"] = uri
                new = self._now.deployed("app", "ImageUri") != uri
            if new:
                self._number = self._name_release(plan, digest)
            return new, f"{plan.repository}:{plan.tag} is {digest[:19]}…"

        self._timed("image", f"build {plan.tag}" if plan.build else f"use {plan.tag}", work)

    def _name_release(self, plan: ImagePlan, digest: str) -> int:
        """Tag the image after the release before anything runs it, so that the lifecycle policy keeps it.

        A deploy that failed after this point left its tag, which can't be moved: the next number is free then.
        """
        number, ecr = self._next_release(), self._aws.ecr
        while known := ecr.digest(plan.repository, f"{self._env.name}-r{number}", registry=plan.account):
            if known == digest:
                return number
            number += 1
        ecr.add_tag(plan.repository, digest, f"{self._env.name}-r{number}", registry=plan.account)
        return number

    def _next_release(self) -> int:
        return self._last.number + 1 if self._last else 1

    def _secrets_step(self) -> None:
        def work() -> tuple[bool, str]:
            with self._guard:
                state = self._now.state
            if self._lock is not None:
                self._lock.ensure()
            written = self._now.secrets.write(state, self._now.digest)
            with self._guard:
                self._now.context |= self._now.rollouts(self._now.context)
            return bool(written), f"{written} written" if written else "all are up to date"

        self._timed("secrets", "generate and derive what is missing", work)

    def _release_step(self) -> None:
        migrates = all("migrate" in command for command in self._env.application.release.commands)

        def work() -> tuple[bool, str]:
            wanted = set(self._now.image.migrations.split())
            if migrates and wanted and wanted <= self._applied():
                return False, "nothing is pending"
            with self._guard:
                state = self._now.state
            if self._lock is not None:
                self._lock.ensure()
            runner = TaskRunner(
                self._aws.ecs,
                self._aws.logs,
                self._emit,
                poll_seconds=min(self._pace.seconds, 2.0),
                clock=self._clock,
                detach=self._detach,
            )
            runner.run(release_task(state.outputs), token=f"{self._request.run_id}-migrate")
            return True, "migrations are applied" if migrates else "the release's commands ran"

        self._timed("migrate", "apply pending migrations" if migrates else "run the release's commands", work)

    def _applied(self) -> set[str]:
        """Migrations that earlier releases brought to this database; none of one that was made again since."""
        last = self._last
        return set(last.migrations.split()) if last is not None and last.database == self._database() else set()

    def _database(self) -> str:
        """Identifies the database: its stack's id and its own, as either changes when it is made again."""
        data = self._now.state.stacks.get("data")
        return f"{data.id} {data.outputs.get('DatabaseResourceId', '')}" if data else ""

    def _record(self, bucket: str, plan: Plan) -> int | None:
        # A release is an image that the service runs and whose migrations ran: `opsctl deploy jobs` makes none.
        if not (self._changed or plan.record) or plan.image is None or all(item.stack != "app" for item in plan.stacks):
            return None
        number = self._number or self._next_release()
        self._changed = True
        uri = self._now.context.get("image_uri") or ""
        release.record(
            self._aws.s3,
            bucket,
            release.Release(
                number=number,
                environment=self._env.name,
                run_id=self._request.run_id,
                at=datetime.fromtimestamp(self._clock(), UTC).isoformat(timespec="seconds"),
                by=self._request.owner,
                image=uri,
                tag=plan.image.tag,
                digest=uri.rpartition("@")[2],
                commit=self._now.image.commit,
                migrations=" ".join(sorted({*self._now.image.migrations.split(), *self._applied()})),
                database=self._database(),
                stacks={name: template.digest for name, template in self._now.templates.items()},
                seconds=self._learned(),
            ),
        )
        return number

    def _learned(self) -> dict[str, float]:
        """How long AWS takes here, as this deploy and those before it saw; on this machine nothing says that."""
        known = self._last.seconds if self._last else {}
        return known if self._env.target == "local" else {**known, **self._watch.seconds}

    def _result(self, number: int | None) -> DeployResult:
        outputs = {name: dict(stack.outputs) for name, stack in self._now.state.stacks.items()}
        return DeployResult(
            self._env.name, self._changed, outputs, number, outputs.get("front", {}).get("ServiceUrl", "")
        )
