"""One `opsctl deploy`, start to end: read, plan, lock, stacks, image, migrations, release record."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from opsctl.aws.cloudformation import Stack
from opsctl.aws.errors import AwsError
from opsctl.config import naming
from opsctl.deploy.aftercare import look_after
from opsctl.deploy.checks.preflight import preflight
from opsctl.deploy.events import Emit, Emitter, Note, Progress, ResourceChanged, silent
from opsctl.deploy.evidence.observer import SERVICE, Observer, Place
from opsctl.deploy.evidence.redaction import Redactor
from opsctl.deploy.explained import explained, so_far
from opsctl.deploy.failures import StackFailedError
from opsctl.deploy.graph import Step, run_steps
from opsctl.deploy.image import image_uri
from opsctl.deploy.lock import Lock, Run
from opsctl.deploy.planning import planner
from opsctl.deploy.planning.durations import Stopwatch
from opsctl.deploy.planning.plan import Consent, ImagePlan, Plan
from opsctl.deploy.planning.situation import Situation
from opsctl.deploy.planning.state import RemoteState
from opsctl.deploy.planning.statuses import Action
from opsctl.deploy.release import Release, Releases
from opsctl.deploy.stackrun.countdown import answer_limits
from opsctl.deploy.stackrun.removal import StackRemover
from opsctl.deploy.stackrun.runner import StackRunner, upload_template
from opsctl.deploy.stackrun.stream import DeadlineError, DetachedError, Follower, Pace
from opsctl.deploy.step import Ending, step
from opsctl.deploy.tasks import TaskRunner, release_task
from opsctl.errors import OpsctlError
from opsctl.stacks.model import BUNDLE_VERSION, FromContext

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
        run: Run,
        *,
        pace: Pace,
        clock: Callable[[], float] = time.time,
        redact: Redactor | None = None,
    ) -> None:
        """`redact` blots out what evidence must not show; it learns the application's secrets."""
        self.run = run
        self.redact = redact or Redactor()
        self._situation = situation
        self._env = situation.env
        self._aws = situation.aws
        self._consent = Consent()
        self._watch = Stopwatch()
        self._emit: Emit = silent
        self._pace = pace
        self._clock = clock
        self._detach = threading.Event()
        self._guard = threading.Lock()
        self._changed = False
        self._learned_secrets = False
        self._lock: Lock | None = None

    def plan(self) -> Plan:
        """What executing would do, as things are now. Reads only."""
        return self._situation.plan()

    def execute(self, plan: Plan, emit: Emit, consent: Consent) -> DeployResult:
        """Do what the plan says, under the lock. Raises on the first failure; what was done stays done.

        `consent` is what was agreed to after seeing the plan.
        """
        if plan.is_empty:
            return self._result(None)
        self._observer = Observer(
            self._aws, emit, self._place, self.redact,
            # Twice as long as between two questions to CloudFormation, and never so often that it slows the emulator.
            seconds=max(2 * self._pace.seconds, 1.0), learn=self._learn_secrets,
        )  # fmt: skip
        self._emit, self._consent = Emitter(emit, self._watch, self._observer), consent
        try:
            return self._result(self._carry_out(plan))
        finally:
            self._observer.close()

    def _carry_out(self, plan: Plan) -> int | None:
        selected = [self._situation.templates[item.stack] for item in plan.stacks]  # type: ignore[index]
        if self._env.target == "aws" and len(selected) == len(self._situation.templates):
            preflight(self._env, self._aws.account, self._emit)
        if not self._situation.state.outputs("bootstrap") and "bootstrap" in self._situation.templates:
            # The lock lives in the bucket that this stack makes; two first deploys meet in CloudFormation itself. A
            # first deploy that was interrupted, or failed, left the stack without outputs.
            self._stack_step(self._situation.templates["bootstrap"])
            selected = [template for template in selected if template.stack != "bootstrap"]
        bucket = self._artifact_bucket()
        with Lock(self._aws.s3, bucket, self._env.name, self.run, clock=self._clock) as lock:
            self._lock = lock
            self._situation.read_again()
            self._releases = Releases(self._aws.s3, self._aws.ecr, bucket, self._env.name)
            run_steps(self._steps(selected, plan), interrupt=self._detach.set)
            look_after(self._env, self._situation.state, self._aws.account, self._aws.logs, self._emit)
            return self._record(plan)

    def keep_record(self, body: Callable[[], bytes]) -> None:
        """Put the run's record into the artifact bucket, if there is one by now. Raises AwsError."""
        bucket = self._situation.state.outputs("bootstrap").get("ArtifactBucketName")
        if bucket:
            self._learn_secrets()
            self._aws.s3.put(bucket, naming.run_key(self._env.name, self.run.id), body())

    def _learn_secrets(self) -> None:
        if not self._learned_secrets:
            self._learned_secrets = True
            self.redact.learn(self._situation.secrets.values(self._situation.state))

    def _artifact_bucket(self) -> str:
        bucket = self._situation.state.outputs("bootstrap").get("ArtifactBucketName")
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
        writes = self._situation.secrets.used and self._situation.release_starts(selected)
        if writes:
            runs["secrets"] = self._secrets_step
        if plan.migrate:
            runs["migrate"] = self._release_step
        order = planner.order(selected, image=plan.image is not None, migrate=plan.migrate, secrets=writes)
        return [Step(name, runs[name], after) for name, after in order.items()]

    @contextmanager
    def _step(self, name: str, text: str) -> Iterator[Ending]:
        """A step of this deploy, which is a change if any of its steps is."""
        with step(self._emit, name, text, clock=self._clock) as ending:
            yield ending
        with self._guard:
            self._changed |= ending.changed

    def _stack_step(self, template: StackTemplate) -> None:
        with self._guard:
            state = self._situation.state
            context = dict(self._situation.context)
        planned = planner.plan_stack(template, state, context)
        text = f"{planned.action}: {planned.reason}" if planned.is_change else planned.action
        with self._step(template.stack, text) as ending:
            if template.stack == "jobs" and planned.is_change:
                self._wake_functions()
            if FromContext(BUNDLE_VERSION) in template.parameters.values() and context[BUNDLE_VERSION] is None:
                context[BUNDLE_VERSION] = self._upload_bundle(template)
            try:
                deployed = self._runner(template).run(template, state, context)
            except StackFailedError as error:
                evidence = self._observer.conclude(template.stack)
                raise explained(error, template.stack, evidence, self.redact) from error
            except DeadlineError as error:
                raise so_far(error, template.stack, self._observer.conclude(template.stack)) from error
            self._keep(template.stack, deployed.stack, template.body)
            ending.changed = deployed.changed
            ending.text = deployed.stack.status if deployed.changed else Action.UNCHANGED

    def _wake_functions(self) -> None:
        name = self._situation.state.outputs("functions").get("DbInitFunctionName")
        if not name:
            return

        def pause(seconds: float) -> None:
            self._emit(Progress("jobs", "Lambda attaches the DbInit function, which slept, to its network again"))
            self._detach.wait(seconds)

        self._aws.functions.wake(name, pause)

    def _place(self, event: ResourceChanged) -> Place | None:
        """Where the evidence about a service or a custom resource lies."""
        platform = self._situation.state.outputs("platform")
        if event.resource_type != SERVICE:
            group = platform.get("FunctionLogGroupName", "")
            return Place(group) if group else None
        # By its logical id: the event of a failed create may not name it yet.
        worker = self._worker_of(event.logical_id)
        return Place(
            platform.get("WorkersLogGroupName" if worker else "ServiceLogGroupName", ""),
            platform.get("ClusterName", ""),
            naming.worker_name(self._env, worker) if worker else naming.service_name(self._env),
            worker or "service",
            "" if worker else self._situation.state.outputs("front").get("TargetGroupArn", ""),
        )

    def _worker_of(self, logical_id: str) -> str | None:
        """The worker whose service has this logical id; None for the web."""
        workers = self._env.application.workers
        return next((name for name in workers if logical_id == f"{naming.part_id(name)}Service"), None)

    def _keep(self, name: str, stack: Stack, body: str) -> None:
        with self._guard:
            self._situation.state = RemoteState(
                {**self._situation.state.stacks, name: stack}, {**self._situation.state.bodies, name: body}
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
            run_id=self.run.id,
            consent=self._consent,
            clock=self._clock,
            upload=self._upload_template,
            before_write=before_write,
        )

    def _before_stack(self, template: StackTemplate) -> Callable[[], None]:
        """What has to be true before a stack is written: nobody wants to leave, and we hold the lock."""

        def check() -> None:
            if self._detach.is_set():
                raise DetachedError(f"Detached before {template.stack} was changed.", hint="`opsctl deploy` goes on.")
            if self._lock is not None:
                self._lock.ensure()

        return check

    def _upload_template(self, template: StackTemplate) -> str:
        return upload_template(self._aws.s3, self._artifact_bucket(), self._env.name, template)

    def _upload_bundle(self, template: StackTemplate) -> str:
        """Put the function's code into the artifact bucket, whatever lies under its key: that is somebody's word only.

        The function takes the version that comes of it, and keeps it as long as its code stays the same.
        """
        self._before_stack(template)()
        bundle = self._situation.bundle
        return self._aws.s3.put_version(self._artifact_bucket(), bundle.key, bundle.content())

    def _image_step(self, plan: ImagePlan) -> None:
        with self._step("image", f"build {plan.tag}" if plan.build else f"use {plan.tag}") as ending:
            digest = self._situation.image.ensure(plan, self._emit)
            uri = image_uri(plan.account, self._env.region, plan.repository, digest)
            with self._guard:
                self._situation.context["image_uri"] = uri
                ending.changed = self._situation.deployed("app", "ImageUri") != uri
            if ending.changed:
                self._releases.tag(plan, digest)
            elif self._env.images.verify is not None:
                self._releases.keep_signature(plan, digest)
            ending.text = f"{plan.repository}:{plan.tag} is {digest[:19]}…"

    def _secrets_step(self) -> None:
        with self._step("secrets", "generate and derive what is missing") as ending:
            with self._guard:
                state = self._situation.state
            if self._lock is not None:
                self._lock.ensure()
            written = self._situation.secrets.write(state, self._situation.digest)
            with self._guard:
                self._situation.context |= self._situation.rollouts(self._situation.context)
            ending.changed, ending.text = bool(written), f"{written} written" if written else "all are up to date"

    def _release_step(self) -> None:
        migrates = all("migrate" in command for command in self._env.application.release.commands)
        with self._step("migrate", "apply pending migrations" if migrates else "run the release's commands") as ending:
            wanted = set(self._situation.image.migrations.split())
            if migrates and wanted and wanted <= self._releases.applied(self._database()):
                ending.changed, ending.text = False, "nothing is pending"
                return
            with self._guard:
                state = self._situation.state
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
            runner.run(release_task(state.outputs), token=f"{self.run.id}-migrate")
            ending.text = "migrations are applied" if migrates else "the release's commands ran"

    def _database(self) -> str:
        """Identifies the database: its stack's id and its own, as either changes when it is made again, and how the
        release is told of it: before that, the project may have migrated another, such as a file.
        """
        data, application = self._situation.state.stacks.get("data"), self._env.application
        if data is None:
            return ""
        told = {
            name: text for name, text in application.variables(application.release).items() if "${database." in text
        }
        way = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:12]
        return f"{data.id} {data.outputs.get('DatabaseResourceId', '')} {way}"

    def _record(self, plan: Plan) -> int | None:
        # A release is an image that the service runs and whose migrations ran: `opsctl deploy jobs` makes none.
        if not (self._changed or plan.record) or plan.image is None or all(item.stack != "app" for item in plan.stacks):
            return None
        self._changed = True
        uri, database = self._situation.context.get("image_uri") or "", self._database()
        found = Release(
            number=self._releases.number,
            environment=self._env.name,
            run_id=self.run.id,
            at=datetime.fromtimestamp(self._clock(), UTC).isoformat(timespec="seconds"),
            by=self.run.owner,
            image=uri,
            tag=plan.image.tag,
            digest=uri.rpartition("@")[2],
            commit=self._situation.image.commit,
            migrations=" ".join(sorted({*self._situation.image.migrations.split(), *self._releases.applied(database)})),
            database=database,
            stacks={name: template.digest for name, template in self._situation.templates.items()},
            seconds=self._learned(),
        )
        self._releases.record(found)
        self._tidy(plan.image)
        return found.number

    def _tidy(self, image: ImagePlan) -> None:
        """Let go of what older releases ran; another account's repository lets us tag, but not delete."""
        if image.account != self._situation.account():
            return
        try:
            self._releases.tidy(image)
        except AwsError as error:
            self._emit(Note(f"Images of old releases were not let go: {error.message}"))

    def _learned(self) -> dict[str, float]:
        """How long AWS takes here, as this deploy and those before it saw; on this machine nothing says that."""
        known = self._releases.last.seconds if self._releases.last else {}
        return known if self._env.target == "local" else {**known, **self._watch.seconds}

    def _result(self, number: int | None) -> DeployResult:
        outputs = {name: dict(stack.outputs) for name, stack in self._situation.state.stacks.items()}
        return DeployResult(
            self._env.name, self._changed, outputs, number, outputs.get("front", {}).get("ServiceUrl", "")
        )
