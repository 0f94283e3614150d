"""One `opsctl deploy`, start to end: read, plan, lock, stacks, image, migrations, release record."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from opsctl.aws.errors import AwsError
from opsctl.config import naming
from opsctl.deploy import release
from opsctl.deploy.aftercare import look_after
from opsctl.deploy.checks.preflight import preflight
from opsctl.deploy.checks.records import taken_names
from opsctl.deploy.events import Emit, Emitter, Note, silent
from opsctl.deploy.evidence.observer import Observer
from opsctl.deploy.evidence.places import place_of
from opsctl.deploy.evidence.redaction import Redactor
from opsctl.deploy.graph import Step, run_steps
from opsctl.deploy.left_running import DetachedError
from opsctl.deploy.lock import Lock, Run
from opsctl.deploy.planning import planner
from opsctl.deploy.planning.durations import Stopwatch
from opsctl.deploy.planning.holdings import namesakes
from opsctl.deploy.planning.plan import Consent, ImagePlan, Plan
from opsctl.deploy.planning.plan_file import PlanFile
from opsctl.deploy.planning.situation import Situation
from opsctl.deploy.planning.statuses import WENT_BACK
from opsctl.deploy.planning.work import Work, work_of
from opsctl.deploy.release import Release, Releases
from opsctl.deploy.secrets import RECOVERY_DAYS
from opsctl.deploy.stackrun import guard
from opsctl.deploy.stackrun.stream import Pace
from opsctl.deploy.steps import Steps, artifact_bucket
from opsctl.deploy.timing import Timing, may_take
from opsctl.errors import OpsctlError
from opsctl.leaving import is_wished

if TYPE_CHECKING:
    from opsctl.aws.renewal import Renewal
    from opsctl.stacks.model import StackTemplate

E = TypeVar("E", bound=OpsctlError)


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
        self._learned_secrets = False
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
            self._note_compared(plan)
            return self._result(None, changed=False)
        self._timing = Timing(emit, self._clock)
        self._observer = Observer(
            self._aws, emit, lambda event: place_of(event, self._env, self._situation.state), self.redact,
            # Twice as long as between two questions to CloudFormation, and never so often that it slows the emulator.
            seconds=max(2 * self._pace.seconds, 1.0), learn=self._learn_secrets,
        )  # fmt: skip
        self._emit, self._consent = Emitter(emit, self._watch, self._timing, self._observer), consent
        self._do = Steps(
            self._situation, self.run, consent, self._emit, observer=self._observer, redact=self.redact,
            pace=self._pace, clock=self._clock, detach=self._detach,
        )  # fmt: skip

        def tell(text: str) -> None:
            self._emit(Note(text))

        try:
            with self._aws.outlasting(
                tell=tell, leaving=lambda: self._detach.is_set() or is_wished(), account=self._situation.account
            ) as self._renewal:
                number = self._carry_out(plan, review)
                if number is None:
                    self._note_compared(plan)
                return self._result(number, changed=self._do.changed)
        except KeyboardInterrupt:
            raise self._led_on(self._interrupted()) from None
        except OpsctlError as error:
            self._led_on(error)
            raise
        finally:
            self._observer.close()

    def _led_on(self, error: E) -> E:
        """Name the command that goes on in the error: with the environment, which need not be the file's default. A
        rollback goes on by its own command, since `opsctl deploy` would lead forward.
        """
        rollback = self._situation.request.rollback
        again = f"opsctl rollback {rollback.to.number}" if rollback is not None else "opsctl deploy"
        error.hint = error.hint.replace("`opsctl deploy`", f"`{again} --env {self._env.name}`")
        return error

    def _interrupted(self) -> DetachedError:
        """The person's wish to leave met no step that ran."""
        if not self._do.done:
            return DetachedError("Interrupted. Nothing was changed.", code="interrupted")
        return DetachedError(
            f"Interrupted after {', '.join(self._do.done)}; nothing else was begun.",
            code="interrupted", hint="`opsctl deploy` goes on from here.",
        )  # fmt: skip

    def _carry_out(self, plan: Plan, review: Callable[[Plan], None]) -> int | None:
        selected = [self._situation.templates[item.stack] for item in plan.stacks]  # type: ignore[index]
        if self._env.target == "aws" and len(selected) == len(self._situation.templates):
            state = self._situation.state
            records = taken_names(self._situation.templates.values(), state.bodies, state.outputs)
            preflight(self._env, self._aws.account, self._emit, [records])
        if not self._situation.state.outputs("bootstrap") and "bootstrap" in self._situation.templates:
            # The lock lives in the bucket that this stack makes; two first deploys meet in CloudFormation itself. A
            # first deploy that was interrupted, or failed, left the stack without outputs.
            first = self._situation.templates["bootstrap"]
            run_steps([Step("bootstrap", lambda: self._do.stack(first))], interrupt=self._detach.set)
            selected = [template for template in selected if template.stack != "bootstrap"]
        bucket = artifact_bucket(self._situation)
        with self._lock_of(bucket) as lock:
            self._do.lock = lock
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
            self._do.releases = Releases(self._aws.s3, self._aws.ecr, bucket, self._env)
            if (rollback := self._situation.request.rollback) is not None:
                rollback.ensure(self._aws.s3, bucket, self._env, self._do.releases.last)
            steps = self._steps(selected, plan)
            folder = naming.artifact_folder(self._env)
            remembering = self._timing.remembering(self._work(plan, selected), self._aws.s3, bucket, folder)
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

    def may_take(self, plan: Plan) -> float:
        """Seconds that nine of ten such deploys stay below, as the earlier ones here tell; 0.0 on this machine."""
        selected = [self._situation.templates[item.stack] for item in plan.stacks]  # type: ignore[index]
        bucket = self._situation.state.outputs("bootstrap").get("ArtifactBucketName", "")
        return may_take(self._work(plan, selected), self._aws.s3, bucket, naming.artifact_folder(self._env))

    def _work(self, plan: Plan, selected: Sequence[StackTemplate]) -> Work:
        """What takes time; on this machine nothing takes minutes."""
        if self._env.target == "local":
            return {}
        return work_of(plan, selected, self._situation.state.bodies, self._order(selected, plan))

    def _order(self, selected: Sequence[StackTemplate], plan: Plan) -> dict[str, tuple[str, ...]]:
        writes = self._situation.secrets.used and self._situation.release_starts(selected)
        return planner.order(selected, image=plan.image is not None, migrate=plan.migrate, secrets=writes)

    def _steps(self, selected: Sequence[StackTemplate], plan: Plan) -> list[Step]:
        runs: dict[str, Callable[[], None]] = {
            template.stack: lambda item=template: self._do.stack(item)  # type: ignore[misc]
            for template in selected
        }
        if plan.image is not None:
            runs["image"] = lambda image=plan.image: self._do.image(image)  # type: ignore[misc]
        order = self._order(selected, plan)
        if "secrets" in order:
            runs["secrets"] = self._do.secrets
        if plan.migrate:
            runs["migrate"] = self._do.release
        return [Step(name, runs[name], after) for name, after in order.items()]

    def _record(self, plan: Plan) -> int | None:
        # A release is an image that the service runs and whose migrations ran: `opsctl deploy jobs` makes none.
        is_due = self._do.changed or plan.record
        if not is_due or plan.image is None or all(item.stack != "app" for item in plan.stacks):
            return None
        self._do.changed = True
        if self._do.lock is not None:
            self._do.lock.ensure()
        uri, database = self._situation.context.get("image_uri") or "", self._do.database()
        image, rollback = self._situation.image, self._situation.request.rollback
        found = Release(
            number=self._do.releases.number,
            environment=self._env.name,
            run_id=self.run.id,
            at=datetime.fromtimestamp(self._clock(), UTC).isoformat(timespec="seconds"),
            by=self.run.owner,
            image=uri,
            tag=plan.image.tag,
            digest=uri.rpartition("@")[2],
            commit=image.commit,
            migrations=" ".join(sorted({*image.migrations.split(), *self._do.releases.applied(database)})),
            database=database,
            stacks={name: template.digest for name, template in self._situation.templates.items()},
            seconds=self._learned(),
            verdicts=self._do.releases.verdicts(database, image.verdicts),
            application=self._env.application.model_dump(mode="json"),
            rolled_back_to=rollback.to.number if rollback is not None else None,
            command=self.run.command,
            changes=plan.changes(),
        )
        before = self._do.releases.last
        self._do.releases.record(found)
        self._tidy(plan.image)
        self._forget_secrets(before)
        return found.number

    def _note_compared(self, plan: Plan) -> None:
        """Let `opsctl status` know that a stack which went back from a change is as this deploy wants it: nothing else
        tells it of a deploy that makes no release. Not being able to is no failure of the deploy.
        """
        state = self._situation.state
        bucket, names = state.outputs("bootstrap").get("ArtifactBucketName"), {each.stack for each in plan.stacks}
        found = {name: stack for name, stack in state.stacks.items() if name in names and stack.status == WENT_BACK}
        if found and bucket:
            with suppress(AwsError):
                release.note_compared(self._aws.s3, bucket, self._env, found)

    def _tidy(self, image: ImagePlan) -> None:
        """Let go of what older releases ran; another account's repository lets us tag, but not delete."""
        if image.account != self._situation.account():
            return
        try:
            self._do.releases.tidy(image)
        except AwsError as error:
            self._emit(Note(f"Images of old releases were not let go: {error.message}"))

    def _forget_secrets(self, before: Release | None) -> None:
        """Let go of secrets that were put together for the release before alone."""
        if before is None or before.application is None or namesakes(self._env, self._situation.state.others):
            return
        try:
            gone = self._situation.secrets.forget(before.application)
        except AwsError as error:
            self._emit(Note(f"Secrets of the release before were not let go: {error.message}"))
            return
        if gone:
            what = "A derived secret" if len(gone) == 1 else f"{len(gone)} derived secrets"
            self._emit(Note(f"{what} that no task reads any more: gone for good in {RECOVERY_DAYS} days."))

    def _learned(self) -> dict[str, float]:
        """How long AWS takes here, as this deploy and those before it saw; on this machine nothing says that."""
        known = self._do.releases.last.seconds if self._do.releases.last else {}
        return known if self._env.target == "local" else {**known, **self._watch.seconds}

    def _result(self, number: int | None, *, changed: bool) -> DeployResult:
        outputs = {name: dict(stack.outputs) for name, stack in self._situation.state.stacks.items()}
        return DeployResult(self._env.name, changed, outputs, number, outputs.get("front", {}).get("ServiceUrl", ""))
