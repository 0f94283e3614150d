"""The 23 stack statuses: each has an action, and the runner takes each to the template or stops with the reason."""

from __future__ import annotations

import pytest
from botocore.loaders import Loader

from opsctl.deploy.failures import RefusedChangeError, StackFailedError
from opsctl.deploy.planning.plan import Consent
from opsctl.deploy.planning.statuses import ACTIONS, Action, action_for, is_terminal

from .bench import Bench
from .fakes import resource, template
from .services import FakeDatabase

# Status, what the table says, the writes that follow, and how an operation that runs already ends.
TABLE: list[tuple[str, Action, list[str], list[str]]] = [
    ("CREATE_IN_PROGRESS", Action.FOLLOW, [], ["CREATE_COMPLETE"]),
    ("CREATE_FAILED", Action.RECREATE, ["delete_stack", "create_change_set", "execute_change_set"], []),
    ("CREATE_COMPLETE", Action.UPDATE, [], []),
    ("ROLLBACK_IN_PROGRESS", Action.FOLLOW, ["delete_stack", "create_change_set", "execute_change_set"],
     ["ROLLBACK_COMPLETE"]),
    ("ROLLBACK_FAILED", Action.RECREATE, ["delete_stack", "create_change_set", "execute_change_set"], []),
    ("ROLLBACK_COMPLETE", Action.RECREATE, ["delete_stack", "create_change_set", "execute_change_set"], []),
    ("DELETE_IN_PROGRESS", Action.FOLLOW, ["create_change_set", "execute_change_set"], ["DELETE_COMPLETE"]),
    ("DELETE_FAILED", Action.RECREATE, ["delete_stack", "create_change_set", "execute_change_set"], []),
    ("DELETE_COMPLETE", Action.CREATE, ["create_change_set", "execute_change_set"], []),
    ("UPDATE_IN_PROGRESS", Action.FOLLOW, [], ["UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_COMPLETE"]),
    ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", Action.FOLLOW, [], ["UPDATE_COMPLETE"]),
    ("UPDATE_COMPLETE", Action.UPDATE, [], []),
    ("UPDATE_FAILED", Action.ROLL_BACK, ["rollback"], []),
    ("UPDATE_ROLLBACK_IN_PROGRESS", Action.FOLLOW, [], ["UPDATE_ROLLBACK_COMPLETE"]),
    ("UPDATE_ROLLBACK_FAILED", Action.CONTINUE_ROLLBACK, ["continue_rollback"], []),
    ("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", Action.FOLLOW, [], ["UPDATE_ROLLBACK_COMPLETE"]),
    ("UPDATE_ROLLBACK_COMPLETE", Action.UPDATE, [], []),
    ("REVIEW_IN_PROGRESS", Action.CREATE, ["create_change_set", "execute_change_set"], []),
    ("IMPORT_IN_PROGRESS", Action.FOLLOW, [], ["IMPORT_COMPLETE"]),
    ("IMPORT_COMPLETE", Action.UPDATE, [], []),
    ("IMPORT_ROLLBACK_IN_PROGRESS", Action.FOLLOW, [], ["IMPORT_ROLLBACK_COMPLETE"]),
    ("IMPORT_ROLLBACK_FAILED", Action.REFUSE, [], []),
    ("IMPORT_ROLLBACK_COMPLETE", Action.UPDATE, [], []),
]  # fmt: skip


def test_the_table_holds_every_status_that_cloudformation_has() -> None:
    model = Loader().load_service_model("cloudformation", "service-2")
    assert set(ACTIONS) == set(model["shapes"]["StackStatus"]["enum"]) == {row[0] for row in TABLE}
    assert len(ACTIONS) == 23


@pytest.mark.parametrize(("status", "action", "writes", "ends"), TABLE, ids=[row[0] for row in TABLE])
def test_each_status_leads_to_the_template(
    status: str, action: Action, writes: list[str], ends: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    bench, stack = Bench(), template()
    bench.api.put(stack, status)
    if ends:
        bench.api.run_on(stack, ends)
    assert action_for(status) is action
    with capsys.disabled():
        print(f"\n  {status:<46} {action.value:<48} writes: {', '.join(writes) or 'none'}", end="")  # noqa: T201
    if action is Action.REFUSE:
        with pytest.raises(StackFailedError, match="no call leads on"):
            bench.run(stack)
        assert bench.api.writes == []
        return
    bench.run(stack)
    assert bench.api.writes == writes
    final = bench.api.stack(stack.physical_name)
    assert final is not None
    assert action_for(final.status) is Action.UPDATE


def test_an_unknown_status_is_left_to_a_person() -> None:
    assert action_for("SOMETHING_NEW") is Action.REFUSE


def test_only_statuses_in_progress_are_waited_for() -> None:
    waiting = {status for status in ACTIONS if not is_terminal(status)}
    assert waiting == {row[0] for row in TABLE if row[1] is Action.FOLLOW}


DATABASE = resource("Database", "AWS::RDS::DBInstance", "db-1")
FAILED = [
    ("dev-data", "CREATE_IN_PROGRESS", ""),
    ("Database", "CREATE_FAILED", "no capacity"),
    ("dev-data", "ROLLBACK_FAILED", ""),
]


def _half_made() -> Bench:
    bench = Bench()
    data = template("data", stateful=("Database",))
    bench.api.put(data, "ROLLBACK_FAILED")
    bench.api.record(data, *FAILED)
    bench.api.stack_resources = [DATABASE]
    bench.databases.instances["db-1"] = FakeDatabase()
    return bench


def test_a_database_of_a_failed_create_is_not_deleted_without_consent() -> None:
    bench = _half_made()
    with pytest.raises(RefusedChangeError, match="left the empty database db-1") as caught:
        bench.run(template("data", stateful=("Database",)))
    assert "--yes" in caught.value.hint
    assert bench.api.writes == []


def test_with_consent_its_protection_is_lifted_and_the_stack_made_again() -> None:
    bench = _half_made()
    bench.run(template("data", stateful=("Database",)), Consent(recreate_data=True))
    assert ("delete_database", "db-1 without") in bench.api.calls
    assert bench.api.writes == [
        "lift_database", "delete_database", "delete_stack", "create_change_set", "execute_change_set"
    ]  # fmt: skip


def test_a_data_stack_that_was_ever_complete_is_never_deleted() -> None:
    bench, data = Bench(), template("data", stateful=("Database",))
    bench.api.put(data, "DELETE_FAILED")
    bench.api.record(data, ("dev-data", "CREATE_COMPLETE", ""), ("dev-data", "DELETE_FAILED", "protected"))
    with pytest.raises(RefusedChangeError, match="may have been complete before") as caught:
        bench.run(data, Consent(recreate_data=True))
    # Not `opsctl destroy --delete-data`, which would remove the whole environment.
    assert "delete-data" not in caught.value.hint
    assert "delete-stack --stack-name dev-data" in caught.value.hint
    # But with a database, which would stay behind while the next deploy makes an empty one.
    bench.api.stack_resources = [resource("Database", "AWS::RDS::DBInstance", "db-1")]
    with pytest.raises(RefusedChangeError) as caught:
        bench.run(data, Consent(recreate_data=True))
    assert "delete-data" in caught.value.hint
    assert "delete-stack" not in caught.value.hint
    assert bench.api.writes == []
