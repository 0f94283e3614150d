"""Starting the tasks of services anew, through CloudFormation: the same templates, one parameter changed."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Any

from opsctl.config.naming import artifact_folder
from opsctl.config.nearest import nearest
from opsctl.deploy.artifacts import Artifacts
from opsctl.deploy.events import Emit, Emitter
from opsctl.deploy.evidence.observer import Observer
from opsctl.deploy.evidence.places import place_of
from opsctl.deploy.evidence.redaction import Redactor, of_environment
from opsctl.deploy.explained import explained
from opsctl.deploy.failures import StackFailedError
from opsctl.deploy.graph import step
from opsctl.deploy.planning.plan import Consent
from opsctl.deploy.secrets import ApplicationSecrets
from opsctl.deploy.stackrun.removal import StackRemover
from opsctl.deploy.stackrun.runner import StackRunner
from opsctl.deploy.stackrun.stream import Follower
from opsctl.deploy.stackrun.watch import RolloutWatch, watch_of
from opsctl.errors import OpsctlError, UsageError
from opsctl.operate.assembly import lock_of, pace, this_run
from opsctl.operate.deployed import require_outputs, state_of
from opsctl.stacks.model import FromContext, StackTemplate
from opsctl.stacks.parts.tasks import rollout_parameter

if TYPE_CHECKING:
    from opsctl.deploy.lock import Lock, Run
    from opsctl.deploy.planning.state import RemoteState
    from opsctl.operate.target import Target


def restart(target: Target, names: tuple[str, ...], emit: Emit, *, wait_minutes: int = 0) -> dict[str, Any]:
    """Let services start their tasks anew, as a release does: `web`, workers by name; all when none is named."""
    services = ("web", *target.env.application.workers)
    for name in names:
        if name not in services:
            raise UsageError(
                f"{target.env.name} has no service `{name}`.", code="unknown-service", hint=nearest(name, services)
            )
    chosen = names or services
    run = this_run(target)
    with (
        lock_of(target, state_of(target), run, emit, wait_minutes=wait_minutes) as lock,
        lock.naming_who_cancelled(),
    ):
        state = state_of(target, bodies=True)
        values = {name: _next(deployed_value(state, name)) for name in chosen}
        roll_out(target, state, values, emit, lock, run, text=f"restart {', '.join(chosen)}")
    return {"environment": target.env.name, "restarted": list(chosen)}


def roll_out(
    target: Target, state: RemoteState, values: Mapping[str, str], emit: Emit, lock: Lock, run: Run, *, text: str
) -> None:
    """Give services another value of what makes them start anew, and follow until they are steady.

    `state` was read under the lock.
    """
    bucket = require_outputs(target, state, "bootstrap", "ArtifactBucketName")["ArtifactBucketName"]
    require_outputs(target, state, "app", "ServiceName")
    stack = state.stacks["app"]
    template = StackTemplate(
        "app", stack.name, state.bodies["app"],
        parameters={name: FromContext(name) for name in stack.parameters},
        tags=dict(stack.tags), termination_protection=stack.termination_protection,
    )  # fmt: skip
    context: dict[str, str | None] = dict(stack.parameters)
    for process, value in values.items():
        name = rollout_parameter(process)
        if name not in context:
            raise OpsctlError(
                f"The deployed {process} has no {name} yet.",
                code="not-deployed",
                hint=f"Run `opsctl deploy --env {target.env.name}` once.",
            )
        context[name] = value
    cluster = state.outputs("platform").get("ClusterName", "")
    watch = watch_of(template, target.env, target.aws, cluster, emit, time.time, target.poll_seconds)
    redact = Redactor(of_environment(os.environ))
    observer = Observer(
        target.aws, emit, lambda event: place_of(event, target.env, state), redact,
        seconds=max(2 * target.poll_seconds, 1.0),
        learn=lambda: redact.learn(ApplicationSecrets(target.env, target.aws).values(state)),
    )  # fmt: skip
    with step(emit, "app", text) as ending, closing(observer):
        try:
            _runner(target, Emitter(emit, observer), bucket, lock, run, watch).run(template, state, context)
        except StackFailedError as error:
            evidence = observer.conclude("app", task=error.task or "", verdict=error.verdict)
            failure = explained(error, "app", evidence, redact)
            failure.hint = failure.hint.replace("`opsctl deploy`", f"`opsctl deploy --env {target.env.name}`")
            raise failure from error
        ending.text = "new tasks serve"


def deployed_value(state: RemoteState, process: str) -> str:
    """What makes the service start its tasks anew, as it is now; "" where it is not deployed."""
    return state.parameter("app", rollout_parameter(process)) or ""


def _next(value: str) -> str:
    """What secrets made of it stays; the count of restarts grows."""
    stamp, _, count = value.partition(".")
    return f"{stamp or '0'}.{int(count) + 1 if count.isdecimal() else 1}"


def _runner(target: Target, emit: Emit, bucket: str, lock: Lock, run: Run, watch: RolloutWatch | None) -> StackRunner:
    aws = target.aws
    follower = Follower(
        aws.cloudformation, emit, pace(target), clock=time.time, detach=threading.Event(),
        follow_by="opsctl status", watch=watch,
    )  # fmt: skip

    remover = StackRemover(
        aws, follower, emit, poll_seconds=target.poll_seconds, clock=time.time, before_write=lock.ensure
    )
    return StackRunner(
        aws, follower, remover, emit, run_id=run.id, consent=Consent(), clock=time.time,
        upload=Artifacts(aws.s3, bucket, artifact_folder(target.env)).template, before_write=lock.ensure,
    )  # fmt: skip
