"""A database from a snapshot, or one that runs: what keeps it from coming is told, and the settings stay."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, cast

import pytest

from opsctl.aws.cloudformation import Stack
from opsctl.aws.errors import AwsError
from opsctl.aws.rds import Origin
from opsctl.aws.session import Aws
from opsctl.config.models import Environment
from opsctl.deploy.checks import brought_along
from opsctl.deploy.checks.beforehand import Beforehand
from opsctl.deploy.planning.state import RemoteState
from opsctl.stacks import data
from tests.unit.stacks.reading import environment

SNAPSHOT = Origin("available", "postgres", "18.1", "legacy", encrypted=True, storage=20)
INSTANCE = replace(
    SNAPSHOT, port=5432, database="salaries", subnets="prd-salaries-data-vieiralucas", protected=True,
    instance_class="db.t3.micro",
)  # fmt: skip
OURS = "123456789012"
NETWORK = {"PrivateSubnetIds": "subnet-1,subnet-2", "DatabaseSecurityGroupId": "sg-1"}


def restored(**settings: Any) -> Environment:
    return environment("prd", **{"rds__snapshot_identifier": "last-night", "rds__admin_user": "legacy", **settings})


def imported(**settings: Any) -> Environment:
    return environment("prd", **{"rds__import_instance": "old-prd", "rds__admin_user": "legacy", **settings})


def body(env: Environment) -> str:
    return data.build(env).body


def test_what_fits_is_not_objected_to() -> None:
    assert brought_along.problems(restored(), SNAPSHOT, {}, OURS) == ()
    group = replace(INSTANCE, subnets=f"prd-{imported().service}-data-{imported().client}")
    assert brought_along.problems(imported(), group, NETWORK, OURS) == ()


@pytest.mark.parametrize(
    ("found", "begins"),
    [
        ({"engine": "mysql"}, "rds.snapshot_identifier: last-night is of mysql"),
        ({"status": "creating"}, "rds.snapshot_identifier: last-night is creating"),
        ({"version": "15.4"}, 'rds.engine_version: last-night has PostgreSQL 15.4, and it comes as it is. Write "15"'),
        ({"version": "13.4"}, "rds.snapshot_identifier: last-night has PostgreSQL 13.4, which RDS supports no more."),
        ({"master": "postgres"}, "rds.admin_user: the master of last-night is postgres"),
        ({"storage": 2000}, "rds.allocated_storage: last-night has 2000 GiB"),
        ({"encrypted": False}, "security.encryption_at_rest: last-night is not encrypted"),
    ],
)
def test_each_thing_that_comes_as_it_is_has_to_be_configured_so(found: dict[str, Any], begins: str) -> None:
    (line,) = brought_along.problems(restored(), replace(SNAPSHOT, **found), {}, OURS)
    assert line.startswith(begins)


def test_an_encrypted_one_stays_encrypted_and_a_newer_minor_version_stays_newer() -> None:
    open_env = restored(security__encryption_at_rest=False, security__customer_managed_keys=False)
    (line,) = brought_along.problems(open_env, SNAPSHOT, {}, OURS)
    assert line == "security.encryption_at_rest: last-night is encrypted, and stays so. Set it to true."
    (line,) = brought_along.problems(restored(rds__engine_version="18.1"), replace(SNAPSHOT, version="18.2"), {}, OURS)
    assert line.startswith("rds.engine_version: last-night has PostgreSQL 18.2, and RDS has no way back.")


def test_an_encrypted_snapshot_that_another_account_shares_has_to_be_copied_first() -> None:
    theirs, own = (restored(rds__snapshot_identifier=f"arn:aws:rds:us-east-1:{account}:snapshot:last-night")
                   for account in ("210987654321", OURS))  # fmt: skip
    (line,) = brought_along.problems(theirs, SNAPSHOT, {}, OURS)
    assert "is another account's and encrypted" in line
    assert "--source-db-snapshot-identifier arn:aws:rds:us-east-1:210987654321:snapshot:last-night " in line
    assert brought_along.problems(own, SNAPSHOT, {}, OURS) == ()
    plain = theirs.model_copy(update={"security": restored(security__encryption_at_rest=False,
                                      security__customer_managed_keys=False).security})  # fmt: skip
    assert brought_along.problems(plain, replace(SNAPSHOT, encrypted=False), {}, OURS) == ()


def test_a_name_that_rds_does_not_know_is_told() -> None:
    (line,) = brought_along.problems(restored(), None, {}, OURS)
    assert line.startswith("rds.snapshot_identifier: RDS has no snapshot last-night in us-east-1.")
    (line,) = brought_along.problems(imported(), None, {}, OURS)
    assert line.startswith("rds.import_instance: RDS has no instance old-prd in us-east-1.")


def instance(**found: Any) -> Origin:
    env = imported()
    return replace(INSTANCE, **{"subnets": f"prd-{env.service}-data-{env.client}", **found})


@pytest.mark.parametrize(
    ("found", "network", "told"),
    [
        ({"database": "app"}, NETWORK, "rds.database: the database of old-prd is called `app`"),
        ({"database": ""}, NETWORK, "Take a snapshot of it, and name that in rds.snapshot_identifier instead."),
        ({"protected": False}, NETWORK, "--deletion-protection --apply-immediately"),
        ({"subnets": "cdk-1"}, {}, "`opsctl deploy --env prd platform network`"),
        ({"subnets": "cdk-1"}, NETWORK, "--subnet-ids subnet-1 subnet-2`"),
        ({"subnets": "cdk-1"}, NETWORK, "--vpc-security-group-ids sg-1 --apply-immediately`"),
    ],
)
def test_an_instance_has_to_be_ours_in_all_that_a_change_would_replace(
    found: dict[str, Any], network: dict[str, str], told: str
) -> None:
    (line,) = brought_along.problems(imported(), instance(**found), network, OURS)
    assert told in line


@pytest.mark.parametrize("found", [{"multi_az": True}, {"replicas": ("old-prd-replica",)}])
def test_an_instance_with_another_beside_it_does_not_move(found: dict[str, Any]) -> None:
    first, _ = brought_along.problems(imported(), instance(subnets="cdk-1", **found), NETWORK, OURS)
    assert first.startswith("rds.import_instance: old-prd has ")
    assert first.endswith("RDS moves none such between networks. Remove it first.")


def test_a_plan_says_where_the_data_comes_from_and_whose_it_is_then() -> None:
    (line,) = brought_along.notes(restored(), SNAPSHOT)
    assert line.startswith("The database is restored from snapshot last-night (PostgreSQL 18.1, 20 GiB, master legacy)")
    assert "DbInit then gives what is in database salaries to app_owner. The snapshot stays." in line
    (line,) = brought_along.notes(imported(), INSTANCE)
    assert "nothing is copied, and no failure deletes it" in line


def test_taking_a_running_one_over_interrupts_and_a_restore_does_not() -> None:
    (told,) = brought_along.interruptions(imported(), INSTANCE)
    assert told.interrupts
    assert told.text.startswith("old-prd restarts: its port changes from 5432 to 5433, its class changes from db.t3.mi")
    assert brought_along.interruptions(restored(), SNAPSHOT) == ()


def losses(env: Environment, **found: Any) -> list[str]:
    return [line.removeprefix("old-prd loses ") for line in brought_along.notes(env, instance(**found))[1:]]


def test_a_plan_says_what_a_running_one_loses_that_the_settings_do_not_say() -> None:
    rich = {"backup_days": 14, "multi_az": True, "max_storage": 500, "managed_password": True}
    bare = imported(rds__backup_days=1, rds__multi_az=False, rds__max_allocated_storage=None)
    assert losses(bare, **rich) == [
        "backups of 14 days, of which those of 1 stay. Write `rds.backup_days: 14` to keep them.",
        "its standby. Write `rds.multi_az: true` to keep it.",
        "storage that grows by itself up to 500 GiB. Write `rds.max_allocated_storage: 500` to keep it.",
        "the secret in which RDS keeps its master's password; opsctl's own takes its place.",
    ]
    like = imported(rds__backup_days=14, rds__multi_az=True, rds__max_allocated_storage=500)
    assert losses(like, **{**rich, "managed_password": False}) == []


def test_a_plan_says_what_becomes_of_the_version_and_when_backups_begin_or_end() -> None:
    def told(days: int, version: str, **found: Any) -> str:
        env = imported(rds__backup_days=days, rds__engine_version=version)
        return brought_along.interruptions(env, instance(**found))[0].text

    assert "automatic backups are switched off" in told(0, "18", backup_days=7)
    assert "automatic backups are switched on" in told(7, "18", backup_days=0)
    assert "automatic backups" not in told(1, "18", backup_days=7)
    assert "its minor version goes up from 18.1 to RDS's default of 18 where that is higher" in told(1, "18")
    assert "its version goes from 18.1 to 18.2" in told(1, "18.2")
    assert "version" not in told(1, "18.1")
    assert (
        "goes up from 18.1 to RDS's default of 18"
        in brought_along.notes(restored(rds__engine_version="18"), SNAPSHOT)[0]
    )
    assert "version" not in brought_along.notes(restored(rds__engine_version="18.1"), SNAPSHOT)[0]


def test_once_the_database_is_there_neither_setting_comes_goes_or_changes() -> None:
    plain = body(environment("prd"))
    snapshot, instance = body(restored()), body(imported())
    assert brought_along.kept_problems(snapshot, snapshot) == ()
    assert brought_along.kept_problems("", snapshot) == ()
    (line,) = brought_along.kept_problems(plain, snapshot)
    assert line.startswith(
        "rds.snapshot_identifier: the database is there, and CloudFormation would replace it by last"
    )
    (line,) = brought_along.kept_problems(snapshot, body(restored(rds__snapshot_identifier="newer")))
    assert line.endswith("with newer instead CloudFormation would replace it. Write last-night.")
    # The same one to RDS, and another to CloudFormation.
    (line,) = brought_along.kept_problems(snapshot, body(restored(rds__snapshot_identifier="Last-Night")))
    assert line.endswith("Write last-night.")
    (line,) = brought_along.kept_problems(instance, plain)
    assert line == (
        "rds.import_instance: the database came by old-prd, and with nothing CloudFormation would replace it. "
        "Write old-prd."
    )


@dataclass
class FakeRegion:
    """RDS that knows one snapshot and one instance, or refuses to be asked."""

    error: AwsError | None = None

    @property
    def rds(self) -> FakeRegion:
        return self

    def snapshot_origin(self, name: str) -> Origin | None:
        if self.error is not None:
            raise self.error
        return SNAPSHOT if name == "last-night" else None

    def instance_origin(self, identifier: str) -> Origin | None:
        return instance() if identifier == "old-prd" else None


def asked(env: Environment, region: FakeRegion | None = None, *, deployed: str = "") -> Beforehand:
    made = data.build(env)
    stacks = {"data": Stack(made.physical_name, "id", "CREATE_COMPLETE")} if deployed else {}
    state = RemoteState(stacks, {"data": deployed} if deployed else {})
    return Beforehand(env, cast(Aws, region or FakeRegion()), state, [made], account=lambda: OURS)


def test_a_plan_of_a_new_database_asks_for_what_it_comes_from() -> None:
    snapshot, taken = asked(restored()), asked(imported())
    assert (snapshot.of_origin(), taken.of_origin()) == ((), ())
    assert snapshot.notes[0].startswith("The database is restored")
    assert snapshot.interruptions == ()
    assert [each.logical_id for each in taken.interruptions] == ["Database"]


def test_a_plan_that_may_not_ask_is_not_carried_out() -> None:
    (line,) = asked(restored(), FakeRegion(AwsError("You may not."))).of_origin()
    assert line == "The database that prd starts from can't be read: You may not."


def test_a_plan_of_a_database_that_is_there_asks_nothing_and_holds_it_to_its_origin() -> None:
    silent = FakeRegion(AwsError("nobody asks"))
    assert asked(restored(), silent, deployed=body(restored())).of_origin() == ()
    (line,) = asked(environment("prd"), silent, deployed=body(restored())).of_origin()
    assert line.startswith("rds.snapshot_identifier: the database came by last-night")
