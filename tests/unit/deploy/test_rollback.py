"""The way back: which release is meant, what stands in the way, and a deployment that goes it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from opsctl.aws.ecs import Task
from opsctl.deploy.events import Note
from opsctl.deploy.image import ImageMissingError, place_of
from opsctl.deploy.release import Tried, current, tried
from opsctl.deploy.rollback import Rollback, RollbackRefusedError, added, before, named, obstacles, refuse, running
from opsctl.deploy.tasks import TaskFailedError
from opsctl.errors import BusyError, OpsctlError, UsageError
from opsctl.migrations.verdict import Migration

from .fakes import Operation
from .releases import ADDS, BREAKS, CHANGES, FIRST_MIGRATION, MAKES, RUNS, record, release, two_releases
from .world import ACCOUNT, ENV, FIRST, SECOND, World, ended

# -- what stands in the way --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("since", "found"),
    [
        ((), []),
        ((ADDS,), []),
        ((BREAKS,), ["notes.0003"]),
        ((RUNS,), ["notes.0004"]),
        ((ADDS, RUNS, BREAKS), ["notes.0003", "notes.0004"]),
        ((MAKES, CHANGES), []),
        ((CHANGES,), ["tags.0002"]),
    ],
)
def test_what_came_since_is_in_the_way_unless_it_only_adds(since: tuple[Migration, ...], found: list[str]) -> None:
    to, last = release(1, FIRST_MIGRATION), release(2, FIRST_MIGRATION, *since)
    assert [each.name for each in obstacles(to, last)] == found


def test_an_edited_migration_runs_no_second_time() -> None:
    edited = replace(BREAKS, id="m9")
    assert obstacles(release(1, BREAKS), release(2, edited)) == []


def test_what_nobody_noted_is_in_the_way() -> None:
    old = release(1, FIRST_MIGRATION, verdicts=None)
    assert [each.name for each in obstacles(old, release(2, migrations="m1 m7", verdicts=None))] == ["m7"]
    blind = release(2, verdicts=None)
    assert [each.name for each in obstacles(release(1), blind)] == ["release-2"]
    assert obstacles(release(1, digest="d"), replace(blind, digest="d")) == []  # only its block differs
    assert obstacles(release(1), release(2)) == []  # a project without migrations


def test_a_migration_of_a_deploy_that_failed_is_in_the_way_of_what_runs_as_well() -> None:
    last = release(2, FIRST_MIGRATION)
    attempt = Tried(2, "db", "m1 m3", (FIRST_MIGRATION, BREAKS))
    assert [each.name for each in obstacles(release(1, FIRST_MIGRATION), last, attempt)] == ["notes.0003"]
    assert obstacles(release(1, FIRST_MIGRATION), last, replace(attempt, after=1)) == []
    assert obstacles(release(1, FIRST_MIGRATION), last, replace(attempt, database="other")) == []
    blind = replace(attempt, migrations="", verdicts=None)
    assert [each.name for each in obstacles(release(1, FIRST_MIGRATION), last, blind)] == ["release-2"]


def test_what_a_failed_deploy_may_have_applied_is_not_said_to_be_there() -> None:
    """Nobody knows how far it got; and what was edited from try to try is told once."""
    to, last = release(1, FIRST_MIGRATION), release(2, FIRST_MIGRATION)
    again = replace(BREAKS, id="m8")
    attempt = Tried(2, "db", "m1 m3 m8 m7", (FIRST_MIGRATION, BREAKS, again))
    with pytest.raises(RollbackRefusedError) as caught:
        refuse(to, last, attempt, ())
    said = "notes.0003 removes Note.text, if the deploy that failed since has applied it."
    assert caught.value.message == (
        f"Whether release 1 can live with what the database has become since is not known: {said}"
    )
    assert caught.value.detail == ("m7 came with a deploy that failed since, and no opsctl noted what it does.",)
    applied = release(2, FIRST_MIGRATION, BREAKS)
    (known,) = obstacles(to, applied, replace(attempt, migrations="m1 m3"))
    assert (known.sentence(), known.sure) == ("notes.0003 removes Note.text", True)


def test_who_knows_better_accepts_each_migration_by_name() -> None:
    to, last = release(1), release(4, BREAKS, RUNS)
    with pytest.raises(RollbackRefusedError) as caught:
        refuse(to, last, None, {"notes.0004"})
    assert caught.value.message == (
        "Release 1 can't live with what the database has become since: notes.0003 removes Note.text."
    )
    assert caught.value.exit_code == 1
    assert caught.value.code == "rollback-refused"
    assert "--accept-migration notes.0003" in caught.value.hint
    refuse(to, last, None, {"notes.0003", "notes.0004"})
    with pytest.raises(RollbackRefusedError, match=r"^Whether release 1 can live .* is not known: notes.0004 runs SQL"):
        refuse(to, last, None, {"notes.0003"})


# -- which release -----------------------------------------------------------------------------------------------------

RECORDS = [release(4), release(3, rolled_back_to=1, digest=release(1).digest), release(2), release(1)]


@pytest.mark.parametrize(
    ("wanted", "number"),
    [("2", 2), ("dev-r2", 2), ("v2", 2), ("2" * 40, 2), ("2222222", 2), ("1111111", 1), ("v4", 4)],
)
def test_a_release_is_named_by_number_tag_or_commit(wanted: str, number: int) -> None:
    assert named(RECORDS, wanted, "dev").number == number


@pytest.mark.parametrize("wanted", ["9", "222222", "prd-r2", "v", "", "dev-r0"])
def test_a_release_that_there_is_none_of_is_a_mistake(wanted: str) -> None:
    with pytest.raises(UsageError, match="has no record of a release"):
        named(RECORDS, wanted, "dev")


def test_the_beginning_of_two_commits_names_none() -> None:
    two = [release(2, commit="a" * 20 + "b" * 20), release(1, commit="a" * 40)]
    with pytest.raises(UsageError, match="several commits"):
        named(two, "aaaaaaa", "dev")


def test_before_a_release_comes_another_that_was_deployed() -> None:
    assert before(RECORDS, RECORDS[0]).number == 3  # 2 was rolled back from
    again = release(5, rolled_back_to=2, digest=release(2).digest)
    assert before([again, *RECORDS], again).number == 1
    same = release(6, digest=release(4).digest)
    assert before([same, *RECORDS], same).number == 3
    back = release(7, rolled_back_to=3, digest=release(1).digest)  # 3 brought 1 back
    with pytest.raises(UsageError, match="no record of a release before 1") as none_before:
        before([back, *RECORDS], back)
    assert (none_before.value.hint or "").startswith(
        "`opsctl rollback 4 --env dev` goes to the one that was rolled back"
    )
    with pytest.raises(UsageError, match="no record of a release before 1"):
        before(RECORDS, RECORDS[-1])


def test_what_runs_is_known_by_its_image() -> None:
    assert running(RECORDS, "image-2") is RECORDS[2]
    assert running(RECORDS, "image-9") is None


def test_added_migrations_are_those_that_came_with_a_release() -> None:
    first = release(1, FIRST_MIGRATION)
    assert added(release(2, FIRST_MIGRATION, ADDS), first) == (ADDS,)
    assert added(release(2, replace(FIRST_MIGRATION, id="m9")), first) == ()


def test_the_place_of_an_image_is_read_from_its_uri() -> None:
    assert place_of(f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/team/app@{FIRST}") == (ACCOUNT, "team/app")
    assert place_of("docker.io/app") is None


# -- the deployment ----------------------------------------------------------------------------------------------------


def test_a_rollback_is_a_release_of_its_own_with_the_old_image() -> None:
    world = two_releases()
    mark = len(world.aws.calls)
    work = world.deployment("jobs", "app", rollback=Rollback(record(world, 1), 2))
    plan = work.plan()
    assert [stack.stack for stack in plan.stacks if stack.is_change] == ["jobs", "app"]
    assert plan.image is not None
    assert (plan.image.digest, plan.image.build) == (FIRST, False)
    result = world.execute(work, plan)
    found = record(world, 3)
    assert (result.release, found.rolled_back_to, found.digest, found.tag) == (3, 1, FIRST, "abc")
    # The database has what it has, and what is known of that stays known.
    assert (found.migrations, {each.id for each in found.verdicts or ()}) == ("m1 m2", {"m1", "m2"})
    assert ("add_tag", "dev-r3") in world.since(mark)
    assert ("run_task", "migrate") not in world.since(mark)


def test_a_plan_after_a_rollback_says_where_a_deploy_leads() -> None:
    world = two_releases()
    work = world.deployment("jobs", "app", rollback=Rollback(record(world, 1), 2))
    plan = work.plan()
    assert plan.notes == ()
    world.execute(work, plan)
    notes = world.deployment().plan().notes
    assert notes == ("What runs is a rollback to release 1 (as release 3); deploying goes forward to abc.",)
    world.deploy()
    assert world.deployment().plan().notes == ()


def test_a_plan_names_a_migration_that_leaves_no_way_back() -> None:
    world = two_releases()
    world.image.digest, world.image.verdicts = "sha256:" + "3" * 64, (FIRST_MIGRATION, ADDS, BREAKS, MAKES, CHANGES)
    assert world.deployment().plan().notes == ("notes.0003 removes Note.text: no rollback past it.",)


def test_a_rollback_that_was_decided_before_another_release_is_not_carried_out() -> None:
    world = two_releases()
    work = world.deployment("jobs", "app", rollback=Rollback(record(world, 1), 2))
    plan = work.plan()
    world.image.digest = "sha256:" + "3" * 64
    world.deploy()
    mark = len(world.aws.calls)
    with pytest.raises(BusyError, match="Release 3 was deployed meanwhile"):
        world.execute(work, plan)
    assert world.since(mark) == []


def test_a_migration_that_came_between_decision_and_lock_stops_a_rollback() -> None:
    world = two_releases()
    work = world.deployment("jobs", "app", rollback=Rollback(record(world, 1), 2))
    plan = work.plan()
    fails_with(world, BREAKS)
    with pytest.raises(RollbackRefusedError, match=r"notes\.0003 removes Note\.text"):
        world.execute(work, plan)


def fails_with(world: World, migration: Migration) -> None:
    """A deploy whose migration fails, perhaps half done."""
    world.image.digest = "sha256:" + "3" * 64
    world.image.migrations, world.image.verdicts = f"m1 {migration.id}", (FIRST_MIGRATION, migration)
    world.aws.ecs.ends = [ended(1)]
    with pytest.raises(TaskFailedError):
        world.deploy()
    world.aws.ecs.ends = [Task("task/1", "STOPPED", "EssentialContainerExited", "", 0)]


def test_two_deploys_that_failed_are_both_remembered_until_a_release_comes() -> None:
    world = two_releases()
    fails_with(world, BREAKS)
    fails_with(world, RUNS)
    attempt = tried(world.aws.s3, "artifacts", ENV)
    assert attempt is not None
    assert (attempt.after, set(attempt.migrations.split())) == (2, {"m1", "m3", "m4"})
    last = current(world.aws.s3, "artifacts", ENV)
    assert last is not None
    assert [each.name for each in obstacles(record(world, 1), last, attempt)] == ["notes.0003", "notes.0004"]
    world.deploy()
    assert obstacles(record(world, 2), record(world, 3), tried(world.aws.s3, "artifacts", ENV))  # m4 ran


def test_a_rollback_waits_for_the_one_that_cloudformation_carries_out() -> None:
    world = two_releases()
    world.aws.cloudformation.run_on(
        next(each for each in world.stacks if each.stack == "app"),
        ["UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE"],
    )
    app = world.aws.cloudformation.stacks_by_name["dev-app"]
    world.aws.cloudformation.stacks_by_name["dev-app"] = replace(app, status="UPDATE_ROLLBACK_IN_PROGRESS")
    work = world.deployment("jobs", "app", rollback=Rollback(record(world, 1), 2))
    result = world.execute(work, work.plan())
    notes = [event.text for event in world.events if isinstance(event, Note)]
    assert any("app is UPDATE_ROLLBACK_IN_PROGRESS: follow" in note for note in notes)
    assert result.release == 3
    assert record(world, 3).digest == FIRST


def test_an_image_that_is_gone_is_told_before_anything_is_changed() -> None:
    world = two_releases()
    to = record(world, 1)
    world.aws.ecr.tags = {tag: digest for tag, digest in world.aws.ecr.tags.items() if digest != FIRST}
    mark = len(world.aws.calls)
    with pytest.raises(ImageMissingError, match="The image of release 1, app@sha256:1111"):
        world.deployment("jobs", "app", rollback=Rollback(to, 2)).plan()
    assert world.since(mark) == []
    with pytest.raises(ImageMissingError, match="names no image"):
        world.deployment("jobs", "app", rollback=Rollback(replace(to, image=""), 2)).plan()


def test_a_rollback_that_fails_leaves_the_release_that_ran_as_the_newest() -> None:
    world = two_releases()
    failed = Operation(["UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE"])
    world.aws.cloudformation.script["execute:UPDATE"] = [failed]
    work = world.deployment("jobs", "app", rollback=Rollback(record(world, 1), 2))
    with pytest.raises(OpsctlError, match="jobs"):
        world.execute(work, work.plan())
    found = current(world.aws.s3, "artifacts", ENV)
    assert found is not None
    assert (found.number, found.digest) == (2, SECOND)


def test_a_rollback_that_was_left_says_how_the_way_back_goes_on() -> None:
    """A deploy would lead forward again."""
    world = two_releases()
    work = world.deployment("jobs", "app", rollback=Rollback(record(world, 1), 2))
    work._detach.set()
    with pytest.raises(OpsctlError, match="Detached before jobs") as caught:
        world.execute(work, work.plan())
    assert caught.value.hint == "`opsctl rollback 1 --env dev` goes on."
