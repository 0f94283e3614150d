"""From templates and what is deployed to a plan."""

from __future__ import annotations

from dataclasses import replace

from opsctl.deploy.planning import compare, planner
from opsctl.deploy.planning.plan import ParameterChange
from opsctl.deploy.planning.state import RemoteState
from opsctl.deploy.planning.statuses import Action
from opsctl.stacks.model import FromContext, FromOutput

from .bench import Bench
from .fakes import BODY, template

DATABASE = """\
Resources:
  Database:
    Type: AWS::RDS::DBInstance
    DeletionPolicy: Retain
    Properties:
      Engine: postgres
      DBName: {name}
      BackupRetentionPeriod: {days}
      StorageEncrypted: true
      VPCSecurityGroups: [!GetAtt Group.GroupId]
"""


def test_a_missing_stack_is_created_and_says_what_it_waits_for() -> None:
    stack = template("jobs", parameters={"HostName": FromOutput("data", "Host"), "ImageUri": FromContext("image_uri")})
    planned = planner.plan_stack(stack, RemoteState(), {})
    assert (planned.action, planned.waits_for) == ("create", ("data", "image uri"))


def test_the_same_template_written_differently_is_unchanged() -> None:
    bench = Bench()
    stack = template(body='{"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}')
    bench.api.put(stack, "CREATE_COMPLETE")
    assert planner.plan_stack(template(), bench.state(stack), {}).action == Action.UNCHANGED


def test_a_create_only_property_predicts_the_loss_of_a_database() -> None:
    bench = Bench()
    old = template("data", DATABASE.format(name="one", days=1), stateful=("Database",))
    bench.api.put(old, "UPDATE_COMPLETE")
    planned = planner.plan_stack(replace(old, body=DATABASE.format(name="two", days=1)), bench.state(old), {})
    assert [risk.text() for risk in planned.risks] == [
        "AWS::RDS::DBInstance Database of data would be replaced because DBName changes"
    ]


def test_a_property_that_can_change_in_place_is_no_risk() -> None:
    bench = Bench()
    old = template("data", DATABASE.format(name="one", days=1), stateful=("Database",))
    bench.api.put(old, "UPDATE_COMPLETE")
    planned = planner.plan_stack(replace(old, body=DATABASE.format(name="one", days=7)), bench.state(old), {})
    assert planned.risks == ()
    assert [(change.logical_id, change.causes) for change in planned.changes] == [
        ("Database", ("BackupRetentionPeriod",))
    ]


def test_dropping_what_holds_data_is_a_risk() -> None:
    bench = Bench()
    old = template("data", DATABASE.format(name="one", days=1))
    bench.api.put(old, "UPDATE_COMPLETE")
    planned = planner.plan_stack(replace(old, body=BODY), bench.state(old), {})
    assert [(risk.logical_id, risk.what) for risk in planned.risks] == [("Database", "deleted")]


def test_a_changed_output_of_another_stack_is_a_parameter_change() -> None:
    bench = Bench()
    platform = template()
    bench.api.put(platform, "UPDATE_COMPLETE", outputs={"Arn": "new"})
    app = template("app", parameters={"Arn": FromOutput("platform", "Arn")})
    bench.api.put(app, "UPDATE_COMPLETE", parameters={"Arn": "old", "Gone": "x"})
    planned = planner.plan_stack(app, bench.state(platform, app), {})
    assert planned.action == "update"
    assert planned.parameters == (ParameterChange("Arn", "old", "new"), ParameterChange("Gone", "x", None))


def test_migrations_run_only_when_the_service_gets_another_image() -> None:
    bench = Bench()
    app = template("app")
    context: planner.Context = {"image_uri": "repo@sha256:2"}
    assert planner.needs_migration([app], RemoteState(), context)
    bench.api.put(app, "UPDATE_COMPLETE", parameters={"ImageUri": "repo@sha256:1"})
    assert planner.needs_migration([app], bench.state(app), context)
    assert not planner.needs_migration([app], bench.state(app), {"image_uri": "repo@sha256:1"})
    assert not planner.needs_migration([template("data")], bench.state(app), context)


def test_intrinsics_are_compared_whole_and_versions_are_no_dates() -> None:
    parsed = compare.parse("A: !GetAtt X.Y.Z\nB: 2012-10-17\nC: !Sub '${A}'\nD: !If [a, !Ref b, c]\n")
    assert parsed == {
        "A": {"Fn::GetAtt": ["X", "Y.Z"]},
        "B": "2012-10-17",
        "C": {"Fn::Sub": "${A}"},
        "D": {"Fn::If": ["a", {"Ref": "b"}, "c"]},
    }
    assert compare.differing({"P": {"Ref": "a"}}, {"P": {"Ref": "b"}}) == ["P"]
