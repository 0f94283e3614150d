"""CloudFormation by Stubber: what is sent is checked against the API's own model, what comes back is typed."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import pytest
from botocore.stub import ANY

from opsctl.aws.cloudformation import Change, ChangeSet, CloudFormation, Stack, StackResource
from opsctl.aws.errors import AwsError, AwsRefusedError

from .clients import stubbed

ARN = "arn:aws:cloudformation:us-east-1:123456789012:stack/dev-data/1"
CHANGE_SET = "arn:aws:cloudformation:us-east-1:123456789012:changeSet/opsctl-1/1"
AT = datetime(2026, 1, 1, tzinfo=UTC)


def stack(name: str = "dev-data", status: str = "CREATE_COMPLETE", **more: Any) -> dict[str, Any]:
    return {"StackName": name, "StackId": ARN, "StackStatus": status, "CreationTime": AT, **more}


def described(status: str, reason: str = "", **more: Any) -> dict[str, Any]:
    return {
        "ChangeSetName": "opsctl-1", "Status": status, "StatusReason": reason, "ExecutionStatus": "AVAILABLE",
        "StackId": "arn:aws:cloudformation:us-east-1:123456789012:stack/dev-app/1", **more,
    }  # fmt: skip


# -- stacks ------------------------------------------------------------------------------------------------------------


def test_stacks_of_all_pages_are_read() -> None:
    with stubbed("cloudformation") as (made, stub):
        stub.add_response("describe_stacks", {"Stacks": [stack("a")], "NextToken": "2"}, {})
        stub.add_response("describe_stacks", {"Stacks": [stack("b"), stack("c")]}, {"NextToken": "2"})
        assert [item.name for item in CloudFormation(made).stacks()] == ["a", "b", "c"]


def test_deleted_stacks_of_all_pages_have_the_time_of_it() -> None:
    gone = {"StackName": "a", "StackId": ARN, "StackStatus": "DELETE_COMPLETE",
            "CreationTime": datetime(2026, 1, 1, tzinfo=UTC)}  # fmt: skip
    at = datetime(2026, 2, 1, tzinfo=UTC)
    asked = {"StackStatusFilter": ["DELETE_COMPLETE"]}
    with stubbed("cloudformation") as (made, stub):
        stub.add_response("list_stacks", {"StackSummaries": [{**gone, "DeletionTime": at}], "NextToken": "2"}, asked)
        stub.add_response("list_stacks", {"StackSummaries": [gone]}, {**asked, "NextToken": "2"})
        assert CloudFormation(made).deleted() == [
            Stack("a", ARN, "DELETE_COMPLETE", updated=at), Stack("a", ARN, "DELETE_COMPLETE"),
        ]  # fmt: skip


def test_a_stack_is_typed() -> None:
    answer = stack(
        StackStatusReason="why",
        Parameters=[{"ParameterKey": "P", "ParameterValue": "1"}, {"ParameterKey": "Empty"}],
        Outputs=[{"OutputKey": "O", "OutputValue": "2"}],
        Tags=[{"Key": "team", "Value": "x"}],
        EnableTerminationProtection=True,
        LastUpdatedTime=datetime(2026, 2, 1, tzinfo=UTC),
    )
    with stubbed("cloudformation") as (made, stub):
        stub.add_response("describe_stacks", {"Stacks": [answer]}, {"StackName": "dev-data"})
        assert CloudFormation(made).stack("dev-data") == Stack(
            "dev-data", ARN, "CREATE_COMPLETE", "why", {"P": "1", "Empty": ""}, {"O": "2"}, {"team": "x"},
            termination_protection=True, updated=datetime(2026, 2, 1, tzinfo=UTC),
        )  # fmt: skip


@pytest.mark.parametrize("text", ["Stack with id dev-data does not exist", "Stack [dev-data] does not exist"])
def test_both_texts_of_a_missing_stack_mean_none(text: str) -> None:
    with stubbed("cloudformation") as (made, stub):
        stub.add_client_error("describe_stacks", "ValidationError", text)
        assert CloudFormation(made).stack("dev-data") is None


def test_a_stack_that_may_not_be_read_is_not_missing() -> None:
    with stubbed("cloudformation") as (made, stub):
        stub.add_client_error("describe_stacks", "AccessDenied", "User is not authorized")
        with pytest.raises(AwsRefusedError):
            CloudFormation(made).stack("dev-data")


def test_a_template_is_read_as_it_was_submitted() -> None:
    body = {"Resources": {"A": {"Type": "AWS::SNS::Topic"}}}
    with stubbed("cloudformation") as (made, stub):
        stub.add_response(
            "get_template", {"TemplateBody": json.dumps(body)}, {"StackName": "x", "TemplateStage": "Original"}
        )
        assert json.loads(CloudFormation(made).template("x")) == body


def test_resources_of_all_pages_are_read() -> None:
    def page(name: str, **more: Any) -> dict[str, Any]:
        item = {"LogicalResourceId": name, "ResourceType": "T", "ResourceStatus": "S", "LastUpdatedTimestamp": AT}
        return {"StackResourceSummaries": [{**item, **more}]}

    with stubbed("cloudformation") as (made, stub):
        stub.add_response("list_stack_resources", {**page("A", PhysicalResourceId="a-1"), "NextToken": "2"})
        stub.add_response("list_stack_resources", page("B"), {"StackName": "x", "NextToken": "2"})
        assert CloudFormation(made).resources("x") == [
            StackResource("A", "a-1", "T", "S"),
            StackResource("B", "", "T", "S"),
        ]


# -- change sets -------------------------------------------------------------------------------------------------------

REQUEST = {
    "StackName": "dev-data",
    "ChangeSetName": "opsctl-1",
    "ClientToken": "opsctl-1",
    "Parameters": [{"ParameterKey": "P", "ParameterValue": "1"}],
    "Tags": [{"Key": "team", "Value": "x"}],
    "Capabilities": ["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
}


def create(made: Any, **more: Any) -> str:
    return CloudFormation(made).create_change_set(
        stack="dev-data", name="opsctl-1", token="opsctl-1", parameters={"P": "1"}, tags={"team": "x"},
        capabilities=("CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"), **more,
    )  # fmt: skip


def test_a_create_takes_over_what_an_earlier_destroy_kept() -> None:
    sent = {**REQUEST, "ChangeSetType": "CREATE", "TemplateBody": "{}", "ImportExistingResources": True}
    with stubbed("cloudformation") as (made, stub):
        stub.add_response("create_change_set", {"Id": CHANGE_SET}, sent)
        assert create(made, kind="CREATE", template_body="{}") == CHANGE_SET


def test_an_update_takes_over_what_is_there_and_takes_a_large_template_by_url() -> None:
    sent = {
        **REQUEST, "ChangeSetType": "UPDATE", "TemplateURL": "https://x/t.yaml", "Description": "d",
        "ImportExistingResources": True,
    }  # fmt: skip
    with stubbed("cloudformation") as (made, stub):
        stub.add_response("create_change_set", {"Id": CHANGE_SET}, sent)
        create(made, kind="UPDATE", template_url="https://x/t.yaml", description="d")


def test_changes_of_all_pages_are_read() -> None:
    replaced = {
        "Type": "Resource",
        "ResourceChange": {
            "Action": "Modify", "LogicalResourceId": "Database", "ResourceType": "AWS::RDS::DBInstance",
            "Replacement": "True", "PolicyAction": "ReplaceAndRetain",
            "Details": [
                {"Target": {"Attribute": "Properties", "Name": "DBName", "RequiresRecreation": "Always"}},
                {"Target": {"Attribute": "Properties", "Name": "Tags", "RequiresRecreation": "Never"}},
                {"Target": {"Attribute": "Tags", "RequiresRecreation": "Conditionally"}},
            ],
        },
    }  # fmt: skip
    added = {"ResourceChange": {"Action": "Add", "LogicalResourceId": "Topic", "ResourceType": "AWS::SNS::Topic"}}
    with stubbed("cloudformation") as (made, stub):
        first = {"ChangeSetName": CHANGE_SET}
        stub.add_response("describe_change_set", described("CREATE_COMPLETE", Changes=[replaced], NextToken="2"), first)
        stub.add_response(
            "describe_change_set", described("CREATE_COMPLETE", Changes=[added, {}]), {**first, "NextToken": "2"}
        )
        found = CloudFormation(made).change_set(CHANGE_SET)
    assert found == ChangeSet(
        "opsctl-1", "CREATE_COMPLETE", "", "AVAILABLE",
        (
            Change("Database", "AWS::RDS::DBInstance", "Modify", "True", ("DBName", "Tags"), "ReplaceAndRetain"),
            Change("Topic", "AWS::SNS::Topic", "Add"),
        ),
        "arn:aws:cloudformation:us-east-1:123456789012:stack/dev-app/1",
    )  # fmt: skip
    assert not found.is_empty


# https://docs.aws.amazon.com/cli/latest/reference/cloudformation/deploy/ : two wordings, by template and by transform.
@pytest.mark.parametrize(
    ("status", "reason", "empty"),
    [
        ("FAILED", "The submitted information didn't contain changes. Submit different information.", True),
        ("FAILED", "No updates are to be performed.", True),
        ("FAILED", "The following hook(s)/validation failed: [AWS::EarlyValidation::PropertyValidation].", False),
        ("CREATE_COMPLETE", "No updates are to be performed.", False),
    ],
)
def test_a_failed_change_set_is_empty_only_with_one_of_two_texts(status: str, reason: str, empty: bool) -> None:
    with stubbed("cloudformation") as (made, stub):
        stub.add_response("describe_change_set", described(status, reason))
        assert CloudFormation(made).change_set(CHANGE_SET).is_empty is empty


def event(**more: Any) -> dict[str, Any]:
    return {"EventId": "1", "StackId": ARN, "EventType": "VALIDATION_ERROR", "Timestamp": AT, **more}


def test_validation_failures_of_all_pages_are_told_with_their_paths() -> None:
    failed = event(
        ValidationStatus="FAILED", ValidationPath="/Resources/Queue/Properties/Nme",
        ValidationName="PROPERTY_VALIDATION", ValidationStatusReason="Unsupported property [Nme]",
        ValidationFailureMode="FAIL",
    )  # fmt: skip
    warned = event(
        ValidationStatus="FAILED", LogicalResourceId="Bucket", ValidationName="BUCKET_EMPTINESS",
        ValidationFailureMode="WARN",
    )  # fmt: skip
    skipped = event(ValidationStatus="SKIPPED", LogicalResourceId="Topic")
    with stubbed("cloudformation") as (made, stub):
        first = {"ChangeSetName": CHANGE_SET}
        stub.add_response("describe_events", {"OperationEvents": [skipped, failed], "NextToken": "2"}, first)
        stub.add_response("describe_events", {"OperationEvents": [warned, event()]}, {**first, "NextToken": "2"})
        assert CloudFormation(made).validation_failures(CHANGE_SET) == [
            "/Resources/Queue/Properties/Nme: Unsupported property [Nme]",
            "Bucket: BUCKET_EMPTINESS (a warning)",
        ]


def test_validation_that_can_not_be_asked_for_hides_no_other_reason() -> None:
    with stubbed("cloudformation") as (made, stub):
        stub.add_client_error("describe_events", "InvalidAction")
        assert CloudFormation(made).validation_failures(CHANGE_SET) == []


def test_executing_says_that_failures_roll_back() -> None:
    """DisableRollback is documented as true by default, so leaving it out is not an option."""
    sent = {"ChangeSetName": CHANGE_SET, "ClientRequestToken": "t", "DisableRollback": False}
    with stubbed("cloudformation") as (made, stub):
        stub.add_response("execute_change_set", {}, sent)
        CloudFormation(made).execute_change_set(CHANGE_SET, token="t")


# -- other writes ------------------------------------------------------------------------------------------------------


def test_each_write_carries_its_client_token() -> None:
    token = {"StackName": "x", "ClientRequestToken": "t"}
    with stubbed("cloudformation") as (made, stub):
        stub.add_response("delete_stack", {}, token)
        stub.add_response("delete_stack", {}, {**token, "RetainResources": ["Database"]})
        stub.add_response("continue_update_rollback", {}, token)
        stub.add_response("rollback_stack", {}, token)
        stub.add_response("delete_change_set", {}, {"ChangeSetName": CHANGE_SET})
        stub.add_response("update_termination_protection", {}, {"StackName": "x", "EnableTerminationProtection": False})
        api = CloudFormation(made)
        api.delete_stack("x", token="t")
        api.delete_stack("x", token="t", retain=("Database",))
        api.continue_rollback("x", token="t")
        api.rollback("x", token="t")
        api.delete_change_set(CHANGE_SET)
        api.protect("x", enabled=False)


def test_a_stack_in_the_wrong_state_is_an_error_with_its_words() -> None:
    text = "Stack:arn is in ROLLBACK_COMPLETE state and can not be updated."
    with stubbed("cloudformation") as (made, stub):
        stub.add_client_error("create_change_set", "ValidationError", text)
        with pytest.raises(AwsError, match="ROLLBACK_COMPLETE state and can not be updated"):
            create(made, kind="UPDATE", template_body="{}")


# -- events ------------------------------------------------------------------------------------------------------------


def happened(number: int, **more: Any) -> dict[str, Any]:
    return {"StackId": ARN, "EventId": str(number), "StackName": "dev-data", "Timestamp": AT, **more}


def test_events_are_read_page_by_page_only_as_far_as_needed() -> None:
    with stubbed("cloudformation") as (made, stub):
        stub.add_response("describe_stack_events", {"StackEvents": [happened(3), happened(2)], "NextToken": "2"})
        newest = islice(CloudFormation(made).events("dev-data"), 2)
        assert [item.id for item in newest] == ["3", "2"]


def test_events_of_all_pages_are_read_when_asked_for() -> None:
    with stubbed("cloudformation") as (made, stub):
        stub.add_response("describe_stack_events", {"StackEvents": [happened(2)], "NextToken": "2"}, {"StackName": ANY})
        stub.add_response(
            "describe_stack_events", {"StackEvents": [happened(1)]}, {"StackName": "dev-data", "NextToken": "2"}
        )
        assert [item.id for item in CloudFormation(made).events("dev-data")] == ["2", "1"]


def test_a_reason_of_several_lines_is_read_as_one() -> None:
    refused = happened(1, ResourceStatusReason='server closed the connection\n\tThis probably means "x"\n')
    with stubbed("cloudformation") as (made, stub):
        stub.add_response("describe_stack_events", {"StackEvents": [refused]})
        (event,) = CloudFormation(made).events("dev-data")
    assert event.reason == 'server closed the connection This probably means "x"'


def test_an_event_of_the_stack_itself_differs_from_one_of_a_nested_stack() -> None:
    kind = "AWS::CloudFormation::Stack"
    own = happened(1, PhysicalResourceId=ARN, ResourceType=kind, ResourceStatus="CREATE_COMPLETE")
    nested = happened(
        2, PhysicalResourceId=ARN + "-nested", ResourceType=kind, LogicalResourceId="Rotation",
        ResourceStatus="CREATE_FAILED", ResourceStatusReason="no", ClientRequestToken="t",
    )  # fmt: skip
    with stubbed("cloudformation") as (made, stub):
        stub.add_response("describe_stack_events", {"StackEvents": [nested, own]})
        rotation, itself = CloudFormation(made).events("dev-data")
    assert (rotation.is_stack, itself.is_stack) == (False, True)
    assert (rotation.logical_id, rotation.status, rotation.reason, rotation.token) == (
        "Rotation", "CREATE_FAILED", "no", "t"
    )  # fmt: skip
