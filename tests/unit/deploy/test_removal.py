"""Deleting a stack: what AWS protects is freed first, each call waits for the state that takes it, data is kept."""

from __future__ import annotations

from dataclasses import replace

import pytest

from opsctl.aws.errors import AwsError
from opsctl.deploy.events import Note
from opsctl.deploy.failures import RefusedChangeError
from opsctl.deploy.lock import LockLostError
from opsctl.deploy.planning.plan import Consent
from opsctl.deploy.stackrun.removal import is_working
from opsctl.stacks import data
from tests.unit.stacks.reading import environment

from .bench import Bench
from .fakes import BODY, READS, Operation, resource, template
from .services import FakeDatabase

DATABASE = resource("Database", "AWS::RDS::DBInstance", "db-1")
BALANCER = resource("LoadBalancer", "AWS::ElasticLoadBalancingV2::LoadBalancer", "lb-1")
DATA, APP = template("data", stateful=("Database",)), template("app")
FAILED_CREATE = [("CREATE_IN_PROGRESS", ""), ("ROLLBACK_IN_PROGRESS", ""), ("ROLLBACK_FAILED", "")]


def half_made(stack: str = "data", body: str = BODY, *, from_start: bool = True, **database: object) -> Bench:
    """A stack whose first create failed and could not be rolled back."""
    bench, made = Bench(), template(stack, body)
    bench.api.put(made, "ROLLBACK_FAILED")
    own = [(f"dev-{stack}", *event) for event in FAILED_CREATE]
    bench.api.record(made, *(own if from_start else own[1:]))
    if stack == "data":
        bench.api.stack_resources = [DATABASE]
        bench.databases.instances["db-1"] = FakeDatabase(**database)  # type: ignore[arg-type]
    return bench


def database_calls(bench: Bench) -> list[str]:
    return [call for call, _ in bench.api.calls if "database" in call]


# -- databases ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "then", "calls"),
    [
        ("available", [], ["lift_database", "delete_database"]),
        ("creating", ["creating", "backing-up", "available"], ["lift_database", "delete_database"]),
        ("modifying", ["available"], ["lift_database", "delete_database"]),
        ("configuring-enhanced-monitoring", ["available"], ["lift_database", "delete_database"]),
        ("storage-optimization", [], ["lift_database", "delete_database"]),
        ("stopped", [], ["start_database", "lift_database", "delete_database"]),
        ("stopping", ["stopped"], ["start_database", "lift_database", "delete_database"]),
        ("deleting", ["deleting", "gone"], []),
    ],
)
def test_a_database_is_asked_only_what_its_state_takes(status: str, then: list[str], calls: list[str]) -> None:
    """The fake refuses everything else with InvalidDBInstanceState, as RDS does."""
    bench = half_made(status=status, then=then, changing=3)
    bench.run(DATA, Consent(recreate_data=True))
    assert database_calls(bench) == calls
    assert bench.databases.instances == {}


@pytest.mark.parametrize("consent", [Consent(), Consent(recreate_data=True)])
@pytest.mark.parametrize(
    "history", [["IMPORT_IN_PROGRESS", "IMPORT_COMPLETE"], ["CREATE_IN_PROGRESS", "CREATE_FAILED"]]
)
def test_a_database_that_was_there_before_outlives_the_create_that_failed(history: list[str], consent: Consent) -> None:
    """Whether it was taken over, or CloudFormation tried to make another of its name."""
    env = environment("dev", rds__import_instance="db-1")
    bench = half_made(body=data.build(env).body)
    bench.api.record(DATA, *(("Database", each, "") for each in history))
    bench.run(DATA, consent)
    assert database_calls(bench) == []
    assert "delete_stack" in bench.api.writes
    assert [*bench.databases.instances] == ["db-1"]


def test_a_state_that_changes_between_look_and_call_is_waited_for() -> None:
    bench = half_made(protected=False)
    refusals = iter([AwsError("It is backing-up.", aws_code="InvalidDBInstanceState")] * 2)
    honest = bench.databases.delete

    def delete(identifier: str, *, final_snapshot: str | None, keep_backups: bool) -> None:
        for refusal in refusals:
            raise refusal
        honest(identifier, final_snapshot=final_snapshot, keep_backups=keep_backups)

    bench.databases.delete = delete  # type: ignore[method-assign]
    bench.run(DATA, Consent(recreate_data=True))
    assert bench.databases.instances == {}


def test_a_database_that_rds_will_not_delete_is_told_with_its_words() -> None:
    bench = half_made(protected=False)

    def delete(identifier: str, *, final_snapshot: str | None, keep_backups: bool) -> None:
        raise AwsError("The quota of snapshots is used up.", aws_code="SnapshotQuotaExceeded")

    bench.databases.delete = delete  # type: ignore[method-assign]
    with pytest.raises(AwsError, match="quota of snapshots"):
        bench.run(DATA, Consent(recreate_data=True))


def test_without_a_history_from_its_start_a_failed_database_is_snapshotted_before_it_goes() -> None:
    """CloudFormation forgets events after 90 days, and with them that the stack was once complete."""
    bench = half_made(from_start=False)
    bench.run(DATA, Consent(recreate_data=True))
    assert ("delete_database", "db-1 before-recreate-db-1-run, backups kept") in bench.api.calls


def test_a_broken_database_goes_without_the_snapshot_that_rds_can_not_make() -> None:
    bench = half_made(from_start=False, status="incompatible-restore", protected=False)
    bench.run(DATA, Consent(recreate_data=True))
    assert ("delete_database", "db-1 without, backups kept") in bench.api.calls
    assert any("takes no final snapshot of db-1" in event.text for event in bench.events if isinstance(event, Note))


def test_a_deletion_that_failed_90_days_after_the_create_is_no_failed_create() -> None:
    bench = Bench()
    bench.api.put(DATA, "DELETE_FAILED")
    bench.api.record(DATA, ("dev-data", "DELETE_IN_PROGRESS", ""), ("dev-data", "DELETE_FAILED", "protected"))
    bench.api.stack_resources = [DATABASE]
    bench.databases.instances["db-1"] = FakeDatabase()
    with pytest.raises(RefusedChangeError, match="may hold data"):
        bench.run(DATA, Consent(recreate_data=True))
    assert bench.api.writes == []


def test_without_consent_nothing_is_touched() -> None:
    bench = half_made()
    with pytest.raises(RefusedChangeError, match="empty database db-1"):
        bench.run(DATA)
    assert bench.api.writes == []


@pytest.mark.parametrize(("status", "working"), [
    ("available", False), ("storage-optimization", False), ("stopped", False), ("failed", False),
    ("storage-full", False), ("incompatible-network", False), ("creating", True), ("backing-up", True),
    ("configuring-log-exports", True), ("resetting-master-credentials", True), ("moving-to-vpc", True),
    ("delete-precheck", False), ("maintenance", False),
])  # fmt: skip
def test_a_working_instance_is_known_by_its_status(status: str, working: bool) -> None:
    assert is_working(status) is working


# -- load balancers and buckets ----------------------------------------------------------------------------------------


def test_a_protected_load_balancer_does_not_keep_a_failed_first_create_from_being_made_again() -> None:
    bench = half_made("app")
    bench.api.stack_resources = [BALANCER]
    bench.region.load_balancers.protected = {"lb-1"}
    bench.run(APP)
    assert bench.api.writes == ["lift_load_balancer", "delete_stack", "create_change_set", "execute_change_set"]


BUCKET = """\
Resources:
  Logs:
    Type: AWS::S3::Bucket
    DeletionPolicy: RetainExceptOnCreate
"""


def test_a_bucket_that_aws_wrote_to_during_a_failed_create_goes_with_its_stack() -> None:
    """Switching access logs on writes a test object, so that the rollback could not delete the bucket."""
    bench = half_made("app", BUCKET)
    bench.api.record(APP, ("Logs", "CREATE_IN_PROGRESS", ""), ("Logs", "CREATE_COMPLETE", ""))
    bench.api.stack_resources = [resource("Logs", "AWS::S3::Bucket", "logs-1", "DELETE_FAILED")]
    bench.region.s3.filled = {"logs-1"}
    bench.run(template("app", BUCKET))
    assert bench.api.writes[:3] == ["empty_bucket", "delete_bucket", "delete_stack"]


@pytest.mark.parametrize(
    ("history", "status"),
    [
        (["IMPORT_IN_PROGRESS", "IMPORT_COMPLETE"], "IMPORT_COMPLETE"),
        (["IMPORT_COMPLETE", "CREATE_COMPLETE"], "CREATE_COMPLETE"),
        (["CREATE_IN_PROGRESS", "CREATE_FAILED"], "CREATE_FAILED"),
        (["CREATE_IN_PROGRESS", "CREATE_FAILED"], "DELETE_COMPLETE"),
        (["CREATE_COMPLETE", "DELETE_SKIPPED"], "DELETE_SKIPPED"),
        ([], "DELETE_FAILED"),
    ],
)
@pytest.mark.parametrize("policy", ["RetainExceptOnCreate", "Delete"])
def test_a_bucket_that_the_failed_create_did_not_make_is_never_emptied(
    history: list[str], status: str, policy: str
) -> None:
    """Its name may be another's, or that of one which was kept when the environment was destroyed."""
    if policy == "Delete" and status not in {"CREATE_FAILED", "DELETE_COMPLETE", "DELETE_SKIPPED"}:
        return  # one that the template would delete itself
    body = BUCKET.replace("RetainExceptOnCreate", policy)
    bench = half_made("app", body)
    bench.api.record(APP, *(("Logs", each, "") for each in history))
    bench.api.stack_resources = [resource("Logs", "AWS::S3::Bucket", "logs-1", status)]
    bench.run(template("app", body))
    assert not [call for call, _ in bench.api.calls if "bucket" in call]


@pytest.mark.parametrize("wanted", [BUCKET, BODY])
def test_a_bucket_of_a_stack_that_was_complete_is_kept_also_when_the_configuration_has_dropped_it(wanted: str) -> None:
    bench, stack = Bench(), template("app", BUCKET)
    bench.api.put(stack, "DELETE_FAILED")
    bench.api.record(stack, ("dev-app", "CREATE_IN_PROGRESS", ""), ("dev-app", "CREATE_COMPLETE", ""))
    bench.api.stack_resources = [resource("Logs", "AWS::S3::Bucket", "logs-1")]
    with pytest.raises(RefusedChangeError, match="may hold data"):
        bench.run(template("app", wanted))
    assert bench.api.writes == []


def test_a_bucket_that_the_deployed_template_does_not_name_is_not_emptied() -> None:
    bench = half_made("app")
    bench.api.stack_resources = [resource("Logs", "AWS::S3::Bucket", "logs-1", "DELETE_FAILED")]
    bench.run(template("app", BUCKET.replace("RetainExceptOnCreate", "Delete")))
    assert bench.api.writes[0] == "delete_stack"


def test_what_a_deleted_stack_leaves_behind_is_told() -> None:
    bench = half_made("app")
    kept = Operation(["DELETE_IN_PROGRESS", "DELETE_COMPLETE"], [("Key", "DELETE_SKIPPED", "")])
    bench.api.script["delete"], bench.api.types["Key"] = [kept], "AWS::KMS::Key"
    bench.run(APP)
    notes = [event.text for event in bench.events if isinstance(event, Note)]
    assert "app: AWS::KMS::Key physical-Key stays, as its stack says." in notes


# -- the lock ----------------------------------------------------------------------------------------------------------

WRITES = ["protect", "lift_database", "delete_database", "delete_stack", "create_change_set", "execute_change_set"]


@pytest.mark.parametrize("allowed", range(len(WRITES)))
def test_whatever_write_comes_next_it_is_not_made_once_the_lock_is_lost(allowed: int) -> None:
    bench = half_made()
    stack = bench.api.stacks_by_name["dev-data"]
    bench.api.stacks_by_name["dev-data"] = replace(stack, termination_protection=True)
    bench.forbidden, bench.allowed_writes = LockLostError("lost"), allowed
    with pytest.raises(LockLostError):
        bench.run(DATA, Consent(recreate_data=True))
    assert [call for call, _ in bench.api.calls if call not in READS] == WRITES[:allowed]
