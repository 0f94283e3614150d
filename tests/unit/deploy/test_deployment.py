"""One deploy as a whole: order, image, migrations, release record, and what a failure leaves."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import replace

import pytest

from opsctl.aws.ecs import Task
from opsctl.aws.errors import AwsError
from opsctl.aws.s3 import StoredObject
from opsctl.config.naming import lock_key, signature_tag
from opsctl.deploy.deployment import DeployResult
from opsctl.deploy.events import Emit, Event, Evidence, Note, ResourceChanged, StepFinished, StepStarted
from opsctl.deploy.evidence.causes import CERTIFICATE
from opsctl.deploy.explained import so_far
from opsctl.deploy.failures import StackFailedError
from opsctl.deploy.lease import LEASE_SECONDS, Lease
from opsctl.deploy.lock import LockLostError
from opsctl.deploy.planning.plan import Consent, ImagePlan, Plan
from opsctl.deploy.release import Releases
from opsctl.deploy.stackrun import runner as stackrun
from opsctl.deploy.stackrun.stream import DeadlineError, DetachedError
from opsctl.deploy.tasks import TaskFailedError
from opsctl.errors import BusyError, OpsctlError, UsageError

from .fakes import START, Operation
from .world import CURRENT, ENV, FIRST, FOLDER, SECOND, STACKS, FakeImage, World, current, ended


def outcomes(world: World) -> dict[str, str]:
    return {event.step: event.outcome for event in world.events if isinstance(event, StepFinished)}


def test_a_first_deploy_makes_everything_in_order_and_writes_a_release() -> None:
    world = World()
    result = world.deploy()
    assert isinstance(result, DeployResult)
    calls = world.since(0)
    executed = [name for call, name in calls if call == "execute_change_set"]
    assert executed[:3] == ["dev-bootstrap", "dev-platform", "dev-network"]
    assert sorted(executed[3:]) == ["dev-app", "dev-data", "dev-front", "dev-functions", "dev-jobs"]
    for before in ("data", "functions"):
        assert executed.index(f"dev-{before}") < executed.index("dev-jobs") < executed.index("dev-app")
    order = [calls.index(call) for call in (
        ("execute_change_set", "dev-platform"), ("add_tag", "dev-r1"), ("execute_change_set", "dev-jobs"),
        ("run_task", "migrate"), ("create_change_set", "dev-app"), ("put", CURRENT),
    )]  # fmt: skip
    assert order == sorted(order)
    # The address stands before the release is prepared.
    assert calls.index(("execute_change_set", "dev-front")) < calls.index(("run_task", "migrate"))
    assert (result.changed, result.release, result.url) == (True, 1, "https://a.example.com")


def test_the_release_record_tells_what_runs_and_which_migrations_its_database_has() -> None:
    world = World()
    world.deploy()
    found = current(world)
    assert (found.number, found.run_id, found.by, found.tag, found.commit) == (1, "run1", "ann@host", "abc", "abc")
    assert (found.digest, found.migrations) == (FIRST, "m1")
    assert found.image.endswith(f"/app@{FIRST}")
    assert "stack/dev-data/1 db-ABC " in found.database
    assert json.loads(world.aws.s3.objects[f"releases/{FOLDER}/000001.json"].body)["number"] == 1


def test_a_second_deploy_writes_nothing_not_even_a_lock() -> None:
    world = World()
    world.deploy()
    mark = len(world.aws.calls)
    work = world.deployment()
    plan = work.plan()
    result = world.execute(work, plan)
    assert plan.is_empty
    assert world.aws.calls[mark:] == []
    assert (result.changed, result.release, result.url) == (False, None, "https://a.example.com")


def test_the_code_of_a_function_is_uploaded_before_its_stack_and_once() -> None:
    world = World()
    world.deploy()
    calls = world.since(0)
    assert calls.index(("put", f"bundles/{FOLDER}/1.zip")) < calls.index(("create_change_set", "dev-functions"))
    world.image.digest = SECOND
    mark = len(world.aws.calls)
    world.deploy()
    assert ("put", f"bundles/{FOLDER}/1.zip") not in world.since(mark)


def deployed_code(world: World) -> bytes:
    """What Lambda reads for the function as it is deployed."""
    stack = world.aws.cloudformation.stack("dev-functions")
    assert stack is not None
    parameters = stack.parameters
    return world.aws.s3.versions[parameters["DbInitBundleKey"], parameters["DbInitBundleVersion"]]


def test_code_that_somebody_put_under_the_key_before_is_never_deployed() -> None:
    world = World()
    world.aws.s3.put_version("artifacts", f"bundles/{FOLDER}/1.zip", b"a stranger's")
    world.deploy()
    assert deployed_code(world) == b"code 1"


def test_code_that_somebody_puts_under_the_key_afterwards_changes_nothing() -> None:
    world = World()
    world.deploy()
    world.aws.s3.put_version("artifacts", f"bundles/{FOLDER}/1.zip", b"a stranger's")
    assert world.deployment().plan().is_empty
    world.image.digest = SECOND
    world.deploy()
    assert deployed_code(world) == b"code 1"


def test_other_code_gets_a_version_of_its_own_and_so_does_the_first_when_it_comes_back() -> None:
    world = World()
    for digest in ("1", "2", "1"):
        world.bundle.digest = digest
        world.deploy()
        assert deployed_code(world) == f"code {digest}".encode()
    assert len(world.aws.s3.versions) == 3


def test_a_function_that_names_no_version_yet_is_given_one() -> None:
    """An earlier opsctl deployed it, from a key that all environments shared."""
    world = World()
    world.deploy()
    api = world.aws.cloudformation
    stack = api.stacks_by_name["dev-functions"]
    api.stacks_by_name["dev-functions"] = replace(stack, parameters={"DbInitBundleKey": "bundles/1.zip"})
    assert world.deployment().plan().stacks[5].action == "update"
    world.deploy()
    assert deployed_code(world) == b"code 1"
    assert world.deployment().plan().is_empty


# -- image and release number ------------------------------------------------------------------------------------------


def test_an_image_that_has_to_be_built_is_deployed_by_the_digest_that_came_out() -> None:
    world = World()
    world.image.build = True
    world.deploy()
    app = world.aws.cloudformation.stack("dev-app")
    assert app is not None
    assert app.parameters["ImageUri"] == f"123456789012.dkr.ecr.us-east-1.amazonaws.com/app@{FIRST}"
    assert world.aws.ecr.tags["dev-r1"] == FIRST


def test_the_jobs_wait_for_an_image_that_takes_longer_than_the_database() -> None:
    class Slow(FakeImage):
        def ensure(self, plan: ImagePlan, emit: Emit) -> str:
            while ("execute_change_set", "dev-data") not in world.aws.calls:
                time.sleep(0.01)
            time.sleep(0.3)  # time in which jobs would start without it
            return super().ensure(plan, emit)

    world = World(image=Slow(build=True))
    world.deploy()
    assert current(world).digest == FIRST


def test_a_release_whose_tag_a_stranger_took_has_its_number_all_the_same_and_a_tag_of_its_own() -> None:
    world = World()
    world.aws.ecr.tags = {"dev-r1": SECOND}
    assert world.deploy().release == 1
    assert world.aws.ecr.tags == {"dev-r1-111111111111": FIRST}
    assert current(world).digest == FIRST


def test_a_deploy_is_refused_when_nothing_could_keep_its_image() -> None:
    world = World()
    world.aws.ecr.tags = {"dev-r1": SECOND, "dev-r1-111111111111": SECOND}
    with pytest.raises(OpsctlError, match="which no deploy of dev put there") as caught:
        world.deploy()
    assert (caught.value.code, caught.value.exit_code) == ("release-tag-taken", 5)


def test_ten_thousand_tags_of_a_stranger_cost_a_deploy_two_questions() -> None:
    world = World()
    world.aws.ecr.tags = {f"dev-r{number}": SECOND for number in range(1, 10_000)}
    assert world.deploy().release == 1
    assert set(world.aws.ecr.tags.values()) == {FIRST}


def test_an_image_goes_when_thirty_releases_did_not_run_it_and_others_keep_theirs() -> None:
    world = World()
    world.aws.ecr.tags = {"hml-r1": FIRST, "dev-r2-r1": FIRST, "abc": FIRST}
    digests = [f"sha256:{number:064}" for number in range(1, 33)]
    for digest in digests:
        world.image.digest = digest
        world.deploy()
    left = {tag for tag in world.aws.ecr.tags if tag.startswith("dev-r") and tag != "dev-r2-r1"}
    assert left == {f"dev-r{number}" for number in range(3, 33)}
    assert {"hml-r1", "dev-r2-r1", "abc"} <= set(world.aws.ecr.tags)


def test_what_still_runs_stays_although_its_tag_is_older_than_thirty_releases() -> None:
    world = World()
    for number in range(1, 35):
        world.stacks = tuple(
            replace(item, tags={"team": str(number)}) if item.stack == "platform" else item for item in STACKS
        )
        world.deploy()
    assert current(world).number == 34
    assert world.aws.ecr.tags == {"dev-r1": FIRST}


def test_the_signature_of_what_is_released_is_kept_and_let_go_with_it() -> None:
    world = World()
    world.aws.ecr.tags = {signature_tag(FIRST): "sha256:" + "a" * 64}
    world.deploy()
    assert world.aws.ecr.tags["dev-r1.sig"] == "sha256:" + "a" * 64
    for number in range(2, 32):
        world.image.digest = f"sha256:{number:064}"
        world.deploy()
    assert "dev-r1" not in world.aws.ecr.tags
    assert "dev-r1.sig" not in world.aws.ecr.tags


@pytest.mark.parametrize("tag", ["dev-r1", "dev-r1-111111111111"])
def test_a_signature_that_was_made_after_the_deploy_is_kept_by_the_next_one(tag: str) -> None:
    world = World(images={"verify": "images.pub"})
    world.aws.ecr.tags = {} if tag == "dev-r1" else {"dev-r1": SECOND, "x": SECOND}
    world.deploy()
    assert world.deployment().plan().is_empty
    world.aws.ecr.tags |= {signature_tag(FIRST): "sha256:" + "a" * 64}
    plan = world.deployment().plan()
    assert (plan.signature, plan.is_empty) == (True, False)
    done = world.deploy()
    assert (done.changed, done.release) == (False, None)
    assert world.aws.ecr.tags[f"{tag}.sig"] == "sha256:" + "a" * 64
    assert world.deployment().plan().is_empty


def test_who_wants_no_signatures_asks_for_none() -> None:
    world = World()
    world.deploy()
    world.aws.ecr.tags |= {signature_tag(FIRST): "sha256:" + "a" * 64}
    assert world.deployment().plan().is_empty


def test_a_deploy_that_may_not_delete_images_says_so_and_is_done() -> None:
    world = World()

    def refuse(repository: str, tags: object, *, registry: str | None = None) -> None:
        raise AwsError("You may not.", aws_code="AccessDeniedException")

    world.aws.ecr.remove_tags = refuse  # type: ignore[method-assign]
    assert world.deploy().release == 1
    assert [event.text for event in world.events if isinstance(event, Note)] == [
        "Images of old releases were not let go: You may not."
    ]


def test_a_number_that_a_failed_deploy_gave_to_the_same_image_is_used_again() -> None:
    world = World()
    world.aws.ecr.tags = {"dev-r1": FIRST}
    world.deploy()
    assert current(world).number == 1
    assert not [call for call in world.aws.calls if call[0] == "add_tag"]


def test_a_change_without_a_new_image_is_a_release_without_a_tag_of_its_own() -> None:
    world = World()
    world.deploy()
    mark = len(world.aws.calls)
    world.stacks = tuple(replace(item, tags={"team": "x"}) if item.stack == "platform" else item for item in STACKS)
    world.deploy()
    assert [call for call, _ in world.since(mark)] == ["create_change_set", "execute_change_set", "put", "put"]
    assert current(world).number == 2


# -- migrations --------------------------------------------------------------------------------------------------------


def last_release(world: World, migrations: str, database: str) -> None:
    """Make the record say that these were applied to this database."""
    changed = replace(current(world), migrations=migrations, database=database)
    Releases(world.aws.s3, world.aws.ecr, "artifacts", ENV).record(changed)


@pytest.mark.parametrize(
    ("applied", "database", "wanted", "runs", "recorded"),
    [
        ("m1", "same", "m1", False, "m1"),
        ("m1 m2", "same", "m1", False, "m1 m2"),
        ("m1", "same", "m1 m2", True, "m1 m2"),
        ("m1", "same", "m2", True, "m1 m2"),
        ("m1", "another", "m2", True, "m2"),
        ("m1", "same", "", True, "m1"),
        ("", "same", "", True, ""),
    ],
    ids=["same", "fewer", "more", "others", "restored database", "unknown image", "unknown both"],
)
def test_migrations_are_left_out_only_when_this_database_has_them(
    applied: str, database: str, wanted: str, runs: bool, recorded: str
) -> None:
    world = World()
    world.deploy()
    last_release(world, applied, current(world).database if database == "same" else "stack/other db-OTHER")
    mark = len(world.aws.calls)
    world.image.digest, world.image.migrations = SECOND, wanted
    world.deploy()
    assert (("run_task", "migrate") in world.since(mark)) is runs
    assert outcomes(world)["migrate"] == ("done" if runs else "unchanged")
    assert current(world).migrations == recorded


def test_migrations_run_again_once_the_project_is_told_of_the_database() -> None:
    """Until then it may have migrated a file of its own."""
    world = World(variables={"DEBUG": "1"})
    world.image.migrations = "m1"
    world.deploy()
    for variables, runs in ({"DEBUG": "0"}, False), ({"DATABASE_URL": "${database.url}"}, True):
        mark = len(world.aws.calls)
        world.variables, world.image.digest = variables, SECOND if runs else FIRST
        world.deploy()
        assert (("run_task", "migrate") in world.since(mark)) is runs


def test_a_failed_migration_stops_before_the_service_and_shows_its_log() -> None:
    world = World()
    world.deploy()
    mark = len(world.aws.calls)
    world.image.digest, world.image.migrations = SECOND, "m2"
    world.aws.ecs.ends, world.aws.logs.lines = [ended(1)], ("Applying 0002...", "IntegrityError")
    with pytest.raises(TaskFailedError, match=r"^migrate failed: IntegrityError \(exit code 1\)\.") as caught:
        world.deploy()
    assert caught.value.detail == ("Applying 0002...", "IntegrityError")
    assert caught.value.hint.startswith("Correct the cause, then run `opsctl deploy --env dev` again; nothing after it")
    assert not [call for call in world.since(mark) if call[1] == "dev-app"]
    assert (current(world).number, outcomes(world)["migrate"]) == (1, "failed")
    assert lock_key(FOLDER) not in world.aws.s3.objects


def test_the_deploy_after_a_failed_migration_finishes_the_work_under_the_same_number() -> None:
    world = World()
    world.deploy()
    world.image.digest, world.image.migrations = SECOND, "m2"
    world.aws.ecs.ends = [ended(1)]
    with pytest.raises(TaskFailedError):
        world.deploy()
    mark = len(world.aws.calls)
    world.aws.ecs.ends = [ended(0)]
    world.deploy()
    assert [call for call in world.since(mark) if call[0] in {"run_task", "execute_change_set"}] == [
        ("run_task", "migrate"), ("execute_change_set", "dev-app")
    ]  # fmt: skip
    assert (current(world).number, current(world).migrations) == (2, "m1 m2")


# -- some stacks -------------------------------------------------------------------------------------------------------


def test_the_service_alone_brings_the_jobs_along_while_they_hold_another_image() -> None:
    world = World()
    world.deploy()
    world.image.digest = SECOND
    plan = world.deployment("app").plan()
    assert [stack.stack for stack in plan.stacks] == ["jobs", "app"]
    assert plan.migrate
    world.deploy("app")
    assert current(world).digest == SECOND


def test_the_service_alone_is_alone_when_the_jobs_have_its_image() -> None:
    world = World()
    world.deploy()
    plan = world.deployment("app").plan()
    assert [stack.stack for stack in plan.stacks] == ["app"]
    assert plan.is_empty


def test_the_jobs_alone_make_no_release_so_that_the_service_still_gets_its_migrations() -> None:
    world = World()
    world.deploy()
    world.image.digest, world.image.migrations = SECOND, "m2"
    world.deploy("jobs")
    assert current(world).number == 1
    mark = len(world.aws.calls)
    world.deploy()
    assert ("run_task", "migrate") in world.since(mark)
    assert (current(world).number, current(world).digest) == (2, SECOND)


def test_one_stack_is_deployed_without_looking_for_an_image() -> None:
    world = World()
    world.deploy()
    world.image.build = True
    plan = world.deployment("network").plan()
    assert (plan.image, plan.migrate, plan.is_empty) == (None, False, True)


def test_one_stack_is_planned_without_building_what_only_another_takes() -> None:
    world = World()
    world.deployment("network").plan()
    assert world.bundle.asked == 0
    world.deployment("functions").plan()
    assert world.bundle.asked == 1


def test_an_unknown_stack_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UsageError, match="no stack `netwrk`") as caught:
        World().deployment("netwrk")
    assert "network" in caught.value.hint


# -- bootstrap, lock, failures -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "REVIEW_IN_PROGRESS", "CREATE_FAILED"])
def test_a_first_deploy_that_broke_off_in_its_first_stack_is_healed_by_the_next(status: str) -> None:
    world = World()
    world.aws.cloudformation.put(STACKS[0], status)
    result = world.deploy()
    assert isinstance(result, DeployResult)
    assert result.release == 1


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
    with pytest.raises(DetachedError, match=r"Interrupted after bootstrap, platform, network, .*app") as caught:
        world.deploy()
    assert caught.value.hint == "`opsctl deploy --env dev` goes on from here."
    assert lock_key(FOLDER) not in world.aws.s3.objects


@pytest.mark.parametrize("pressed", [True, False])
def test_a_build_that_the_signal_ended_first_is_no_failure_of_its_own(pressed: bool) -> None:
    class Ended(FakeImage):
        def ensure(self, plan: ImagePlan, emit: Emit) -> str:
            if pressed:
                threading.Timer(0.05, work._detach.set).start()
            raise OpsctlError("`docker build` failed with -15.")

    world = World(image=Ended(build=True))
    work = world.deployment()
    with pytest.raises(OpsctlError, match="Stopped while" if pressed else "failed with -15") as caught:
        world.execute(work, work.plan())
    assert caught.value.exit_code == (130 if pressed else 1)


def test_leaving_ends_the_making_of_an_image() -> None:
    class Endless(FakeImage):
        def ensure(self, plan: ImagePlan, emit: Emit) -> str:
            work._detach.set()
            for _ in range(3):
                emit(Note("building"))
            raise AssertionError("nobody heard")

    world = World(image=Endless(build=True))
    work = world.deployment()
    with pytest.raises(DetachedError, match="Stopped while the image was made"):
        world.execute(work, work.plan())
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


def test_after_a_failed_stack_nothing_that_needs_it_starts_and_the_lock_is_free() -> None:
    world = World()
    failing = Operation(["CREATE_IN_PROGRESS", "ROLLBACK_COMPLETE"], [("Topic", "CREATE_FAILED", "no capacity")])
    good = Operation(["CREATE_IN_PROGRESS", "CREATE_COMPLETE"])
    world.aws.cloudformation.script["execute:CREATE"] = [good, good, failing]
    with pytest.raises(StackFailedError, match=r"network: Topic \(AWS::SNS::Topic\) failed: no capacity"):
        world.deploy()
    assert world.aws.cloudformation.stack("dev-data") is None
    assert outcomes(world)["network"] == "failed"
    assert lock_key(FOLDER) not in world.aws.s3.objects
    world.deploy()
    assert current(world).number == 1


def test_a_service_that_does_not_come_up_is_explained_by_its_stopped_task() -> None:
    world = World()
    world.deploy()
    world.image.digest = SECOND
    world.aws.ecs.stopped = [Task("task/9", "STOPPED", "EssentialContainerExited", "", 1)]
    world.aws.logs.lines = ("pending migrations: salaries.0002 for hunter2x",)
    world.aws.cloudformation.results["dev-platform"]["DjangoSecretArn"] = "arn:secret"
    world.aws.secrets.values["arn:secret"] = "hunter2x"
    api = world.aws.cloudformation
    good = Operation(["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"])
    bad = Operation(["UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE"], [("Service", "UPDATE_FAILED", "breaker")])
    api.script["execute:UPDATE"] = [good, bad]
    api.types["Service"] = "AWS::ECS::Service"
    with pytest.raises(StackFailedError) as caught:
        world.deploy()
    assert caught.value.detail[:2] == (
        "| pending migrations: salaries.0002 for ***", "Task 9 stopped: EssentialContainerExited, exit code 1",
    )  # fmt: skip
    said = "app: Service failed: pending migrations: salaries.0002 for *** (task 9, exit code 1)"
    assert caught.value.message == said
    assert [event for event in world.events if isinstance(event, Evidence)] == [
        Evidence(
            "app", "task", "9", "", stop_code="EssentialContainerExited", exit_code=1,
            lines=("pending migrations: salaries.0002 for ***",), resource="Service",
        )
    ]  # fmt: skip


def test_a_deploy_that_takes_too_long_says_what_holds_it_up() -> None:
    said = "Content of DNS Record is: {Name: _x.example.com.,Type: CNAME,Value: _y.acm-validations.aws.}"
    asked = ResourceChanged("front", START, "Certificate", CERTIFICATE, "CREATE_IN_PROGRESS", said)
    late = DeadlineError("front is still in progress after 60 minutes.", hint="Follow it.")
    found = so_far(late, "front", [asked.to_dict()])
    assert found.message == (
        "front is still in progress after 60 minutes. So far: the certificate waits until its domain is validated: DNS "
        "has no record _x.example.com."
    )
    assert "_x.example.com CNAME" in found.hint
    assert found.hint.endswith("Follow it.")
    assert so_far(late, "front", []).message == late.message


def test_a_runs_record_goes_to_the_bucket_under_its_environment_without_secrets() -> None:
    world = World()
    world.aws.cloudformation.results["dev-data"]["LoginSecretArn"] = "arn:login"
    world.aws.secrets.values["arn:login"] = '{"username": "app", "password": "correct horse", "host": "db.example.com"}'
    work = world.deployment()
    world.execute(work, work.plan())
    work.keep_record(lambda: work.redact("app at db.example.com with correct horse").encode())
    assert world.aws.s3.objects[f"runs/{FOLDER}/run1.ndjson"].body == b"app at db.example.com with ***"


def test_without_a_bucket_there_is_nowhere_to_keep_a_record() -> None:
    world = World()
    world.deployment().keep_record(lambda: b"x")
    assert world.aws.s3.objects == {}


def test_after_ctrl_c_no_further_stack_is_touched() -> None:
    world = World()
    work = world.deployment()

    def stop_after_platform(event: Event) -> None:
        world.events.append(event)
        if isinstance(event, StepStarted) and event.step == "network":
            work._detach.set()  # what the Ctrl-C of run_steps does

    with pytest.raises(DetachedError) as caught:
        world.execute(work, work.plan(), stop_after_platform)
    assert "opsctl deploy" in caught.value.hint
    assert ("create_change_set", "dev-network") not in world.aws.calls
    assert outcomes(world)["network"] == "detached"


def test_a_stack_that_went_back_to_what_is_wanted_says_so() -> None:
    """An earlier deploy wanted more, and its update is taken back while this one looks."""
    world = World()
    world.deploy()
    app = world.aws.cloudformation.stacks_by_name["dev-app"]
    world.aws.cloudformation.stacks_by_name["dev-app"] = replace(app, status="UPDATE_ROLLBACK_IN_PROGRESS")
    world.aws.cloudformation.pending["dev-app"] = ["UPDATE_ROLLBACK_COMPLETE"]
    world.events.clear()
    world.deploy()
    (told,) = [event.text for event in world.events if isinstance(event, StepFinished) and event.step == "app"]
    assert told == "as its template says, after a rollback (UPDATE_ROLLBACK_COMPLETE)"
    assert outcomes(world)["app"] == "rolled-back"
