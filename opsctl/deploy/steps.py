"""What each step of a deploy does: a stack, the image, the secrets, what prepares the release."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from opsctl.config import naming
from opsctl.deploy.artifacts import Artifacts
from opsctl.deploy.events import Emit, Event, Progress
from opsctl.deploy.evidence.observer import Observer
from opsctl.deploy.evidence.redaction import Redactor
from opsctl.deploy.explained import explained, so_far
from opsctl.deploy.failures import StackFailedError
from opsctl.deploy.graph import Ending, step
from opsctl.deploy.image import image_uri
from opsctl.deploy.left_running import DeadlineError, DetachedError
from opsctl.deploy.lock import Lock, Run
from opsctl.deploy.planning import planner
from opsctl.deploy.planning.plan import Consent, ImagePlan
from opsctl.deploy.planning.situation import Situation
from opsctl.deploy.planning.state import RemoteState
from opsctl.deploy.planning.statuses import Action
from opsctl.deploy.release import Releases, database_mark
from opsctl.deploy.stackrun.countdown import answer_limits
from opsctl.deploy.stackrun.removal import StackRemover
from opsctl.deploy.stackrun.runner import StackRunner
from opsctl.deploy.stackrun.stream import Follower, Pace
from opsctl.deploy.stackrun.watch import RolloutWatch, watch_of
from opsctl.deploy.tasks import TaskRunner, release_task
from opsctl.errors import OpsctlError
from opsctl.stacks.model import BUNDLE_VERSION, FromContext

if TYPE_CHECKING:
    from opsctl.aws.cloudformation import Stack
    from opsctl.stacks.model import StackTemplate

_SAME_SIGNAL_SECONDS = 0.3


def artifact_bucket(situation: Situation) -> str:
    """Where locks, records, code and large templates lie. Raises OpsctlError before the account's own stack stands."""
    bucket = situation.state.outputs("bootstrap").get("ArtifactBucketName")
    if not bucket:
        raise OpsctlError("There is no artifact bucket yet.", code="not-bootstrapped", hint="Run `opsctl bootstrap`.")
    return bucket


def _how_it_is(status: str) -> str:
    """A stack that went back to what is wanted now is well; its status alone would read like a failure."""
    return f"as its template says, after a rollback ({status})" if "ROLLBACK" in status else status


class Steps:
    """The steps of one deploy. `lock` and `releases` are there once it holds the lock; `done` are the names of those
    that changed something, `changed` whether any did.
    """

    releases: Releases

    def __init__(
        self,
        situation: Situation,
        run: Run,
        consent: Consent,
        emit: Emit,
        *,
        observer: Observer,
        redact: Redactor,
        pace: Pace,
        clock: Callable[[], float],
        detach: threading.Event,
    ) -> None:
        self._situation = situation
        self._env = situation.env
        self._aws = situation.aws
        self._run = run
        self._consent = consent
        self._emit = emit
        self._observer = observer
        self._redact = redact
        self._pace = pace
        self._clock = clock
        self._detach = detach
        self._guard = threading.Lock()
        self.lock: Lock | None = None
        self.changed = False
        self.done: list[str] = []

    @contextmanager
    def _step(self, name: str, text: str) -> Iterator[Ending]:
        """A step of this deploy, which is a change if any of its steps is."""
        with step(self._emit, name, text, clock=self._clock) as ending:
            yield ending
        with self._guard:
            self.changed |= ending.changed
            if ending.changed:
                self.done.append(name)

    def stack(self, template: StackTemplate) -> None:
        """Bring one stack to its template."""
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
                evidence = self._observer.conclude(template.stack, task=error.task or "", verdict=error.verdict)
                raise explained(error, template.stack, evidence, self._redact) from error
            except DeadlineError as error:
                raise so_far(error, template.stack, self._observer.conclude(template.stack)) from error
            self._keep(template.stack, deployed.stack, template.body)
            ending.changed = deployed.changed
            ending.rolled_back = "ROLLBACK" in deployed.stack.status
            ending.text = _how_it_is(deployed.stack.status) if deployed.changed else Action.UNCHANGED

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
            seen = self._situation.state
            self._situation.state = RemoteState({**seen.stacks, name: stack}, {**seen.bodies, name: body}, seen.others)

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
            run_id=self._run.id,
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
            if self.lock is not None:
                self.lock.ensure()

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
        return Artifacts(self._aws.s3, artifact_bucket(self._situation), folder, made, pause, self._clock)

    def _upload_bundle(self, template: StackTemplate) -> str:
        """Upload the function's code, also where something lies under its key already: that may be anybody's. The
        function runs the version that this upload makes, and keeps it as long as its code stays the same.
        """
        self._before_stack(template)()
        bundle = self._situation.bundle
        return self._artifacts(template).put(bundle.key, bundle.content())

    def image(self, plan: ImagePlan) -> None:
        """Build or find the image, and tag it as the release's before anything runs it."""
        with self._step("image", f"build {plan.tag}" if plan.build else f"use {plan.tag}") as ending:
            digest = self._made(plan)
            uri = image_uri(plan.account, self._env.region, plan.repository, digest)
            with self._guard:
                self._situation.context["image_uri"] = uri
                ending.changed = self._situation.deployed("app", "ImageUri") != uri
            if self.lock is not None:
                self.lock.ensure()
            if ending.changed:
                self.releases.tag(plan, digest)
            elif self._env.images.verify is not None:
                self.releases.keep_signature(plan, digest)
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

    def secrets(self) -> None:
        """Write the secrets that are missing, or not as what they are made from."""
        with self._step("secrets", "generate and derive what is missing") as ending:
            with self._guard:
                state = self._situation.state
            if self.lock is not None:
                self.lock.ensure()
            written = self._situation.secrets.write(state, self._situation.digest)
            with self._guard:
                self._situation.context |= self._situation.rollouts(self._situation.context)
            ending.changed, ending.text = bool(written), f"{written} written" if written else "all are up to date"

    def release(self) -> None:
        """Run what prepares the release, such as its migrations."""
        migrates = all("migrate" in command for command in self._env.application.release.commands)
        with self._step("migrate", "apply pending migrations" if migrates else "run the release's commands") as ending:
            wanted = set(self._situation.image.migrations.split())
            if migrates and wanted and wanted <= self.releases.applied(self.database()):
                ending.changed, ending.text = False, "nothing is pending"
                return
            with self._guard:
                state = self._situation.state
            if self.lock is not None:
                self.lock.ensure()
            image = self._situation.image
            self.releases.migrating(self.database(), image.migrations, image.verdicts)
            runner = TaskRunner(
                self._aws.ecs,
                self._aws.logs,
                self._emit,
                poll_seconds=min(self._pace.seconds, 2.0),
                clock=self._clock,
                detach=self._detach,
            )
            runner.run(release_task(state.outputs), token=f"{self._run.id}-migrate")
            ending.text = "migrations are applied" if migrates else "the release's commands ran"

    def database(self) -> str:
        """Identifies the database that migrations are applied to."""
        return database_mark(self._situation.state.stacks.get("data"), self._env.application)
