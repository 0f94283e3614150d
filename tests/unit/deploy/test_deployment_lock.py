"""A deploy and its lock: others who deploy, a lock that is lost, and leaving before the end."""

from __future__ import annotations

import json
import threading

import pytest

from opsctl.aws.s3 import StoredObject
from opsctl.config.naming import lock_key
from opsctl.deploy.events import Emit, Event, Note, StepStarted
from opsctl.deploy.lease import LEASE_SECONDS, Lease
from opsctl.deploy.left_running import DetachedError
from opsctl.deploy.lock import LockLostError
from opsctl.deploy.planning.plan import Consent, ImagePlan, Plan
from opsctl.deploy.stackrun import runner as stackrun
from opsctl.errors import BusyError, OpsctlError

from .world import CURRENT, FOLDER, SECOND, FakeImage, World


def test_without_a_bucket_for_the_lock_the_way_to_get_one_is_named() -> None:
    world = World()
    world.aws.cloudformation.results["dev-bootstrap"] = {}
    with pytest.raises(OpsctlError, match="no artifact bucket") as caught:
        world.deploy()
    assert "opsctl bootstrap" in caught.value.hint


def test_while_somebody_else_deploys_nothing_is_written() -> None:
    world = World()
    world.deploy()
    lease = {"owner": "bob@ci", "id": "other", "command": "opsctl deploy", "acquired": 0, "expires": 4e9}
    world.aws.s3.objects[lock_key(FOLDER)] = StoredObject(json.dumps(lease).encode(), '"x"')
    mark = len(world.aws.calls)
    world.image.digest = SECOND
    with pytest.raises(BusyError, match="bob@ci"):
        world.deploy()
    assert world.aws.calls[mark:] == []


@pytest.mark.parametrize(
    ("step", "call"),
    [("platform", ("create_change_set", "dev-platform")), ("network", ("create_change_set", "dev-network")),
     ("functions", ("put", f"bundles/{FOLDER}/1.zip")), ("migrate", ("run_task", "migrate")),
     ("app", ("create_change_set", "dev-app"))],
)  # fmt: skip
def test_once_the_lock_is_lost_nothing_more_is_written(step: str, call: tuple[str, str]) -> None:
    """The lease ran out while a step was about to begin: a sleeping laptop, a network that was gone."""
    world = World()

    def fall_asleep(event: Event) -> None:
        world.events.append(event)
        if isinstance(event, StepStarted) and event.step == step:
            world.clock.sleep(LEASE_SECONDS + 1)
            lease = Lease("bob@ci", "theirs", "opsctl deploy", world.clock(), world.clock() + LEASE_SECONDS)
            world.aws.s3.objects[lock_key(FOLDER)] = StoredObject(lease.to_bytes(), '"x"')

    work = world.deployment()
    with pytest.raises(LockLostError, match="bob@ci"):
        world.execute(work, work.plan(), fall_asleep)
    assert call not in world.aws.calls
    assert CURRENT not in world.aws.s3.objects


def test_a_deploy_that_slept_goes_on_when_nobody_took_its_lock() -> None:
    world = World()

    def fall_asleep(event: Event) -> None:
        if isinstance(event, StepStarted):
            world.clock.sleep(LEASE_SECONDS + 1)

    work = world.deployment()
    assert world.execute(work, work.plan(), fall_asleep).release == 1
    assert lock_key(FOLDER) not in world.aws.s3.objects


def test_who_waited_for_another_deploy_does_what_is_left_to_do_after_it() -> None:
    world = World()
    world.deploy()
    world.image.digest = SECOND
    late = world.deployment(wait_seconds=600)
    plan = late.plan()
    lease = Lease("bob@ci", "theirs", "opsctl deploy", world.clock(), world.clock() + LEASE_SECONDS)
    world.aws.s3.objects[lock_key(FOLDER)] = StoredObject(lease.to_bytes(), '"x"')
    reviewed: list[Plan] = []

    def theirs_ends(event: Event) -> None:
        world.events.append(event)
        if isinstance(event, Note) and "bob@ci (opsctl deploy) since" in event.text:
            del world.aws.s3.objects[lock_key(FOLDER)]
            world.deploy()

    mark = len(world.aws.calls)
    done = late.execute(plan, theirs_ends, Consent(), review=reviewed.append)
    assert [item.is_empty for item in reviewed] == [True]
    assert done.changed is False
    assert len([call for call in world.since(mark) if call == ("execute_change_set", "dev-app")]) == 1
    assert lock_key(FOLDER) not in world.aws.s3.objects


def test_leaving_before_anything_was_done_says_that_nothing_was_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(on="aws")

    def pressed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("opsctl.deploy.deployment.preflight", pressed)
    with pytest.raises(DetachedError, match=r"Interrupted\. Nothing was changed\.") as caught:
        world.deploy()
    assert (caught.value.code, caught.value.exit_code) == ("interrupted", 130)
    assert world.since(0) == []


def test_leaving_between_two_steps_says_what_was_done(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()

    def pressed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("opsctl.deploy.deployment.look_after", pressed)
    # The image is looked for beside the network, so either may be first.
    with pytest.raises(
        DetachedError, match=r"Interrupted after bootstrap, platform, (image, )?network, .*app;"
    ) as caught:
        world.deploy()
    assert caught.value.hint == "`opsctl deploy --env dev` goes on from here."
    assert lock_key(FOLDER) not in world.aws.s3.objects


# The network is changed beside the making of the image, and either may be the first to notice.
LEFT = r"Stopped while the image was made|Detached before network was changed"


@pytest.mark.parametrize("pressed", [True, False])
def test_a_build_that_the_signal_ended_first_is_no_failure_of_its_own(pressed: bool) -> None:
    class Ended(FakeImage):
        def ensure(self, plan: ImagePlan, emit: Emit) -> str:
            if pressed:
                threading.Timer(0.05, work._detach.set).start()
            raise OpsctlError("`docker build` failed with -15.")

    world = World(image=Ended(build=True))
    work = world.deployment()
    with pytest.raises(OpsctlError, match=LEFT if pressed else "failed with -15") as caught:
        world.execute(work, work.plan())
    assert caught.value.exit_code == (130 if pressed else 1)


def test_leaving_ends_the_making_of_an_image() -> None:
    class Endless(FakeImage):
        def ensure(self, plan: ImagePlan, emit: Emit) -> str:
            work._detach.set()
            with pytest.raises(DetachedError, match="Stopped while the image was made"):
                emit(Note("building"))
            ended.append(plan)
            raise OpsctlError("`docker build` failed with -15.")

    ended: list[ImagePlan] = []
    world = World(image=Endless(build=True))
    work = world.deployment()
    with pytest.raises(DetachedError, match=LEFT):
        world.execute(work, work.plan())
    assert len(ended) == 1
    assert lock_key(FOLDER) not in world.aws.s3.objects


def test_what_another_deploy_did_between_plan_and_lock_is_not_done_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stackrun, "_OVERTAKEN_SECONDS", 0.0)
    world = World()
    late = world.deployment()
    plan = late.plan()
    world.deploy()
    mark = len(world.aws.calls)
    world.execute(late, plan)
    assert [call for call in world.since(mark) if call[0] in {"execute_change_set", "run_task", "add_tag"}] == []
