"""One deploy as a whole: order, image, migrations, release record, and what a failure leaves."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from opsctl.aws.ecs import Task
from opsctl.config.naming import lock_key
from opsctl.deploy.deployment import DeployResult
from opsctl.deploy.events import Event, Evidence, ResourceChanged, StepFinished, StepStarted
from opsctl.deploy.evidence.causes import CERTIFICATE
from opsctl.deploy.explained import so_far
from opsctl.deploy.failures import StackFailedError
from opsctl.deploy.left_running import DeadlineError, DetachedError
from opsctl.deploy.release import Releases, compared
from opsctl.deploy.tasks import TaskFailedError
from opsctl.errors import UsageError

from .fakes import START, Operation
from .world import CURRENT, ENV, FIRST, FOLDER, SECOND, STACKS, World, current, ended


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


def test_an_empty_deploy_notes_once_which_stacks_that_had_gone_back_are_as_it_wants_them() -> None:
    world = World()
    world.deploy()
    stacks = world.aws.cloudformation.stacks_by_name
    stacks["dev-front"] = replace(stacks["dev-front"], status="UPDATE_ROLLBACK_COMPLETE", updated=START)
    mark = len(world.aws.calls)
    assert not world.deploy("network").changed
    assert world.since(mark) == []
    assert not world.deploy().changed
    assert not world.deploy().changed
    assert world.since(mark) == [("put", f"releases/{FOLDER}/compared.json")]
    assert compared(world.aws.s3, "artifacts", ENV) == {"front": "2026-01-01T00:00:00+00:00"}


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
