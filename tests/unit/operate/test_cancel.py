"""`opsctl cancel`: who runs what, what becomes of each stack, and that every one is followed to its rest."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from opsctl.aws.s3 import StoredObject
from opsctl.cli.render import cancelled_json, cancelled_text
from opsctl.config.models import Environment
from opsctl.config.naming import artifact_folder, lock_key
from opsctl.deploy.events import Event, StepFinished
from opsctl.deploy.lease import found
from opsctl.deploy.stackrun.cancelling import Way, consequence, way_of
from opsctl.errors import BusyError
from opsctl.operate.cancel import Running, cancel, what_runs
from opsctl.stacks.model import StackTemplate
from tests.unit.deploy.fakes import template
from tests.unit.deploy.world import FakeAws
from tests.unit.operate.shop import lasting

if TYPE_CHECKING:
    from opsctl.operate.target import Target

ENV = Environment.model_validate({"name": "dev", "service": "salaries", "client": "acme", "target": "local"})
STATUSES = {"bootstrap": "CREATE_COMPLETE", "network": "UPDATE_COMPLETE"}


@dataclass
class FakeTarget:
    """An environment whose stacks are in these statuses; `ends` is where each operation would end by itself."""

    statuses: dict[str, str]
    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.aws = FakeAws()
        self.env = ENV
        self.templates = tuple(template(name) for name in self.statuses)
        self.unwanted: tuple[StackTemplate, ...] = ()
        self.workspace = SimpleNamespace(command="opsctl cancel --env dev")
        self.poll_seconds = 0.0
        self.outlasting = lasting
        for item in self.templates:
            outputs = {"ArtifactBucketName": "artifacts"} if item.stack == "bootstrap" else {}
            self.aws.cloudformation.put(item, self.statuses[item.stack], outputs=outputs)

    def going(self, stack: str, *then: str) -> None:
        """The stack goes on by itself, one status at every look."""
        self.aws.cloudformation.run_on(template(stack), then)

    def hold(self, seconds: float = 60.0) -> None:
        """Ann's deploy holds the lease for so long."""
        now = time.time()
        lease = {
            "owner": "ann@host",
            "id": "run1",
            "command": "opsctl deploy",
            "acquired": now,
            "expires": now + seconds,
        }
        self.aws.s3.objects[lock_key(artifact_folder(ENV))] = StoredObject(json.dumps(lease).encode(), '"0"')

    def running(self) -> Running:
        return what_runs(cast("Target", self))

    def cancel(self) -> dict[str, str]:
        return cancel(cast("Target", self), self.running(), self.events.append, timeout_minutes=1)

    @property
    def writes(self) -> list[tuple[str, str]]:
        return [call for call in self.aws.calls if call[0] not in {"resources", "put"}]


def test_where_nothing_runs_nothing_is_cancelled() -> None:
    running = FakeTarget(STATUSES).running()
    assert not running.is_ended_by_cancel
    assert running.lines() == []
    assert cancelled_text(running, {}) == "No command works on dev: nothing to cancel."
    assert cancelled_json(running, {}) == {"environment": "dev", "cancelled": False, "lease": None, "stacks": []}


def test_before_the_first_deploy_nothing_runs() -> None:
    assert cancelled_text(FakeTarget({}).running(), {}) == "No command works on dev: nothing to cancel."


def test_an_update_goes_back_and_its_deploy_is_told_who_wanted_it() -> None:
    target = FakeTarget({**STATUSES, "app": "UPDATE_IN_PROGRESS"})
    target.hold()
    running = target.running()
    assert running.lines()[0].startswith("dev is worked on by ann@host (opsctl deploy) since ")
    assert running.lines()[1:] == ["app is UPDATE_IN_PROGRESS: it goes back to its old template."]
    after = target.cancel()
    assert after == {"app": "UPDATE_ROLLBACK_COMPLETE"}
    told = [event.text for event in target.events if isinstance(event, StepFinished)]
    assert told == ["taken back (UPDATE_ROLLBACK_COMPLETE)"]
    assert target.writes == [("cancel_update", "dev-app")]
    held = found(target.aws.s3.get("artifacts", lock_key(artifact_folder(ENV))))
    assert held is not None
    assert held.lease.id == "run1"
    assert "@" in held.cancelled
    assert (
        cancelled_text(running, after)
        == "Cancelled what ann@host runs (opsctl deploy): app is UPDATE_ROLLBACK_COMPLETE."
    )
    assert cancelled_json(running, after)["stacks"] == [
        {"stack": "app", "status": "UPDATE_IN_PROGRESS", "after": "UPDATE_ROLLBACK_COMPLETE"}
    ]


def test_a_new_stack_is_deleted_and_nobodys_operation_is_cancelled_under_our_own_lock() -> None:
    target = FakeTarget({**STATUSES, "app": "CREATE_IN_PROGRESS"})
    target.hold(-1.0)
    running = target.running()
    assert running.lease is None
    assert running.lines()[0].startswith("Nobody holds the lock of dev")
    assert target.cancel() == {"app": "gone"}
    assert target.writes == [("delete_stack", "dev-app")]
    assert target.aws.s3.get("artifacts", lock_key(artifact_folder(ENV))) is None
    assert cancelled_text(running, {"app": "gone"}) == "Cancelled it: app is gone."


def test_what_cannot_be_cancelled_is_said_and_left_alone() -> None:
    target = FakeTarget({**STATUSES, "app": "UPDATE_ROLLBACK_IN_PROGRESS", "data": "DELETE_IN_PROGRESS"})
    running = target.running()
    assert not running.is_ended_by_cancel
    assert running.lines()[1:] == [
        "app is UPDATE_ROLLBACK_IN_PROGRESS: it goes back to its old template already; it ends as "
        "UPDATE_ROLLBACK_COMPLETE.",
        "data is DELETE_IN_PROGRESS: it is being deleted, which nothing stops; it goes on until the stack is gone.",
    ]
    assert cancelled_text(running, {}) == "Nothing of dev can be cancelled now."


def test_several_stacks_are_ended_side_by_side_and_others_followed() -> None:
    target = FakeTarget(
        {**STATUSES, "app": "UPDATE_IN_PROGRESS", "site": "CREATE_IN_PROGRESS", "edge": "UPDATE_ROLLBACK_IN_PROGRESS"}
    )
    target.going("edge", "UPDATE_ROLLBACK_COMPLETE")
    assert target.cancel() == {"app": "UPDATE_ROLLBACK_COMPLETE", "site": "gone", "edge": "UPDATE_ROLLBACK_COMPLETE"}
    assert sorted(target.writes) == [("cancel_update", "dev-app"), ("delete_stack", "dev-site")]


def test_a_deploy_between_two_stacks_stops_before_the_next() -> None:
    target = FakeTarget(STATUSES)
    target.hold()
    running = target.running()
    assert running.lines()[1].startswith("No stack is in progress; it stops before its next change.")
    assert target.cancel() == {}
    assert target.writes == []
    assert cancelled_text(running, {}).endswith("(opsctl deploy); it stops before its next change.")


def test_a_lease_counts_by_the_clock_of_s3() -> None:
    target = FakeTarget(STATUSES)
    target.hold(-300.0)  # by this machine's clock, which is ahead of its holder's
    stored = target.aws.s3.objects[lock_key(artifact_folder(ENV))]
    target.aws.s3.objects[lock_key(artifact_folder(ENV))] = replace(stored, age=20.0)
    assert target.running().lease is not None
    target.aws.s3.objects[lock_key(artifact_folder(ENV))] = replace(stored, age=100.0)
    assert target.running().lease is None


@pytest.mark.parametrize("seen", ["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"])
def test_what_was_begun_after_somebody_looked_is_ended_as_well(seen: str) -> None:
    target = FakeTarget({**STATUSES, "data": seen, "app": "UPDATE_COMPLETE"})
    target.hold()
    running = target.running()
    target.aws.cloudformation.put(template("app"), "UPDATE_IN_PROGRESS")
    after = cancel(cast("Target", target), running, target.events.append, timeout_minutes=1)
    assert after["app"] == "UPDATE_ROLLBACK_COMPLETE"
    assert ("cancel_update", "dev-app") in target.writes
    told = {each["stack"]: each["status"] for each in cancelled_json(running, after)["stacks"]}
    assert told["app"] == ""


def test_an_update_that_ended_at_this_moment_is_left_as_it_is() -> None:
    target = FakeTarget({**STATUSES, "app": "UPDATE_IN_PROGRESS"})
    running = target.running()
    target.aws.cloudformation.put(template("app"), "UPDATE_COMPLETE")
    after = cancel(cast("Target", target), running, target.events.append, timeout_minutes=1)
    assert after == {"app": "UPDATE_COMPLETE"}
    assert target.writes == []


def test_a_command_that_has_just_ended_is_not_cancelled_and_another_one_neither() -> None:
    target = FakeTarget({**STATUSES, "app": "UPDATE_IN_PROGRESS"})
    target.hold()
    running = target.running()
    target.aws.s3.objects.clear()
    with pytest.raises(BusyError, match="has ended at this moment"):
        cancel(cast("Target", target), running, target.events.append, timeout_minutes=1)
    assert target.writes == []


def test_the_accounts_own_stack_is_left_alone() -> None:
    running = FakeTarget({"bootstrap": "UPDATE_IN_PROGRESS"}).running()
    assert running.stacks == {}


@pytest.mark.parametrize(
    ("status", "way"),
    [
        ("UPDATE_IN_PROGRESS", Way.ROLL_BACK), ("CREATE_IN_PROGRESS", Way.DELETE), ("IMPORT_IN_PROGRESS", Way.WAIT),
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", Way.WAIT), ("ROLLBACK_IN_PROGRESS", Way.WAIT),
    ],
)  # fmt: skip
def test_every_status_has_its_way_and_its_words(status: str, way: Way) -> None:
    assert way_of(status) is way
    assert consequence(status)
