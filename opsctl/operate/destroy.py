"""Removing an environment's stacks under its lock."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection
from contextlib import suppress
from datetime import datetime
from functools import partial

from opsctl.aws.cloudformation import Stack
from opsctl.aws.errors import AwsRefusedError
from opsctl.config import naming
from opsctl.deploy.destroy import REST, USED_BY, WITHOUT_DATA, Destroyer, DestroyPlan, ensure_unchanged
from opsctl.deploy.events import Emit, Note
from opsctl.deploy.graph import Step, run_steps
from opsctl.deploy.left_running import DetachedError
from opsctl.deploy.leftovers import ROLES, SECRET, Left, Leftover, leftovers
from opsctl.deploy.lock import Lock, Run
from opsctl.deploy.planning.holdings import is_opsctls, namesakes
from opsctl.deploy.planning.state import RemoteState
from opsctl.deploy.secrets import RECOVERY_DAYS, ApplicationSecrets
from opsctl.deploy.stackrun.removal import StackRemover
from opsctl.deploy.stackrun.stream import Follower
from opsctl.operate.assembly import lock_of, pace
from opsctl.operate.cost import price_table
from opsctl.operate.deployed import deleted_stacks, removable_state_of
from opsctl.operate.target import Target


def removed_before(target: Target, state: RemoteState) -> dict[str, datetime]:
    """Stacks that another run removed since those that are there were changed last, in the order of a removal, each
    with when: of a removal that was interrupted this one is the rest. Empty where nobody may list them.
    """
    kept = [stack.updated for name, stack in state.stacks.items() if name != "bootstrap" and stack.updated is not None]
    changed = max(kept, default=None)
    found: dict[str, datetime] = {}
    with suppress(AwsRefusedError):
        for name, stack in deleted_stacks(target):
            if stack.updated is not None and name not in state.stacks and (changed is None or stack.updated > changed):
                found[name] = max(stack.updated, found.get(name, stack.updated))
    return {name: found[name] for name in (*WITHOUT_DATA, *REST) if name in found}


def remove_all(
    target: Target,
    state: RemoteState,
    plan: DestroyPlan,
    emit: Emit,
    *,
    run: Run,
    timeout_minutes: int,
    before: Collection[str] = (),
) -> list[Leftover]:
    """Remove the plan's stacks, each after those that use it; answers what outlived them. `before`: what another run
    removed, which did not get to its end.

    After one that can't be removed no other is begun.
    """
    detach, left = threading.Event(), list[Left]()
    prices = None if target.is_local else price_table(target.workspace.root)  # a bad file is told before anything goes
    with lock_of(target, state, run, emit) as lock, lock.naming_who_cancelled():

        def remove(name: str) -> None:
            destroyer = _destroyer(target, state, name, emit, lock, run.id, timeout_minutes, detach)
            left.extend(destroyer.remove(name, state.stacks[name], state.bodies.get(name, "")))

        ensure_unchanged(state, removable_state_of(target), target.env.name)
        steps = [Step(name, partial(remove, name), USED_BY.get(name, ())) for name in plan.remove]
        try:
            run_steps(steps, interrupt=detach.set)
        except (KeyboardInterrupt, DetachedError):
            raise DetachedError(
                "Detached; what AWS was told to delete goes on.",
                hint="`opsctl status` shows it; run `opsctl destroy` again for the rest.",
            ) from None
        if "app" in {*plan.remove, *before}:
            left += _look_after_secrets(target, state, emit)
    last = None
    if not state.stacks.keys() - {"bootstrap", *plan.remove}:
        # Nothing of the environment is there any more but what an administrator made: perhaps nothing of opsctl at all.
        roles, others = _administrators(target, state)
        left += [Left(ROLES, each.name, target.env.region) for each in roles]
        last = target.env.region if "bootstrap" in state.stacks and not others else None
    return leftovers(left, prices, last=last)


def _administrators(target: Target, state: RemoteState) -> tuple[list[Stack], list[Stack]]:
    """The stack of the environment's CI roles, if it has one, and those of other environments."""
    name = naming.stack_name(target.env, naming.CI_STACK)
    others = [each for each in state.others if is_opsctls(each)]
    return [each for each in others if each.name == name], [each for each in others if each.name != name]


def _look_after_secrets(target: Target, state: RemoteState, emit: Emit) -> list[Left]:
    """What deploys put together goes with the tasks that read it; what people set stays, as data does."""
    if not (target.from_account or ApplicationSecrets(target.env, target.aws).used):
        return []
    if others := namesakes(target.env, state.others):
        clients = ", ".join(each.client for each in others)
        emit(Note(f"Secrets stay: {target.env.name} of {target.env.service} for {clients} reads the same ones."))
        return []
    store, derived = target.aws.secrets, naming.derived_prefix(target.env)
    for name in store.below(derived):
        store.remove(name, days=RECOVERY_DAYS)
    kept = sorted(store.below(naming.secret_name(target.env, "")))
    if kept:
        names = ", ".join(name.rpartition("/")[2] for name in kept)
        emit(Note(f"Secrets stay: {names}. `opsctl secret remove NAME` takes one away."))
    return [Left(SECRET, name, target.env.region) for name in kept]


def cluster_of(target: Target, state: RemoteState) -> str:
    """The environment's own; "" where its stack names another, whose tasks are not its own to stop."""
    own = naming.cluster_name(target.env)
    return own if state.outputs("platform").get("ClusterName") == own else ""


def _destroyer(
    target: Target,
    state: RemoteState,
    name: str,
    emit: Emit,
    lock: Lock,
    run_id: str,
    timeout_minutes: int,
    detach: threading.Event,
) -> Destroyer:
    template = next(item for item in (*target.templates, *target.unwanted) if item.stack == name)
    aws = target.aws.in_region(template.region)
    rhythm = pace(target, timeout_minutes)
    follower = Follower(aws.cloudformation, emit, rhythm, clock=time.time, detach=detach, follow_by="opsctl destroy")
    remover = StackRemover(aws, follower, emit, poll_seconds=rhythm.seconds, clock=time.time, before_write=lock.ensure)
    return Destroyer(
        aws, remover, follower, emit, run_id=run_id, cluster=cluster_of(target, state),
        function=state.outputs("functions").get("DbInitFunctionName", ""),
        # Where the environment is protected they are kept, as its other logs are.
        keep_logs=target.env.security.termination_protection,
        poll_seconds=rhythm.seconds, before_write=lock.ensure,
    )  # fmt: skip
