"""Removing an environment: what goes, what stays and why, and databases before their stack."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from opsctl.aws.cloudformation import Stack, StackResource
from opsctl.deploy.destroy import Destroyer, plan_destroy
from opsctl.deploy.events import Event, Progress, StepFinished
from opsctl.deploy.lock import LockLostError
from opsctl.deploy.state import RemoteState
from opsctl.deploy.stream import Follower, Pace
from opsctl.errors import OpsctlError

from .fakes import Clock, Detach, FakeCloudFormation, Operation, template

ALL = ("bootstrap", "platform", "network", "data", "jobs", "app", "edge", "dashboard")


def state(*names: str) -> RemoteState:
    return RemoteState({name: Stack(f"dev-{name}", f"arn/{name}", "CREATE_COMPLETE") for name in names})


def test_without_delete_data_the_database_stays_with_what_it_needs() -> None:
    plan = plan_destroy(state(*ALL), delete_data=False)
    assert plan.remove == ("dashboard", "edge", "app", "jobs")
    assert plan.stay == {
        "data": "it holds the database", "network": "the database needs it", "platform": "the database needs it",
        "bootstrap": "it belongs to the account and region",
    }  # fmt: skip


def test_with_delete_data_all_but_the_accounts_own_stack_goes_newest_first() -> None:
    plan = plan_destroy(state(*ALL), delete_data=True)
    assert plan.remove == ("dashboard", "edge", "app", "jobs", "data", "network", "platform")
    assert list(plan.stay) == ["bootstrap"]


def test_once_the_database_is_gone_the_rest_goes_without_asking_for_it_again() -> None:
    plan = plan_destroy(state("bootstrap", "platform", "network"), delete_data=False)
    assert plan.remove == ("network", "platform")


def test_where_nothing_is_nothing_is_removed() -> None:
    assert plan_destroy(RemoteState(), delete_data=True).remove == ()


@dataclass
class SlowDatabases:
    """Instances that are there for two more looks after they were deleted."""

    log: list[str]
    looks: dict[str, int] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    deleting: set[str] = field(default_factory=set)

    def status(self, identifier: str) -> str | None:
        if identifier in self.deleting:
            self.looks[identifier] = self.looks.get(identifier, 2) - 1
            if self.looks[identifier] < 0:
                return None
            return "deleting"
        return None if identifier in self.gone else "available"

    def lift_protection(self, identifier: str) -> None:
        self.log.append(f"lift {identifier}")

    def delete(self, identifier: str, *, final_snapshot: str | None) -> None:
        self.log.append(f"delete {identifier} with {final_snapshot}")
        self.deleting.add(identifier)


@dataclass
class Buckets:
    """Which were emptied."""

    log: list[str]

    def empty(self, bucket: str) -> int:
        self.log.append(f"empty {bucket}")
        return 1


@dataclass
class Ground:
    """A destroyer on fakes."""

    log: list[str] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    api: FakeCloudFormation = field(default_factory=FakeCloudFormation)
    lost: bool = False

    def __post_init__(self) -> None:
        self.databases = SlowDatabases(self.log)

    def before_write(self) -> None:
        if self.lost:
            raise LockLostError("lost")

    def remove(self, name: str = "data", body: str = "Resources: {}\n") -> None:
        clock = Clock()
        follower = Follower(self.api, self.events.append, Pace(5.0), clock=clock, detach=Detach(clock))
        stack = self.api.stack(f"dev-{name}")
        assert stack is not None
        Destroyer(
            self.api, self.databases, Buckets(self.log), follower, self.events.append, run_id="run1",
            pause=clock.sleep, poll_seconds=5.0, before_write=self.before_write,
        ).remove(name, stack, body)  # fmt: skip


def resource(logical_id: str, kind: str, physical_id: str = "") -> StackResource:
    return StackResource(logical_id, physical_id or f"id-{logical_id.lower()}", kind, "CREATE_COMPLETE")


def test_a_stack_is_deleted_and_followed_to_its_end() -> None:
    ground = Ground()
    ground.api.put(template("jobs"), "CREATE_COMPLETE")
    ground.remove("jobs")
    assert ground.api.writes == ["delete_stack"]
    finished = [event for event in ground.events if isinstance(event, StepFinished)]
    assert [(event.outcome, event.text) for event in finished] == [("done", "deleted")]


def test_a_database_goes_before_its_stack_with_a_snapshot_and_its_replica_before_it_without() -> None:
    ground = Ground()
    ground.api.put(template("data"), "CREATE_COMPLETE", termination_protection=True)
    kind = "AWS::RDS::DBInstance"
    ground.api.stack_resources = [resource("Database", kind), resource("DatabaseReplica", kind), resource("Gone", "X")]
    ground.remove()
    assert ground.log == [
        "lift id-databasereplica", "delete id-databasereplica with None", "lift id-database",
        "delete id-database with final-id-database-run1",
    ]  # fmt: skip
    assert ground.api.writes == ["protect", "delete_stack"]
    assert Progress("data", "id-database is deleting") in ground.events


def test_a_database_that_is_gone_or_going_is_not_deleted_again() -> None:
    ground = Ground()
    ground.api.put(template("data"), "DELETE_FAILED")
    ground.api.stack_resources = [resource("Database", "AWS::RDS::DBInstance")]
    ground.databases.deleting.add("id-database")
    ground.remove()
    assert ground.log == []
    assert ground.api.writes == ["delete_stack"]


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
    assert ground.log == ["empty id-logs"]


def test_what_could_not_be_deleted_is_named_and_how_to_go_on() -> None:
    ground = Ground()
    ground.api.put(template("network"), "CREATE_COMPLETE")
    failure = ("Vpc", "DELETE_FAILED", "The vpc has dependencies")
    ground.api.script["delete"] = [Operation(["DELETE_IN_PROGRESS", "DELETE_FAILED"], [failure])]
    with pytest.raises(OpsctlError, match="dev-network could not be deleted: Vpc: The vpc has dependencies") as caught:
        ground.remove("network")
    assert "opsctl destroy" in caught.value.hint
    assert [event.outcome for event in ground.events if isinstance(event, StepFinished)] == ["failed"]


def test_an_operation_that_runs_is_awaited_first() -> None:
    ground = Ground()
    jobs = template("jobs")
    ground.api.put(jobs, "UPDATE_IN_PROGRESS")
    ground.api.run_on(jobs, ["UPDATE_COMPLETE"])
    ground.remove("jobs")
    statuses = [event.status for event in ground.api.history["dev-jobs"]]
    assert statuses == ["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE", "DELETE_IN_PROGRESS", "DELETE_COMPLETE"]


def test_with_a_lost_lock_nothing_is_removed() -> None:
    ground = Ground(lost=True)
    ground.api.put(template("jobs"), "CREATE_COMPLETE")
    with pytest.raises(LockLostError):
        ground.remove("jobs")
    assert ground.api.writes == []


def test_only_what_is_not_configured_any_more_goes_when_asked() -> None:
    found = state("bootstrap", "app", "data", "dashboard", "edge")
    plan = plan_destroy(found, delete_data=False, only={"dashboard", "edge"})
    assert plan.remove == ("dashboard", "edge")
    assert plan.stay == {}
