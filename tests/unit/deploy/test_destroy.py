"""Removing an environment: what goes, what stays and why, and databases before their stack."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

import pytest

from opsctl.aws.cloudformation import Stack
from opsctl.aws.ecs import Task
from opsctl.aws.errors import AwsRefusedError
from opsctl.aws.logs import LogGroup
from opsctl.deploy.destroy import USED_BY, Destroyer, ensure_unchanged, plan_destroy
from opsctl.deploy.events import Note, Progress, StepFinished
from opsctl.deploy.leftovers import Left
from opsctl.deploy.lock import LockLostError
from opsctl.deploy.planning.state import RemoteState
from opsctl.deploy.stackrun.removal import StackRemover
from opsctl.deploy.stackrun.stream import Follower, Pace
from opsctl.errors import BusyError, OpsctlError
from opsctl.stacks import catalog
from tests.unit.stacks.reading import NAMES, environment

from .bench import Bench
from .fakes import READS, FakeCloudFormation, Operation, resource, template
from .services import FakeDatabase

if TYPE_CHECKING:
    from opsctl.aws.session import Aws

ALL = (
    "bootstrap", "platform", "network", "egress", "data", "functions", "front", "upkeep", "jobs", "app", "edge",
    "dashboard",
)  # fmt: skip


def state(*names: str) -> RemoteState:
    return RemoteState({name: Stack(f"dev-{name}", f"arn/{name}", "CREATE_COMPLETE") for name in names})


def test_without_delete_data_the_database_stays_with_what_it_needs() -> None:
    plan = plan_destroy(state(*ALL), delete_data=False)
    assert plan.remove == ("dashboard", "edge", "app", "front", "jobs", "functions")
    assert plan.stay == {
        "upkeep": "it looks after the database; a replica goes on costing",
        "egress": "upkeep needs it; NAT and endpoints go on costing",
        "data": "it holds the database",
        **dict.fromkeys(("network", "platform"), "the database needs it"),
        "bootstrap": "it belongs to the account and region",
    }


def test_with_delete_data_all_but_the_accounts_own_stack_goes_newest_first() -> None:
    plan = plan_destroy(state(*ALL), delete_data=True)
    assert plan.remove == (
        "dashboard",
        "edge",
        "app",
        "front",
        "jobs",
        "functions",
        "upkeep",
        "egress",
        "data",
        "network",
        "platform",
    )
    assert list(plan.stay) == ["bootstrap"]


def test_once_the_database_is_gone_the_rest_goes_without_asking_for_it_again() -> None:
    plan = plan_destroy(state("bootstrap", "platform", "network"), delete_data=False)
    assert plan.remove == ("network", "platform")


def test_where_nothing_is_nothing_is_removed() -> None:
    assert plan_destroy(RemoteState(), delete_data=True).remove == ()


@dataclass
class Ground:
    """A destroyer on fakes."""

    bench: Bench = field(default_factory=Bench)
    keep_logs: bool = False

    @property
    def api(self) -> FakeCloudFormation:
        return self.bench.api

    def remove(self, name: str = "data", body: str = "Resources: {}\n") -> list[Left]:
        bench = self.bench
        aws = cast("Aws", bench.region)
        follower = Follower(
            aws.cloudformation, bench.events.append, Pace(5.0), clock=bench.clock, detach=bench.detach,
            follow_by="opsctl destroy",
        )  # fmt: skip
        remover = StackRemover(
            aws, follower, bench.events.append, poll_seconds=5.0, clock=bench.clock,
            before_write=bench.before_write,
        )  # fmt: skip
        stack = self.api.stack(f"dev-{name}")
        assert stack is not None
        left = Destroyer(
            aws, remover, follower, bench.events.append, run_id="run1", cluster="dev", function="init",
            keep_logs=self.keep_logs, poll_seconds=5.0, before_write=bench.before_write,
        ).remove(name, stack, body)  # fmt: skip
        assert bench.unguarded() == []
        return left


def seen(**more: object) -> RemoteState:
    return RemoteState({"app": Stack("dev-app", "id-1", "CREATE_COMPLETE", **more)})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "now",
    [
        seen(termination_protection=True),
        seen(updated=datetime(2026, 1, 1, tzinfo=UTC)),
        RemoteState({"app": Stack("dev-app", "id-2", "CREATE_COMPLETE")}),
        RemoteState({**seen().stacks, "jobs": Stack("dev-jobs", "id-3", "CREATE_COMPLETE")}),
    ],
)
def test_what_changed_while_the_person_was_asked_is_not_removed(now: RemoteState) -> None:
    with pytest.raises(BusyError, match="changed by somebody while you were asked"):
        ensure_unchanged(seen(), now, "dev")


def test_what_went_meanwhile_or_is_going_does_not_stop_a_removal() -> None:
    ensure_unchanged(seen(), RemoteState(), "dev")
    ensure_unchanged(seen(), RemoteState({"app": Stack("dev-app", "id-1", "DELETE_IN_PROGRESS")}), "dev")


@pytest.mark.parametrize("name", NAMES)
def test_a_stack_goes_after_all_that_use_it(name: str) -> None:
    for one in catalog.templates(environment(name)):
        for used in one.depends_on:
            # The functions of two stacks take longest to go, so these start at once.
            assert used in {"bootstrap", "jobs", "upkeep"} or one.stack in USED_BY[used], f"{one.stack} uses {used}"


def test_a_database_that_was_deleted_is_not_told_to_stay() -> None:
    ground = Ground()
    ground.api.put(template("data"), "CREATE_COMPLETE")
    ground.api.stack_resources = [resource("Database", "AWS::RDS::DBInstance", "physical-Database")]
    ground.bench.databases.instances = {"physical-Database": FakeDatabase()}
    kept = [("Database", "DELETE_SKIPPED", ""), ("MasterSecret", "DELETE_SKIPPED", "")]
    ground.api.script["delete"] = [Operation(["DELETE_IN_PROGRESS", "DELETE_COMPLETE"], kept)]
    left = ground.remove()
    assert [each.id for each in left] == ["final-physical-Database-run1", "physical-MasterSecret"]
    notes = [event.text for event in ground.bench.events if isinstance(event, Note) and "stays" in event.text]
    assert len(notes) == 1
    assert "physical-MasterSecret" in notes[0]


def test_a_refusal_that_does_not_pass_is_told_with_the_words_of_rds() -> None:
    ground = Ground()
    ground.api.put(template("data"), "CREATE_COMPLETE")
    ground.api.stack_resources = [DATABASE]
    ground.bench.databases.instances = {"id-database": FakeDatabase("inaccessible-encryption-credentials")}
    with pytest.raises(OpsctlError, match=r"within an hour\. Its last answer: Database instance id-database is not"):
        ground.remove()


def test_a_stack_is_deleted_and_followed_to_its_end() -> None:
    ground = Ground()
    ground.api.put(template("jobs"), "CREATE_COMPLETE")
    ground.remove("jobs")
    assert ground.api.writes == ["delete_stack"]
    finished = [event for event in ground.bench.events if isinstance(event, StepFinished)]
    assert [(event.outcome, event.text) for event in finished] == [("done", "deleted")]


DATABASE, REPLICA = (resource(name, "AWS::RDS::DBInstance") for name in ("Database", "DatabaseReplica"))


def test_a_database_goes_before_its_stack_with_a_snapshot_and_its_replica_before_it_without() -> None:
    ground = Ground()
    ground.api.put(template("data"), "CREATE_COMPLETE", termination_protection=True)
    ground.api.stack_resources = [DATABASE, REPLICA, resource("Gone", "X")]
    ground.bench.databases.instances = {"id-database": FakeDatabase(), "id-databasereplica": FakeDatabase()}
    ground.remove()
    assert [call for call in ground.api.calls if call[0] not in READS] == [
        ("protect", "dev-data=False"), ("lift_database", "id-databasereplica"),
        ("delete_database", "id-databasereplica without"), ("lift_database", "id-database"),
        ("delete_database", "id-database final-id-database-run1, backups kept"), ("delete_stack", "dev-data"),
    ]  # fmt: skip
    assert Progress("data", "id-database is deleting") in ground.bench.events
    assert Note("data: RDS takes the final snapshot final-id-database-run1.") in ground.bench.events


def test_a_database_that_is_gone_or_going_is_not_deleted_again() -> None:
    ground = Ground()
    ground.api.put(template("data"), "DELETE_FAILED")
    ground.api.stack_resources = [DATABASE, REPLICA]
    ground.bench.databases.instances = {"id-database": FakeDatabase("deleting", then=["deleting", "gone"])}
    ground.remove()
    assert ground.api.writes == ["delete_stack"]


@pytest.mark.parametrize("name", ["egress", "network", "platform"])
def test_one_off_tasks_are_stopped_before_what_they_hold_goes(name: str) -> None:
    """Their network interfaces hold subnets and security groups, and a cluster with tasks is not deleted."""
    ground = Ground()
    ground.api.put(template(name), "CREATE_COMPLETE")
    ground.bench.region.ecs.running = {"task/1": False, "task/2": False}
    ground.remove(name)
    assert ground.api.writes == ["stop_task", "stop_task", "delete_stack"]
    assert Note(f"{name}: the task 1 still runs and is stopped.") in ground.bench.events


def test_a_task_that_never_stops_is_told_and_not_waited_for_for_ever() -> None:
    ground = Ground()
    ground.api.put(template("network"), "CREATE_COMPLETE")
    ground.bench.region.ecs.one_off_tasks = lambda cluster: [Task("task/1", "STOPPING")]  # type: ignore[method-assign]
    with pytest.raises(OpsctlError, match="The task 1 has not stopped within 10 minutes, and holds network") as caught:
        ground.remove("network")
    assert caught.value.code == "task-remains"
    assert ground.api.writes == ["stop_task"]


def test_a_deletion_that_runs_already_is_followed_and_not_ordered_again() -> None:
    """DeleteStack of a stack that is gone is a success of which no event tells."""
    ground, jobs = Ground(), template("jobs")
    ground.api.put(jobs, "DELETE_IN_PROGRESS")
    ground.api.run_on(jobs, ["DELETE_COMPLETE"])
    started = ground.bench.clock.now
    ground.remove("jobs")
    assert ground.api.writes == []
    assert ground.bench.clock.now - started < 60
    assert [event.text for event in ground.bench.events if isinstance(event, StepFinished)] == ["deleted"]


@pytest.mark.parametrize("kept", [True, False])
def test_what_rds_wrote_goes_with_the_database_unless_the_environment_is_protected(kept: bool) -> None:
    ground = Ground(keep_logs=kept)
    ground.api.put(template("data"), "CREATE_COMPLETE")
    ground.api.stack_resources = [DATABASE]
    name = "/aws/rds/instance/id-database/postgresql"
    ground.bench.region.logs.known = {name: LogGroup(14, None)}
    ground.remove()
    assert (name in ground.bench.region.logs.known) is kept


def test_a_deletion_that_is_denied_is_told_at_once() -> None:
    ground = Ground()
    ground.api.put(template("data"), "CREATE_COMPLETE")
    ground.api.stack_resources = [DATABASE]
    ground.bench.databases.instances = {"id-database": FakeDatabase(protected=False)}

    def delete(identifier: str, *, final_snapshot: str | None, keep_backups: bool) -> None:
        ground.api.calls.append(("delete_database", identifier))
        raise AwsRefusedError("AWS denied DeleteDBInstance.", aws_code="AccessDenied")

    ground.bench.databases.delete = delete  # type: ignore[method-assign]
    with pytest.raises(AwsRefusedError, match="denied DeleteDBInstance"):
        ground.remove()
    assert ground.api.writes == ["delete_database"]


def test_tasks_go_on_while_the_database_stays() -> None:
    ground = Ground()
    ground.api.put(template("jobs"), "CREATE_COMPLETE")
    ground.bench.region.ecs.running = {"task/1": False}
    ground.remove("jobs")
    assert ground.api.writes == ["delete_stack"]


def test_a_protected_load_balancer_goes_when_its_environment_is_destroyed() -> None:
    ground = Ground()
    ground.api.put(template("app"), "CREATE_COMPLETE")
    ground.api.stack_resources = [resource("LoadBalancer", "AWS::ElasticLoadBalancingV2::LoadBalancer", "lb-1")]
    ground.bench.region.load_balancers.protected = {"lb-1"}
    ground.remove("app")
    assert ground.api.writes == ["lift_load_balancer", "delete_stack"]


BUCKETS = """\
Resources:
  Logs:
    Type: AWS::S3::Bucket
  Kept:
    Type: AWS::S3::Bucket
    DeletionPolicy: Retain
  KeptUnlessNew:
    Type: AWS::S3::Bucket
    DeletionPolicy: RetainExceptOnCreate
"""


def test_only_buckets_that_go_with_their_stack_are_emptied() -> None:
    ground = Ground()
    ground.api.put(template("dashboard"), "CREATE_COMPLETE")
    ground.api.stack_resources = [resource(name, "AWS::S3::Bucket") for name in ("Logs", "Kept", "KeptUnlessNew")]
    ground.remove("dashboard", BUCKETS)
    assert [call for call in ground.api.calls if "bucket" in call[0]] == [("empty_bucket", "id-logs")]


def test_what_could_not_be_deleted_is_named_and_how_to_go_on() -> None:
    ground = Ground()
    ground.api.put(template("network"), "CREATE_COMPLETE")
    failure = ("Vpc", "DELETE_FAILED", "The vpc has dependencies")
    ground.api.script["delete"] = [Operation(["DELETE_IN_PROGRESS", "DELETE_FAILED"], [failure])]
    with pytest.raises(OpsctlError, match="dev-network could not be deleted: Vpc: The vpc has dependencies") as caught:
        ground.remove("network")
    assert "opsctl destroy" in caught.value.hint
    assert [event.outcome for event in ground.bench.events if isinstance(event, StepFinished)] == ["failed"]


def test_an_operation_that_runs_is_awaited_first() -> None:
    ground = Ground()
    jobs = template("jobs")
    ground.api.put(jobs, "UPDATE_IN_PROGRESS")
    ground.api.run_on(jobs, ["UPDATE_COMPLETE"])
    ground.remove("jobs")
    statuses = [event.status for event in ground.api.history["dev-jobs"]]
    assert statuses == ["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE", "DELETE_IN_PROGRESS", "DELETE_COMPLETE"]


def test_with_a_lost_lock_nothing_is_removed() -> None:
    ground = Ground()
    ground.bench.forbidden, ground.bench.allowed_writes = LockLostError("lost"), 0
    ground.api.put(template("jobs"), "CREATE_COMPLETE")
    with pytest.raises(LockLostError):
        ground.remove("jobs")
    assert ground.api.writes == []


def test_only_what_is_not_configured_any_more_goes_when_asked() -> None:
    found = state("bootstrap", "app", "data", "dashboard", "edge")
    plan = plan_destroy(found, delete_data=False, only={"dashboard", "edge"})
    assert plan.remove == ("dashboard", "edge")
    assert plan.stay == {}


def test_the_function_that_lets_the_roles_go_is_awake_before_its_stack_goes() -> None:
    ground = Ground()
    for name in ("jobs", "functions"):
        ground.api.put(template(name), "CREATE_COMPLETE")
        ground.remove(name)
    assert ground.bench.region.functions.woken == ["init"]
