"""The last look at the database: what is left, what was not reached, and logs that would never end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from opsctl.aws.account import Account, Database
from opsctl.aws.cloudformation import Stack
from opsctl.aws.errors import AwsRefusedError
from opsctl.aws.logs import LogGroup
from opsctl.deploy import aftercare
from opsctl.deploy.events import Event, Note
from opsctl.deploy.planning.state import RemoteState
from tests.unit.stacks.reading import environment

from .services import FakeLogs

KEY = "arn:aws:kms:us-east-1:123456789012:key/1"
DENIED = AwsRefusedError("AWS denied it.", aws_code="AccessDenied")


@dataclass
class FakeRds(Account):
    """One database, which may not be asked about when `answer` is an error."""

    answer: Database | AwsRefusedError | None = field(
        default_factory=lambda: Database("18.1", ("prd-databasereplica-2",))
    )

    def database(self, identifier: str) -> Database | None:
        assert identifier == "db-1"
        if isinstance(self.answer, AwsRefusedError):
            raise self.answer
        return self.answer


BODY = "Resources: {Database: {Type: 'AWS::RDS::DBInstance', Properties: {EngineVersion: '18'}}}"


def stack(**outputs: str) -> Stack:
    return Stack("Prd", "arn:aws:cloudformation:us-east-1:123456789012:stack/prd/1", "UPDATE_COMPLETE", outputs=outputs)


def looked(
    rds: FakeRds | None = None, logs: FakeLogs | None = None, *, env: str = "prd", **outputs: str
) -> tuple[list[Event], FakeLogs]:
    """What was noted, and the groups afterwards."""
    events: list[Event] = []
    groups = logs or FakeLogs()
    found = outputs or {"DatabaseIdentifier": "db-1", "ReplicaIdentifier": "prd-databasereplica-2"}
    upkeep = {name: found.pop(name) for name in ("ReplicaIdentifier",) if name in found}
    platform = stack(LogsKeyArn=KEY) if env != "dev" else stack()
    state = RemoteState({"data": stack(**found), "upkeep": stack(**upkeep), "platform": platform}, {"data": BODY})
    aftercare.look_after(environment(env), state, rds or FakeRds(), groups, events.append)
    return events, groups


def notes(events: list[Event]) -> list[str]:
    return [event.text for event in events if isinstance(event, Note)]


def test_where_all_is_as_configured_nothing_is_said() -> None:
    assert looked()[0] == []


def test_a_replica_that_outlived_its_template_is_named_with_what_deletes_it() -> None:
    (text,) = notes(looked(DatabaseIdentifier="db-1")[0])
    assert text.startswith(
        "upkeep: the read replica prd-databasereplica-2 is no part of prd any more, and goes on costing."
    )
    assert "delete-db-instance --db-instance-identifier prd-databasereplica-2" in text


def test_an_upgrade_that_rds_gave_up_is_told_though_cloudformation_calls_it_done() -> None:
    (text,) = notes(looked(FakeRds(Database("17.6", ("prd-databasereplica-2",))))[0])
    assert text.startswith("data: the database still runs PostgreSQL 17.6, not 18:")


def test_groups_that_rds_has_not_made_yet_are_made_with_an_end_and_the_environments_key() -> None:
    groups = looked()[1]
    assert groups.known == {
        f"/aws/rds/instance/{instance}/{log}": LogGroup(365, KEY)
        for instance in ("db-1", "prd-databasereplica-2")
        for log in ("postgresql", "upgrade")
    }


def test_groups_that_rds_made_without_an_end_get_one_and_the_key() -> None:
    found = FakeLogs(known={"/aws/rds/instance/db-1/postgresql": LogGroup(None, None)})
    groups = looked(logs=found)[1]
    assert groups.known["/aws/rds/instance/db-1/postgresql"] == LogGroup(365, KEY)


def test_without_customer_keys_a_group_has_awss_own() -> None:
    groups = looked(env="dev", DatabaseIdentifier="db-1", ReplicaIdentifier="prd-databasereplica-2")[1]
    assert set(groups.known.values()) == {LogGroup(14, None)}


def test_groups_as_they_should_be_are_not_written() -> None:
    groups = looked(logs=looked()[1])[1]
    before = len(groups.writes)
    looked(logs=groups)
    assert len(groups.writes) == before


def test_what_may_not_be_asked_is_noted_and_fails_nothing() -> None:
    denied = FakeLogs(denied=DENIED)
    assert notes(looked(FakeRds(DENIED), denied)[0]) == [
        "Not looked after (database): AWS denied it.",
        "Not looked after (logs of db-1): AWS denied it.",
        "Not looked after (logs of prd-databasereplica-2): AWS denied it.",
    ]


def test_a_database_that_is_gone_and_an_environment_without_one_are_left_alone() -> None:
    assert looked(FakeRds(None))[0] == []
    events, groups = looked(Other="x")
    assert (events, groups.writes) == ([], [])


def test_this_machine_has_no_such_logs() -> None:
    assert looked(env="local")[1].writes == []


def test_logs_of_instances_that_are_gone_go_too_and_those_of_others_stay() -> None:
    names = ["/aws/rds/instance/db-1/postgresql", "/aws/rds/instance/db-1/upgrade", "/aws/rds/instance/db-10/upgrade"]
    groups = FakeLogs(known={name: LogGroup(14, None) for name in names})
    events: list[Event] = []
    aftercare.delete_logs(groups, "db-1", events.append)
    assert (set(groups.known), events) == ({"/aws/rds/instance/db-10/upgrade"}, [])


def test_logs_that_may_not_be_deleted_are_noted() -> None:
    events: list[Event] = []
    aftercare.delete_logs(FakeLogs(denied=DENIED), "db-1", events.append)
    assert notes(events) == ["Not looked after (logs of db-1): AWS denied it."]


def test_a_replica_that_somebody_made_by_hand_is_none_of_ours() -> None:
    assert looked(FakeRds(Database("18.1", ("analytics", "prd2-x"))), DatabaseIdentifier="db-1")[0] == []


def test_the_database_is_held_against_what_was_deployed_and_not_against_the_file() -> None:
    """`opsctl deploy app` leaves the data stack as it is, whatever the file says by then."""
    events: list[Event] = []
    state = RemoteState({"data": stack(DatabaseIdentifier="db-1")}, {"data": BODY})
    settings: dict[str, Any] = {"rds__engine_version": "19"}
    aftercare.look_after(environment("prd", **settings), state, FakeRds(Database("18.4")), FakeLogs(), events.append)
    assert events == []


def test_the_major_version_counts_and_not_how_the_setting_is_spelt() -> None:
    events: list[Event] = []
    state = RemoteState({"data": stack(DatabaseIdentifier="db-1")}, {"data": BODY.replace("'18'", "'18.1'")})
    aftercare.look_after(environment("prd"), state, FakeRds(Database("18.4")), FakeLogs(), events.append)
    assert events == []
