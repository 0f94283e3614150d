"""Changing the application's database password: another login, the secrets made from it, and tasks that read them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from opsctl.deploy.events import Emit, Note, StepFinished, StepStarted
from opsctl.deploy.secrets import ApplicationSecrets
from opsctl.errors import OpsctlError
from opsctl.operate.database import rotate_login
from opsctl.operate.deployed import state_of
from opsctl.operate.restart import parameter_of, roll_out

if TYPE_CHECKING:
    from opsctl.operate.target import Target


def rotate(target: Target, emit: Emit) -> dict[str, Any]:
    """Rotate, derive, restart. What was done before a failure stays, and running it again finishes it."""
    if target.env.database_auth != "password":
        raise OpsctlError(
            f"{target.env.name} logs in by {target.env.database_auth}, so there is no password to change.",
            code="no-password",
            hint="application.database.auth: password has one.",
        )
    started = time.monotonic()
    emit(StepStarted("rotate", "give the other login a new password"))
    answer = rotate_login(target)
    for finding in answer.get("findings", ()):
        emit(Note(str(finding)))
    emit(StepFinished("rotate", "done", f"{answer['login']} instead of {answer['previous']}",
                      time.monotonic() - started))  # fmt: skip
    state = state_of(target, bodies=True)
    image = state.stacks["app"].parameters.get("ImageUri", "") if "app" in state.stacks else ""
    digest = image.rpartition("@sha256:")[2]
    secrets = ApplicationSecrets(target.env, target.aws)
    secrets.write(state, digest)
    stamp = secrets.stamp(state, digest) or "0"
    if "app" in state.stacks:
        values = {
            name: _with_stamp(state.stacks["app"].parameters.get(parameter_of(name), ""), stamp)
            for name in ("web", *target.env.application.workers)
        }
        roll_out(target, state, values, emit, text="start the tasks anew, with the new password")
    return {"environment": target.env.name, "login": answer["login"], "previous": answer["previous"]}


def _with_stamp(value: str, stamp: str) -> str:
    """The stamp of the secrets; without any, the count of restarts makes the difference."""
    before, _, count = value.partition(".")
    same = before == stamp
    return f"{stamp}.{int(count or 0) + 1 if same and count.isdecimal() else count or '0'}"
