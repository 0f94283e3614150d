"""What stops a deploy before anything is touched."""

from __future__ import annotations

import pytest

from opsctl.cli.execution import refuse
from opsctl.cli.render_plan import plan_text
from opsctl.deploy.checks.preflight import PreflightError
from opsctl.deploy.failures import RefusedChangeError, StackFailedError
from opsctl.deploy.planning.forecast import Forecast, Leg
from opsctl.deploy.planning.plan import Consent, Plan, Risk, StackPlan
from opsctl.deploy.planning.statuses import Action

RISK = Risk("data", "Database", "AWS::RDS::DBInstance", "replaced", "DBName")
FINE = StackPlan("platform", "dev-platform", "UPDATE_COMPLETE", Action.UNCHANGED)
RISKY = StackPlan("data", "dev-data", "UPDATE_COMPLETE", Action.UPDATE, risks=(RISK,))
BROKEN = StackPlan(
    "network", "dev-network", "IMPORT_ROLLBACK_FAILED", Action.REFUSE, "it is IMPORT_ROLLBACK_FAILED: no"
)


def test_a_plan_without_risks_goes_on() -> None:
    refuse(Plan("dev", (FINE,)), Consent())


def test_losing_data_is_refused_with_the_property_and_the_flag() -> None:
    with pytest.raises(RefusedChangeError) as caught:
        refuse(Plan("dev", (FINE, RISKY)), Consent())
    assert caught.value.detail == ("AWS::RDS::DBInstance Database of data would be replaced because DBName changes.",)
    assert caught.value.hint.endswith("--allow-replace Database")


def test_what_was_allowed_by_name_goes_on() -> None:
    refuse(Plan("dev", (RISKY,)), Consent(frozenset({"Database"})))
    with pytest.raises(RefusedChangeError):
        refuse(Plan("dev", (RISKY,)), Consent(frozenset({"Other"})))


def test_a_stack_that_a_person_has_to_repair_stops_the_others_too() -> None:
    with pytest.raises(StackFailedError, match="dev-network is IMPORT_ROLLBACK_FAILED") as caught:
        refuse(Plan("dev", (FINE, BROKEN)), Consent(frozenset({"Database"})))
    assert caught.value.detail == ("network: it is IMPORT_ROLLBACK_FAILED: no",)
    assert "--stack-name dev-network" in caught.value.hint


def test_a_plan_that_makes_stacks_on_aws_says_how_long_and_what_for() -> None:
    seconds = {"data/start": 20.0, "data/Group": 5.0, "data/Database": 360.0, "app/Service": 120.0}
    path = tuple(Leg(name, "", each) for name, each in seconds.items())
    text = plan_text(Plan("dev", (FINE,), expected=Forecast(505.0, path)))
    assert text.splitlines()[-1] == (
        "Takes about 8 minutes on AWS, most of it: data/Database 6.0, app/Service 2.0, data/start 0.3."
    )


def test_a_plan_says_that_it_only_keeps_a_signature() -> None:
    last = plan_text(Plan("dev", (FINE,), signature=True)).splitlines()[-1]
    assert last == "  signature  made after the last deploy, to be kept as long as its image"


def test_what_aws_would_not_take_stops_it_and_is_shown_in_the_plan() -> None:
    plan = Plan("dev", (FINE,), notes=("The image is gone.",), problems=("rds.engine_version: no way back.",))
    with pytest.raises(PreflightError, match="nothing was changed") as caught:
        refuse(plan, Consent())
    assert caught.value.detail == ("rds.engine_version: no way back.",)
    assert plan_text(plan).splitlines()[-2:] == ["! The image is gone.", "! rds.engine_version: no way back."]
