"""Drift as CloudFormation tells it: read from its answers, without AWS's own changes and without secrets."""

from __future__ import annotations

from typing import Any

import pytest

from opsctl.aws.cloudformation import StackResource
from opsctl.aws.drift import Detection, Difference, Drifts, ResourceDrift
from opsctl.aws.errors import AwsError
from opsctl.cli.render_drift import drift_text
from opsctl.deploy.drift import HIDDEN, DriftReport, by_hand, stack_drift, words
from tests.unit.aws.clients import stubbed

WHEN = "2026-01-01T00:00:00Z"
STACK = "arn:aws:cloudformation:us-east-1:123456789012:stack/dev-app/1"


def answered(logical_id: str, status: str, *differences: tuple[str, str, str, str]) -> dict[str, Any]:
    keys = ("PropertyPath", "ExpectedValue", "ActualValue", "DifferenceType")
    told = [dict(zip(keys, each, strict=True)) for each in differences]
    return {
        "StackId": STACK, "LogicalResourceId": logical_id, "PhysicalResourceId": f"id-{logical_id}",
        "ResourceType": "AWS::SNS::Topic", "StackResourceDriftStatus": status, "Timestamp": WHEN,
        **({"PropertyDifferences": told} if told else {}),
    }  # fmt: skip


def modified(*differences: Difference, kind: str = "AWS::SNS::Topic") -> ResourceDrift:
    return ResourceDrift("Topic", "id", kind, "MODIFIED", differences)


def resource(name: str, kind: str = "AWS::SNS::Topic") -> StackResource:
    return StackResource(name, f"id-{name}", kind, "CREATE_COMPLETE")


def test_results_are_read_page_by_page() -> None:
    with stubbed("cloudformation") as (made, stub):
        first = {"StackResourceDrifts": [answered("A", "MODIFIED", ("/Port", "1", "2", "NOT_EQUAL"))], "NextToken": "n"}
        stub.add_response("describe_stack_resource_drifts", first, {"StackName": "dev-app"})
        second = {"StackResourceDrifts": [answered("B", "DELETED")]}
        stub.add_response("describe_stack_resource_drifts", second, {"StackName": "dev-app", "NextToken": "n"})
        found = Drifts(made).resources("dev-app")
    assert [(each.logical_id, each.status) for each in found] == [("A", "MODIFIED"), ("B", "DELETED")]
    assert found[0].differences == (Difference("/Port", "1", "2", "NOT_EQUAL"),)


def test_a_check_that_runs_already_is_waited_for_and_another_refusal_is_one() -> None:
    with stubbed("cloudformation") as (made, stub):
        stub.add_client_error("detect_stack_drift", "ValidationError", "Drift detection is already in progress for it")
        stub.add_client_error("detect_stack_drift", "ValidationError", "Stack with id x does not exist")
        assert Drifts(made).detect("dev-app") is None
        with pytest.raises(AwsError, match="does not exist"):
            Drifts(made).detect("dev-app")


def test_a_detection_tells_how_far_it_is() -> None:
    answer = {"StackId": STACK, "StackDriftDetectionId": "d" * 36, "DetectionStatus": "DETECTION_FAILED",
              "DetectionStatusReason": "Failed to detect drift on resource [A]", "Timestamp": WHEN}  # fmt: skip
    with stubbed("cloudformation") as (made, stub):
        stub.add_response("describe_stack_drift_detection_status", answer, {"StackDriftDetectionId": "d" * 36})
        found = Drifts(made).detection("d" * 36)
    assert found == Detection("DETECTION_FAILED", "Failed to detect drift on resource [A]")
    assert not found.is_running
    assert Detection("DETECTION_IN_PROGRESS").is_running


def test_a_revert_keeps_template_and_parameters_and_says_what_it_is() -> None:
    asked = {
        "StackName": STACK, "ChangeSetName": "opsctl-1", "ChangeSetType": "UPDATE", "ClientToken": "opsctl-1",
        "UsePreviousTemplate": True, "Parameters": [{"ParameterKey": "Count", "UsePreviousValue": True}],
        "Capabilities": ["CAPABILITY_NAMED_IAM"], "DeploymentMode": "REVERT_DRIFT",
        "Description": "opsctl drift --revert",
    }  # fmt: skip
    with stubbed("cloudformation") as (made, stub):
        stub.add_response("create_change_set", {"Id": "arn:change"}, asked)
        arn = Drifts(made).create_revert(
            STACK, name="opsctl-1", token="opsctl-1", parameters={"Count": "2"}, capabilities=["CAPABILITY_NAMED_IAM"]
        )
    assert arn == "arn:change"


def test_what_can_not_be_compared_is_counted_and_in_sync_is_not_told() -> None:
    found = [
        ResourceDrift("A", "a", "AWS::SNS::Topic", "IN_SYNC"),
        ResourceDrift("B", "b", "AWS::SNS::Topic", "DELETED"),
        ResourceDrift("C", "c", "AWS::SNS::Topic", "UNKNOWN", reason="no permission"),
    ]
    resources = [resource("A"), resource("B"), resource("C"), resource("D", "Custom::Thing")]
    drift = stack_drift("app", "dev-app", found, resources)
    assert drift.checked == 2
    assert [each.logical_id for each in drift.drifted] == ["B"]
    assert drift.not_checked == ("C (AWS::SNS::Topic)", "D (Custom::Thing)")
    report = DriftReport("dev", (drift,))
    assert report.to_dict()["drifted"] is True
    assert report.to_dict()["stacks"][0]["drifted"][0]["status"] == "DELETED"


def test_a_minor_version_that_rds_moved_on_to_is_nobodys_change_and_another_major_one_is() -> None:
    moved = modified(Difference("/EngineVersion", "17", "17.9", "NOT_EQUAL"), kind="AWS::RDS::DBInstance")
    assert by_hand(moved) is None
    assert stack_drift("data", "dev-data", [moved], [resource("Topic")]).by_aws == 1
    other = modified(Difference("/EngineVersion", "17", "18.1", "NOT_EQUAL"), kind="AWS::RDS::DBInstance")
    assert by_hand(other) is not None


@pytest.mark.parametrize(
    "path",
    [
        "/MasterUserPassword", "/Environment/Variables/API", "/ContainerDefinitions/0/Environment/2/Value",
        "/SecretString", "/DefaultActions/0/AuthenticateOidcConfig/ClientSecret", "/AccessToken",
    ],
)  # fmt: skip
def test_a_value_that_may_be_secret_is_hidden(path: str) -> None:
    found = by_hand(modified(Difference(path, "hunter1", "hunter2", "NOT_EQUAL")))
    assert found is not None
    assert (found.differences[0].expected, found.differences[0].actual) == (HIDDEN, HIDDEN)


def test_a_secret_inside_of_a_value_is_hidden_and_what_only_names_one_is_not() -> None:
    inside = Difference(
        "/ContainerDefinitions/0", "null", '{"Environment": [{"Name": "A", "Value": "hunter2"}]}', "ADD"
    )
    variable = Difference("/List/3", "null", '{"Name": "KEY", "Value": "hunter2"}', "ADD")
    arn = Difference("/MasterUserSecretArn", "arn:1", "arn:2", "NOT_EQUAL")
    way = Difference("/MetadataOptions/HttpTokens", "required", "optional", "NOT_EQUAL")
    found = by_hand(modified(inside, variable, arn, way))
    assert found is not None
    assert "hunter2" not in str(found)
    assert found.differences[3].actual == "optional"
    assert found.differences[0].expected == "null"
    assert found.differences[2].actual == "arn:2"


@pytest.mark.parametrize(
    ("difference", "told"),
    [
        (Difference("/Port", "443", "8443", "NOT_EQUAL"), "Port 443 → 8443"),
        (Difference("/Tags/1/Value", "null", "x", "ADD"), "Tags.1.Value added: x"),
        (Difference("/Description", "one", "null", "REMOVE"), "Description removed, was one"),
        (Difference("/Description", "one", "null", "NOT_EQUAL"), "Description removed, was one"),
    ],
)
def test_a_difference_in_words(difference: Difference, told: str) -> None:
    assert words(difference) == told


def test_the_text_names_properties_counts_and_reasons_and_keeps_terminals_alone() -> None:
    changed = modified(Difference("/Port", "443", "8443\x1b[2J", "NOT_EQUAL"))
    drift = stack_drift("app", "dev-app", [changed], [resource("Topic"), resource("D")], "one could not be read")
    text = drift_text(DriftReport("dev", (drift,)))
    assert "app        1 changed, 1 compared, 1 can't be" in text
    assert "Port 443 → 8443" in text
    assert "! one could not be read" in text
    assert "opsctl drift --env dev --revert" in text
    assert "\x1b" not in text
    assert "--revert" not in drift_text(DriftReport("dev", (drift,)), hint=False)
    assert "Nothing that can be compared" in drift_text(DriftReport("dev", (stack_drift("app", "a", [], []),)))
