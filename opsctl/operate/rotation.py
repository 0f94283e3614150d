"""Changing the application's database password: another login, the secrets made from it, and tasks that read them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opsctl.deploy.events import Emit, Note
from opsctl.deploy.graph import step
from opsctl.deploy.image import digest_of
from opsctl.deploy.secrets import ApplicationSecrets
from opsctl.errors import OpsctlError
from opsctl.operate.assembly import lock_of, this_run
from opsctl.operate.database import rotate_login
from opsctl.operate.deployed import state_of
from opsctl.operate.restart import deployed_value, roll_out

if TYPE_CHECKING:
    from opsctl.deploy.planning.state import RemoteState
    from opsctl.operate.target import Target


def rotate(target: Target, emit: Emit, *, wait_minutes: int = 0) -> dict[str, Any]:
    """Rotate, derive, restart. What was done before a failure stays, and running it again finishes it."""
    if target.env.database_auth != "password":
        raise OpsctlError(
            f"{target.env.name} logs in by {target.env.database_auth}, so there is no password to change.",
            code="no-password",
            hint="application.database.auth: password has one.",
        )
    services = ("web", *target.env.application.workers)
    run = this_run(target)
    with lock_of(target, state_of(target), run, emit, wait_minutes=wait_minutes) as lock:
        state = state_of(target, bodies=True)
        secrets = ApplicationSecrets(target.env, target.aws)
        digest = digest_of(state.parameter("app", "ImageUri"))
        secrets.look(state)
        behind = _is_behind(state, secrets, digest, services)
        if behind:
            # Tasks still hold the login before: changing that one's password would cut them off.
            emit(
                Note("The rotation before this one was not finished: its tasks are started anew, and no other begins.")
            )
            answer = {"login": "the login that was rotated to before", "previous": ""}
        else:
            answer = _rotate(target, emit)
        secrets.write(state, digest)
        stamp = secrets.stamp(state, digest) or "0"
        if "app" in state.stacks:
            values = {name: _with_stamp(deployed_value(state, name), stamp) for name in services}
            roll_out(target, state, values, emit, lock, run, text="start the tasks anew, with the new password")
    return {"environment": target.env.name, "login": answer["login"], "previous": answer["previous"]}


def _rotate(target: Target, emit: Emit) -> dict[str, Any]:
    with step(emit, "rotate", "give the other login a new password") as ending:
        answer = rotate_login(target)
        for finding in answer.get("findings", ()):
            emit(Note(str(finding)))
        ending.text = f"{answer['login']} instead of {answer['previous']}"
    return answer


def _is_behind(state: RemoteState, secrets: ApplicationSecrets, digest: str, services: tuple[str, ...]) -> bool:
    """Whether tasks run that were started before the secrets were as they are now."""
    stamp = secrets.stamp(state, digest)
    deployed = {deployed_value(state, name).partition(".")[0] for name in services} - {""}
    return stamp is None or bool(deployed - {stamp})


def _with_stamp(value: str, stamp: str) -> str:
    """The stamp of the secrets; without any, the count of restarts makes the difference."""
    before, _, count = value.partition(".")
    same = before == stamp
    return f"{stamp}.{int(count or 0) + 1 if same and count.isdecimal() else count or '0'}"
