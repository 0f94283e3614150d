"""Checking an environment for what was changed by hand, and putting it back: what is asked, refused, done and left."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from opsctl.aws.cloudformation import Change, ChangeSet, StackEvent
from opsctl.aws.drift import Detection, Difference, ResourceDrift
from opsctl.aws.errors import AwsError, AwsRefusedError
from opsctl.aws.s3 import StoredObject
from opsctl.cli.render_drift import revert_text
from opsctl.config.naming import lock_key
from opsctl.deploy.drift import DriftReport, StackDrift
from opsctl.deploy.events import Event, StepFinished, silent
from opsctl.deploy.failures import StackFailedError
from opsctl.deploy.left_running import DetachedError
from opsctl.errors import BusyError, ExitCode, OpsctlError, UsageError
from opsctl.operate.drift import detect
from opsctl.operate.reverting import Reverter, notes_of
from tests.unit.deploy.fakes import FakeCloudFormation, Operation, resource, template
from tests.unit.deploy.services import FakeDrifts
from tests.unit.deploy.world import FakeAws
from tests.unit.operate.shop import lasting

BOOTSTRAP, NETWORK, DATA = template("bootstrap"), template("network"), template("data")
CHANGED = ResourceDrift(
    "Topic", "t", "AWS::SNS::Topic", "MODIFIED", (Difference("/DisplayName", "a", "b", "NOT_EQUAL"),)
)
SAME = replace(CHANGED, status="IN_SYNC", differences=())


@dataclass
class Checks(FakeDrifts):
    """CloudFormation's checks of stacks: what is found, by the stack's name, and how often a check is still running."""

    found: dict[str, list[ResourceDrift]] = field(default_factory=dict)
    denied: set[str] = field(default_factory=set)
    busy: int = 0
    running: int = 0
    failure: str = ""
    begun: list[str] = field(default_factory=list)
    api: FakeCloudFormation = field(default_factory=FakeCloudFormation)

    def detect(self, stack: str) -> str | None:
        name = stack.split("/")[1]
        if name in self.denied:
            raise AwsRefusedError("AWS denied DetectStackDrift.", aws_code="AccessDenied")
        if self.busy:
            self.busy -= 1
            return None
        self.begun.append(name)
        return name

    def detection(self, check: str) -> Detection:
        if self.running:
            self.running -= 1
            return Detection("DETECTION_IN_PROGRESS")
        return Detection("DETECTION_FAILED" if self.failure else "DETECTION_COMPLETE", self.failure)

    def resources(self, stack: str) -> list[ResourceDrift]:
        return self.found.get(stack.split("/")[1], [SAME])

    def create_revert(
        self, stack: str, *, name: str, token: str, parameters: Iterable[str], capabilities: Sequence[str]
    ) -> str:
        physical = stack.split("/")[1]
        deployed = self.api.stacks_by_name[physical]
        assert set(parameters) == set(deployed.parameters)
        return self.api.create_change_set(
            stack=physical, name=name, kind="UPDATE", token=token, parameters=deployed.parameters, tags={},
            capabilities=tuple(capabilities),
        )  # fmt: skip


class Site:
    """An environment with three stacks that are deployed."""

    def __init__(self, *, local: bool = False) -> None:
        self.aws = FakeAws()
        self.api = self.aws.cloudformation
        self.checks = Checks(api=self.api)
        cast("Any", self.aws).drifts = self.checks
        self.api.stack_resources = [resource("Topic", "AWS::SNS::Topic"), resource("Odd", "Custom::Odd")]
        self.api.put(BOOTSTRAP, "CREATE_COMPLETE", outputs={"ArtifactBucketName": "artifacts"})
        for each in (NETWORK, DATA):
            self.api.put(each, "UPDATE_COMPLETE", parameters={"Count": "1"})
        self.target: Any = SimpleNamespace(
            env=SimpleNamespace(name="dev", service="shop", client="acme"),
            templates=(BOOTSTRAP, NETWORK, DATA), unwanted=(), aws=self.aws,
            is_local=local, is_stopped=local, poll_seconds=0.01, workspace=SimpleNamespace(command="opsctl drift"),
            outlasting=lasting,
        )  # fmt: skip

    def reverter(self, *stacks: str) -> Reverter:
        drifted = tuple(StackDrift(name, f"dev-{name}", 1, (CHANGED,)) for name in stacks)
        return Reverter(self.target, DriftReport("dev", drifted), timeout_minutes=1)

    def changes(self, *changes: Change, status: str = "CREATE_COMPLETE", reason: str = "") -> None:
        execution = "AVAILABLE" if status == "CREATE_COMPLETE" else "UNAVAILABLE"
        self.api.next_change_set = ChangeSet("c", status, reason, execution, changes)


def test_all_stacks_are_checked_and_what_can_not_be_compared_is_counted() -> None:
    site = Site()
    site.checks.found["dev-network"] = [CHANGED]
    report = detect(site.target)
    assert [(each.stack, len(each.drifted), each.checked) for each in report.stacks] == [
        ("bootstrap", 0, 1), ("network", 1, 1), ("data", 0, 1),
    ]  # fmt: skip
    assert report.stacks[0].not_checked == ("Odd (Custom::Odd)",)
    assert [each.stack for each in report.drifted] == ["network"]
    assert site.api.writes == []


def test_only_the_stacks_that_are_named_are_checked_and_an_unknown_name_is_refused() -> None:
    site = Site()
    assert [each.stack for each in detect(site.target, ("data",)).stacks] == ["data"]
    assert site.checks.begun == ["dev-data"]
    with pytest.raises(UsageError, match="no stack `dta`") as caught:
        detect(site.target, ("dta",))
    assert "data" in caught.value.hint


def test_a_check_is_waited_for_also_one_that_somebody_else_began() -> None:
    site = Site()
    site.checks.busy, site.checks.running = 2, 3
    assert detect(site.target, ("data",)).stacks[0].checked == 1
    assert site.checks.begun == ["dev-data"]
    assert (site.checks.busy, site.checks.running) == (0, 0)


def test_a_stack_that_may_not_be_checked_is_told_and_the_others_are_checked() -> None:
    site = Site()
    site.checks.denied = {"dev-network"}
    found = {each.stack: each for each in detect(site.target).stacks}
    assert found["network"].reason == "AWS denied DetectStackDrift."
    assert found["data"].checked == 1
    site.checks.denied = {"dev-bootstrap", "dev-network", "dev-data"}
    with pytest.raises(AwsRefusedError):
        detect(site.target)


def test_a_stack_in_the_middle_of_something_is_not_checked_and_a_check_that_failed_has_results() -> None:
    site = Site()
    site.api.put(NETWORK, "UPDATE_IN_PROGRESS")
    site.checks.failure = "Failed to detect drift on resource [Odd]"
    found = {each.stack: each for each in detect(site.target).stacks}
    assert "UPDATE_IN_PROGRESS" in found["network"].reason
    assert found["data"].reason == "Failed to detect drift on resource [Odd]"
    assert found["data"].checked == 1
    assert "dev-network" not in site.checks.begun


def test_a_local_target_that_was_stopped_is_not_started() -> None:
    with pytest.raises(OpsctlError, match="does not run") as caught:
        detect(Site(local=True).target)
    assert "opsctl deploy --env dev" in caught.value.hint


def test_what_was_changed_is_put_back_under_the_lock_stack_by_stack() -> None:
    site, events = Site(), list[Event]()
    site.changes(Change("Topic", "AWS::SNS::Topic", "Modify", "False"))
    reverter = site.reverter("network", "data")
    prepared = reverter.prepare()
    assert "network: is put back\n  ~ Topic AWS::SNS::Topic\ndata: is put back" in revert_text(prepared)
    assert site.api.writes == ["put", "create_change_set", "create_change_set"]  # the lock, then both change sets
    assert lock_key("dev-shop-acme") not in site.aws.s3.objects  # given back while somebody thinks
    reverter.execute(prepared, events.append)
    assert [name for call, name in site.api.calls if call == "execute_change_set"] == ["dev-network", "dev-data"]
    assert [each.outcome for each in events if isinstance(each, StepFinished)] == ["done", "done"]
    assert site.api.stacks_by_name["dev-data"].status == "UPDATE_COMPLETE"


def test_nothing_is_prepared_while_somebody_else_changes_the_environment() -> None:
    site = Site()
    lease = {"owner": "bob", "id": "x", "command": "opsctl deploy", "acquired": 0.0, "expires": time.time() + 60}
    site.aws.s3.objects[lock_key("dev-shop-acme")] = StoredObject(json.dumps(lease).encode(), '"1"')
    with pytest.raises(BusyError, match="bob"):
        site.reverter("network").prepare()
    assert "create_change_set" not in site.api.writes


LOSSES = [
    (Change("Db", "AWS::RDS::DBInstance", "Add"), "was deleted, and CloudFormation would make an empty one"),
    (Change("Db", "AWS::RDS::DBInstance", "Modify", "True"), "would be replaced"),
    (Change("Db", "AWS::RDS::DBInstance", "Modify", "Conditional", ("Engine",)), "would be replaced"),
    (Change("Logs", "AWS::Logs::LogGroup", "Remove"), "would be replaced"),
]


@pytest.mark.parametrize(("change", "why"), LOSSES)
def test_what_would_lose_data_is_not_put_back_and_the_other_stack_is(change: Change, why: str) -> None:
    site = Site()
    site.changes(change)
    reverter = site.reverter("data")
    (refused,) = reverter.prepare()
    assert why in refused.refused
    site.changes(Change("Topic", "AWS::SNS::Topic", "Modify", "False"))
    (allowed,) = site.reverter("network").prepare()
    reverter.execute([refused, allowed], silent)
    assert [name for call, name in site.api.calls if call == "execute_change_set"] == ["dev-network"]


def test_a_change_in_place_of_what_holds_data_is_no_loss() -> None:
    site = Site()
    site.changes(Change("Db", "AWS::RDS::DBInstance", "Modify", "Conditional", ("MultiAZ",)))
    assert site.reverter("data").prepare()[0].refused == ""


@pytest.mark.parametrize(
    ("status", "reason", "told"),
    [
        ("FAILED", "The submitted information didn't contain changes.", "nothing that it could put back"),
        ("FAILED", "Drift of X can't be read", "made no change set: Drift of X can't be read"),
        ("CREATE_COMPLETE", "", "nothing that it could put back"),
    ],
)
def test_a_change_set_that_does_nothing_says_why(status: str, reason: str, told: str) -> None:
    site = Site()
    site.changes(Change("Topic", "AWS::SNS::Topic", "SyncWithActual"), status=status, reason=reason)
    prepared = site.reverter("network").prepare()
    assert told in prepared[0].refused
    assert prepared[0].to_dict()["refused"] == prepared[0].refused


def test_what_nobody_agreed_to_is_discarded_and_one_that_is_gone_is_no_error() -> None:
    site = Site()
    reverter = site.reverter("network")
    prepared = reverter.prepare()
    reverter.discard(prepared)
    assert site.api.change_sets == {}

    def gone(_arn: str) -> None:
        raise AwsError("ChangeSet does not exist", aws_code="ChangeSetNotFound")

    cast("Any", site.api).delete_change_set = gone
    reverter.discard(prepared)


def test_a_change_set_that_cannot_be_made_takes_the_others_with_it() -> None:
    site = Site()
    site.api.put(DATA, "UPDATE_IN_PROGRESS", parameters={"Count": "1"})
    with pytest.raises(AwsError, match="can not be updated"):
        site.reverter("network", "data").prepare()
    assert site.api.change_sets == {}


def test_a_revert_that_fails_says_what_failed_and_begins_no_other() -> None:
    site = Site()
    site.changes(Change("Topic", "AWS::SNS::Topic", "Modify", "False"))
    site.api.script["execute:UPDATE"] = [
        Operation(
            ["UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE"],
            [("Topic", "UPDATE_FAILED", "no permission")],
        )
    ]
    reverter = site.reverter("network", "data")
    prepared = reverter.prepare()
    with pytest.raises(StackFailedError, match=r"Topic .* failed: no permission"):
        reverter.execute(prepared, silent)
    assert [name for call, name in site.api.calls if call == "execute_change_set"] == ["dev-network"]


def test_ctrl_c_leaves_cloudformation_at_work_and_says_so() -> None:
    site = Site()
    site.changes(Change("Topic", "AWS::SNS::Topic", "Modify", "False"))
    reverter = site.reverter("network", "data")
    prepared = reverter.prepare()
    asked: list[str] = []

    def events(name: str) -> Iterator[StackEvent]:
        asked.append(name)
        if len(asked) > 1:
            raise KeyboardInterrupt
        return iter(())

    cast("Any", site.api).events = events
    with pytest.raises(DetachedError, match="goes on with network") as caught:
        reverter.execute(prepared, silent)
    assert caught.value.exit_code == ExitCode.INTERRUPTED
    assert [name for call, name in site.api.calls if call == "execute_change_set"] == ["dev-network"]
    assert lock_key("dev-shop-acme") not in site.aws.s3.objects


def test_a_resource_that_is_made_anew_is_said_to_have_a_new_id() -> None:
    site = Site()
    site.changes(Change("Rule", "AWS::EC2::SecurityGroupIngress", "Add"))
    prepared = site.reverter("network").prepare()
    assert "+ Rule AWS::EC2::SecurityGroupIngress made anew, as it was deleted" in revert_text(prepared)
    assert notes_of(prepared) == [
        "Made anew, with a new id: network.Rule. Other stacks know the old one until the next `opsctl deploy`."
    ]


def test_a_log_group_that_was_deleted_is_made_anew_as_nothing_starts_without_it() -> None:
    site = Site()
    site.changes(Change("Logs", "AWS::Logs::LogGroup", "Add"))
    (prepared,) = site.reverter("network").prepare()
    assert prepared.refused == ""


def test_what_is_refused_is_not_said_to_be_made_anew() -> None:
    site = Site()
    site.changes(Change("Db", "AWS::RDS::DBInstance", "Add"))
    prepared = site.reverter("data").prepare()
    assert prepared[0].refused
    assert notes_of(prepared) == []
