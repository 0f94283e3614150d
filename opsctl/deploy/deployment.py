"""One `opsctl deploy`, start to end: read, plan, lock, stacks, image, migrations, release record."""

from __future__ import annotations

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
from opsctl.deploy.artifacts import Artifacts
from opsctl.deploy.checks.preflight import preflight
from opsctl.deploy.events import Emit, Emitter, Event, Note, Progress, silent
from opsctl.deploy.evidence.observer import Observer
from opsctl.deploy.evidence.places import place_of
from opsctl.deploy.evidence.redaction import Redactor
from opsctl.deploy.explained import explained, so_far
from opsctl.deploy.failures import StackFailedError
from opsctl.deploy.graph import Step, run_steps
from opsctl.deploy.image import image_uri
from opsctl.deploy.lock import Lock, Run
from opsctl.deploy.planning import planner
from opsctl.deploy.planning.durations import Stopwatch
from opsctl.deploy.planning.plan import Consent, ImagePlan, Plan
from opsctl.deploy.planning.plan_file import PlanFile
from opsctl.deploy.planning.situation import Situation
from opsctl.deploy.planning.state import RemoteState
from opsctl.deploy.planning.statuses import Action
from opsctl.deploy.planning.work import Work, work_of
from opsctl.deploy.release import Release, Releases, database_mark
from opsctl.deploy.stackrun import guard
from opsctl.deploy.stackrun.countdown import answer_limits
from opsctl.deploy.stackrun.removal import StackRemover
from opsctl.deploy.stackrun.runner import StackRunner
from opsctl.deploy.stackrun.stream import DeadlineError, DetachedError, Follower, Pace
from opsctl.deploy.stackrun.watch import RolloutWatch, watch_of
from opsctl.deploy.step import Ending, step
from opsctl.deploy.tasks import TaskRunner, release_task
from opsctl.deploy.timing import Timing
from opsctl.errors import OpsctlError
from opsctl.stacks.model import BUNDLE_VERSION, FromContext

if TYPE_CHECKING:
    from opsctl.aws.renewal import Renewal
    from opsctl.stacks.model import StackTemplate


_SAME_SIGNAL_SECONDS = 0.3


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
        wait_seconds: float = 0.0,
        redact: Redactor | None = None,
    ) -> None:
        """`wait_seconds`: for how long the end of somebody else's command is waited for. `redact` blots out what
        evidence must not show; it learns the application's secrets.
        """
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
        self._wait_seconds = wait_seconds
        self._detach = threading.Event()
        self._guard = threading.Lock()
        self._changed = False
        self._done: list[str] = []  # steps that changed something
        self._learned_secrets = False
        self._lock: Lock | None = None
        self._renewal: Renewal | None = None

    def plan(self) -> Plan:
        """What executing would do, as things are now. Reads only."""
        return self._situation.plan()

    def execute(
        self, plan: Plan, emit: Emit, consent: Consent, *, review: Callable[[Plan], None] = lambda _: None
    ) -> DeployResult:
        """Do what the plan says, under the lock. Raises on the first failure; what was done stays done.

        `consent` is what was agreed to after seeing the plan. Where somebody else's command had to be waited for, a
        new plan is made, and `review` raises for what was not agreed to.
        """
        if plan.is_empty:
            return self._result(None)
        self._timing = Timing(emit, self._clock)
        self._observer = Observer(
            self._aws, emit, lambda event: place_of(event, self._env, self._situation.state), self.redact,
            # Twice as long as between two questions to CloudFormation, and never so often that it slows the emulator.
            seconds=max(2 * self._pace.seconds, 1.0), learn=self._learn_secrets,
        )  # fmt: skip
        self._emit, self._consent = Emitter(emit, self._watch, self._timing, self._observer), consent

        def tell(text: str) -> None:
            self._emit(Note(text))

        try:
            with self._aws.outlasting(
                tell=tell, leaving=self._detach.is_set, account=self._situation.account
            ) as self._renewal:
                return self._result(self._carry_out(plan, review))
        except KeyboardInterrupt:
            raise self._interrupted() from None
        finally:
            self._observer.close()

    def _interrupted(self) -> DetachedError:
        """The person's wish to leave met no step that ran."""
        if not self._done:
            return DetachedError("Interrupted. Nothing was changed.", code="interrupted")
        return DetachedError(
            f"Interrupted after {', '.join(self._done)}; nothing else was begun.",
            code="interrupted", hint="`opsctl deploy` goes on from here.",
        )  # fmt: skip

    def _carry_out(self, plan: Plan, review: Callable[[Plan], None]) -> int | None:
        selected = [self._situation.templates[item.stack] for item in plan.stacks]  # type: ignore[index]
        if self._env.target == "aws" and len(selected) == len(self._situation.templates):
            preflight(self._env, self._aws.account, self._emit)
        if not self._situation.state.outputs("bootstrap") and "bootstrap" in self._situation.templates:
            # The lock lives in the bucket that this stack makes; two first deploys meet in CloudFormation itself. A
            # first deploy that was interrupted, or failed, left the stack without outputs.
            first = self._situation.templates["bootstrap"]
            run_steps([Step("bootstrap", lambda: self._stack_step(first))], interrupt=self._detach.set)
            selected = [template for template in selected if template.stack != "bootstrap"]
        bucket = self._artifact_bucket()
        with self._lock_of(bucket) as lock:
            self._lock = lock
            if self._renewal is not None:
                self._renewal.before_repeat = lock.ensure
            if lock.waited:
                plan = self._situation.plan()
                review(plan)
                if plan.is_empty:
                    return None
                selected = [self._situation.templates[item.stack] for item in plan.stacks]  # type: ignore[index]
            else:
                self._situation.read_again()
            self._refuse_moved(selected)
            self._releases = Releases(self._aws.s3, self._aws.ecr, bucket, self._env)
            if (rollback := self._situation.request.rollback) is not None:
                rollback.ensure(self._aws.s3, bucket, self._env, self._releases.last)
            steps = self._steps(selected, plan)
            folder = naming.artifact_folder(self._env)
            remembering = self._timing.remembering(self._work(plan, selected, steps), self._aws.s3, bucket, folder)
            with lock.naming_who_cancelled(), remembering:
                run_steps(steps, interrupt=self._detach.set)
            look_after(self._env, self._situation.state, self._aws.account, self._aws.logs, self._emit)
            return self._record(plan)

    def keep_record(self, body: Callable[[], bytes]) -> None:
        """Put the run's record into the artifact bucket, if there is one by now. Raises AwsError."""
        bucket = self._situation.state.outputs("bootstrap").get("ArtifactBucketName")
        if bucket:
            self._learn_secrets()
            self._aws.s3.put(bucket, naming.run_key(naming.artifact_folder(self._env), self.run.id), body())

    def _learn_secrets(self) -> None:
        if not self._learned_secrets:
            self._learned_secrets = True
            self.redact.learn(self._situation.secrets.values(self._situation.state))

    def _lock_of(self, bucket: str) -> Lock:
        return Lock(
            self._aws.s3, bucket, self._env, self.run, clock=self._clock, wait_seconds=self._wait_seconds,
            tell=lambda text: self._emit(Note(text)),
        )  # fmt: skip

    def plan_file(self, plan: Plan) -> PlanFile:
        """What somebody approves, to be kept in a file."""
        return PlanFile.of(plan, self._situation.account(), self._env.region, self._situation.request)

    def _refuse_moved(self, selected: Sequence[StackTemplate]) -> None:
        """Stop, under the lock, where what was approved is not what would be done now: another deploy came between."""
        if self._consent.approved is None and self._consent.basis is None:
            return
        now = planner.plan_stacks(selected, self._situation.state, self._situation.context)
        if (error := guard.moved(self._env.name, now, self._consent)) is not None:
            raise error

    def _work(self, plan: Plan, selected: Sequence[StackTemplate], steps: Sequence[Step]) -> Work:
        """What takes time; on this machine nothing takes minutes."""
        if self._env.target == "local":
            return {}
        return work_of(plan, selected, self._situation.state.bodies, {each.name: each.after for each in steps})

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
            if ending.changed:
                self._done.append(name)

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

    def _keep(self, name: str, stack: Stack, body: str) -> None:
        with self._guard:
            self._situation.state = RemoteState(
                {**self._situation.state.stacks, name: stack}, {**self._situation.state.bodies, name: body}
            )

    def _runner(self, template: StackTemplate) -> StackRunner:
        aws = self._aws.in_region(template.region)
        follower = Follower(
            aws.cloudformation, self._emit, self._pace, clock=self._clock, detach=self._detach,
            limits=answer_limits(template.body), watch=self._rollout_watch(template),
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
            upload=lambda large: self._artifacts(large).template(large),
            before_write=before_write,
        )

    def _rollout_watch(self, template: StackTemplate) -> RolloutWatch | None:
        if not self._situation.request.watchdog:
            return None
        cluster = self._situation.state.outputs("platform").get("ClusterName", "")
        return watch_of(template, self._env, self._aws, cluster, self._emit, self._clock, self._pace.seconds)

    def _before_stack(self, template: StackTemplate) -> Callable[[], None]:
        """What has to be true before a stack is written: nobody wants to leave, and we hold the lock."""

        def check() -> None:
            if self._detach.is_set():
                raise DetachedError(f"Detached before {template.stack} was changed.", hint="`opsctl deploy` goes on.")
            if self._lock is not None:
                self._lock.ensure()

        return check

    def _artifacts(self, template: StackTemplate) -> Artifacts:
        """Where code and templates are put for a stack."""
        check, bootstrap = self._before_stack(template), self._situation.state.stacks.get("bootstrap")

        def pause(seconds: float, why: str) -> None:
            self._emit(Progress(template.stack, why))
            self._detach.wait(seconds)
            check()

        made = bootstrap.updated.timestamp() if bootstrap is not None and bootstrap.updated is not None else 0.0
        folder = naming.artifact_folder(self._env)
        return Artifacts(self._aws.s3, self._artifact_bucket(), folder, made, pause, self._clock)

    def _upload_bundle(self, template: StackTemplate) -> str:
        """Put the function's code into the artifact bucket, whatever lies under its key: that is somebody's word only.

        The function takes the version that comes of it, and keeps it as long as its code stays the same.
        """
        self._before_stack(template)()
        bundle = self._situation.bundle
        return self._artifacts(template).put(bundle.key, bundle.content())

    def _image_step(self, plan: ImagePlan) -> None:
        with self._step("image", f"build {plan.tag}" if plan.build else f"use {plan.tag}") as ending:
            digest = self._made(plan)
            uri = image_uri(plan.account, self._env.region, plan.repository, digest)
            with self._guard:
                self._situation.context["image_uri"] = uri
                ending.changed = self._situation.deployed("app", "ImageUri") != uri
            if self._lock is not None:
                self._lock.ensure()
            if ending.changed:
                self._releases.tag(plan, digest)
            elif self._env.images.verify is not None:
                self._releases.keep_signature(plan, digest)
            ending.text = f"{plan.repository}:{plan.tag} is {digest[:19]}…"

    def _made(self, plan: ImagePlan) -> str:
        """The image's digest. Building hears that somebody wants to leave at the next line that it tells."""
        left = DetachedError("Stopped while the image was made.", hint="`opsctl deploy` makes it again.")

        def emit(event: Event) -> None:
            if self._detach.is_set():
                raise left
            self._emit(event)

        try:
            return self._situation.image.ensure(plan, emit)
        except OpsctlError as error:
            # The signal that means us ends the programs that build, too, and they may be quicker to say so.
            if error is not left and self._detach.wait(_SAME_SIGNAL_SECONDS):
                raise left from error
            raise

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
            image = self._situation.image
            self._releases.migrating(self._database(), image.migrations, image.verdicts)
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
        return database_mark(self._situation.state.stacks.get("data"), self._env.application)

    def _record(self, plan: Plan) -> int | None:
        # A release is an image that the service runs and whose migrations ran: `opsctl deploy jobs` makes none.
        if not (self._changed or plan.record) or plan.image is None or all(item.stack != "app" for item in plan.stacks):
            return None
        self._changed = True
        if self._lock is not None:
            self._lock.ensure()
        uri, database = self._situation.context.get("image_uri") or "", self._database()
        image, rollback = self._situation.image, self._situation.request.rollback
        found = Release(
            number=self._releases.number,
            environment=self._env.name,
            run_id=self.run.id,
            at=datetime.fromtimestamp(self._clock(), UTC).isoformat(timespec="seconds"),
            by=self.run.owner,
            image=uri,
            tag=plan.image.tag,
            digest=uri.rpartition("@")[2],
            commit=image.commit,
            migrations=" ".join(sorted({*image.migrations.split(), *self._releases.applied(database)})),
            database=database,
            stacks={name: template.digest for name, template in self._situation.templates.items()},
            seconds=self._learned(),
            verdicts=self._releases.verdicts(database, image.verdicts),
            application=self._env.application.model_dump(mode="json"),
            rolled_back_to=rollback.to.number if rollback is not None else None,
            command=self.run.command,
            changes=plan.changes(),
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
