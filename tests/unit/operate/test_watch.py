"""Following another command: what it does is shown, and how it ended decides."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from opsctl.aws.s3 import StoredObject
from opsctl.cli import render
from opsctl.config.naming import lock_key
from opsctl.deploy.deployment import Deployment
from opsctl.deploy.events import Event, Note, StepFinished, StepStarted
from opsctl.deploy.failures import StackFailedError
from opsctl.deploy.lease import LEASE_SECONDS, Lease, found, mark_cancelled
from opsctl.deploy.planning.plan import Consent
from opsctl.operate.watch import OperationFailedError, Watch
from tests.unit.deploy.fakes import START, Operation
from tests.unit.deploy.world import ENV, FOLDER, SECOND, STACKS, World, ended
from tests.unit.operate.shop import lasting

if TYPE_CHECKING:
    from opsctl.operate.target import Target


def watching(world: World, pause: Callable[[float], object] = lambda _: None) -> tuple[Watch, list[Event]]:
    events: list[Event] = []
    target = SimpleNamespace(
        env=ENV, templates=STACKS, unwanted=(), aws=world.aws, poll_seconds=0.0, outlasting=lasting
    )  # fmt: skip
    return Watch(cast("Target", target), events.append, clock=world.clock, pause=pause), events


def begun(command: str = "opsctl deploy --env dev") -> tuple[World, Deployment]:
    """An environment on which a deploy with a new image works: it holds the lock, and goes on when it is told to."""
    world = World()
    world.deploy()
    world.image.digest, world.image.migrations = SECOND, "m1 m2"
    work = world.deployment()
    world.aws.cloudformation.history.clear()  # what was before is older than the lock
    lease = Lease("bob@ci", work.run.id, command, START.timestamp(), world.clock() + LEASE_SECONDS)
    world.aws.s3.objects[lock_key(FOLDER)] = StoredObject(lease.to_bytes(), '"x"')
    return world, work


def going_on(work: Deployment) -> Callable[[float], None]:
    def pause(_: float) -> None:
        with suppress(StackFailedError):
            work.execute(work.plan(), lambda _: None, Consent())

    return pause


def test_where_nothing_runs_it_says_so_and_what_ended_last() -> None:
    world = World()
    world.deploy()
    watch, events = watching(world)
    seen = watch.run()
    assert events == []
    assert (seen["running"], seen["changed"], seen["release"]["number"]) == (False, [], 1)
    assert render.watched_text(seen).splitlines()[:2] == [
        "No command works on dev: nothing to follow.",
        "Newest release: 1 by ann@host, 2027-01-15 08:00:00 UTC.",
    ]


def test_before_the_first_deploy_nothing_runs() -> None:
    seen = watching(World())[0].run()
    assert (seen["running"], seen["release"], seen["last_stack"]) == (False, None, None)


def test_a_deploy_is_followed_to_its_end() -> None:
    world, work = begun()
    watch, events = watching(world, going_on(work))
    seen = watch.run()
    assert isinstance(events[0], Note)
    assert events[0].text.startswith("dev is worked on by bob@ci (opsctl deploy --env dev) since ")
    steps = [(type(event), event.step) for event in events if isinstance(event, StepStarted | StepFinished)]
    assert steps == [(kind, name) for name in ("jobs", "app") for kind in (StepStarted, StepFinished)]
    assert (seen["changed"], seen["release"]["number"]) == (["jobs", "app"], 2)
    assert render.watched_text(seen).startswith("It ended well.\nChanged: jobs, app.\nNewest release: 2 ")


def test_a_stack_that_fails_makes_it_fail() -> None:
    world, work = begun()
    failing = Operation(["UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE"], [("Topic", "UPDATE_FAILED", "no")])
    world.aws.cloudformation.script["execute:UPDATE"] = [failing]
    watch, events = watching(world, going_on(work))
    with pytest.raises(OperationFailedError, match=r"It ended badly: jobs is UPDATE_ROLLBACK_COMPLETE\.") as caught:
        watch.run()
    assert caught.value.hint == "`opsctl explain --env dev` says why."
    assert [event.outcome for event in events if isinstance(event, StepFinished)] == ["failed"]


@pytest.mark.parametrize(("stack", "told"), [
    (True, "ann cancelled it: jobs is UPDATE_ROLLBACK_COMPLETE."), (False, "ann cancelled bob@ci's deploy."),
])  # fmt: skip
def test_who_cancelled_it_is_named(stack: bool, told: str) -> None:
    world, work = begun()
    if stack:
        failing = Operation(["UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE"], [("Topic", "UPDATE_FAILED", "no")])
        world.aws.cloudformation.script["execute:UPDATE"] = [failing]
    else:
        world.aws.ecs.ends = [ended(1)]
    key = lock_key(FOLDER)
    looks: list[float] = []

    def pause(seconds: float) -> None:
        looks.append(seconds)
        if len(looks) == 1:
            held = found(world.aws.s3.get("", key))
            assert held is not None
            assert mark_cancelled(world.aws.s3, "", ENV, held.lease, by="ann")
        else:
            with suppress(Exception):
                work.execute(work.plan(), lambda _: None, Consent())
            world.aws.s3.objects.pop(key, None)

    with pytest.raises(OperationFailedError) as caught:
        watching(world, pause)[0].run()
    assert caught.value.message == told


def test_migrations_that_fail_make_it_fail_though_no_stack_tells() -> None:
    world, work = begun()
    world.aws.ecs.ends = [ended(1)]

    def pause(_: float) -> None:
        with pytest.raises(Exception, match="exit code 1"):
            work.execute(work.plan(), lambda _: None, Consent())

    with pytest.raises(OperationFailedError, match="bob@ci's deploy ended without recording a release"):
        watching(world, pause)[0].run()


def test_a_deploy_of_some_stacks_records_none_and_ends_well() -> None:
    world, work = begun("opsctl deploy --env dev jobs")
    world.aws.ecs.ends = [ended(1)]

    def pause(_: float) -> None:
        with pytest.raises(Exception, match="exit code 1"):
            work.execute(work.plan(), lambda _: None, Consent())

    assert watching(world, pause)[0].run()["changed"] == ["jobs"]


def test_what_cloudformation_does_after_its_deploy_was_killed_is_followed_too() -> None:
    world = World()
    world.deploy()
    world.aws.cloudformation.history.clear()
    world.aws.cloudformation.run_on(STACKS[1], ["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"])
    stack = world.aws.cloudformation.stacks_by_name["dev-platform"]
    world.aws.cloudformation._enter("dev-platform", "UPDATE_IN_PROGRESS")
    assert stack.status == "CREATE_COMPLETE"
    watch, events = watching(world)
    seen = watch.run()
    assert isinstance(events[0], Note)
    assert events[0].text == "dev is worked on by CloudFormation alone: nobody holds the lock."
    assert (seen["operation"], seen["changed"]) == (None, ["platform"])


def test_a_lock_that_ran_out_is_nobodys() -> None:
    world, _ = begun()
    world.clock.sleep(LEASE_SECONDS + 1)
    assert watching(world)[0].run()["running"] is False
