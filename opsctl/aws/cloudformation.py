"""CloudFormation: stacks, change sets and events, typed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from opsctl.aws.errors import AwsError
from opsctl.aws.translation import translated

# Both texts of a change set that would change nothing.
EMPTY_CHANGE_SET = ("The submitted information didn't contain changes", "No updates are to be performed")


@dataclass(frozen=True, slots=True)
class Stack:
    """A deployed stack as DescribeStacks tells it. `outputs` and `parameters` by key; `drift` is what the last check
    found, "" without one.
    """

    name: str
    id: str
    status: str
    reason: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    termination_protection: bool = False
    updated: datetime | None = None
    drift: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """One resource of a change set. `replacement` is "True", "False", "Conditional" or "" (add, remove)."""

    logical_id: str
    type: str
    action: str
    replacement: str = ""
    causes: tuple[str, ...] = ()
    policy_action: str = ""


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """A change set as described."""

    name: str
    status: str
    reason: str
    execution_status: str
    changes: tuple[Change, ...] = ()
    stack_id: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether it failed only because nothing changes."""
        return self.status == "FAILED" and any(text in self.reason for text in EMPTY_CHANGE_SET)


@dataclass(frozen=True, slots=True)
class StackEvent:
    """One line of a stack's history."""

    id: str
    stack_id: str
    at: datetime
    logical_id: str
    physical_id: str
    type: str
    status: str
    reason: str = ""
    token: str = ""

    @property
    def is_stack(self) -> bool:
        """Whether it tells of the stack itself, not of a resource."""
        return self.physical_id == self.stack_id


@dataclass(frozen=True, slots=True)
class StackResource:
    """A resource of a deployed stack."""

    logical_id: str
    physical_id: str
    type: str
    status: str


class CloudFormation:
    """Calls of one region. Every method raises AwsError."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def stacks(self) -> list[Stack]:
        """Every stack of the region that is not deleted: one call for up to a page of them."""
        found: list[Stack] = []
        with translated():
            for page in self._client.get_paginator("describe_stacks").paginate():
                found += [_stack(item) for item in page["Stacks"]]
        return found

    def deleted(self) -> list[Stack]:
        """Stacks of the region that were deleted within the last 90 days; `updated` is when. [API ListStacks]"""
        found: list[Stack] = []
        with translated():
            for page in self._client.get_paginator("list_stacks").paginate(StackStatusFilter=["DELETE_COMPLETE"]):
                found += [
                    Stack(each["StackName"], each["StackId"], each["StackStatus"], updated=each.get("DeletionTime"))
                    for each in page["StackSummaries"]
                ]
        return found

    def stack(self, name: str) -> Stack | None:
        """One stack by name or id; None when there is none."""
        try:
            with translated():
                items = self._client.describe_stacks(StackName=name)["Stacks"]
        except AwsError as error:
            if "does not exist" in error.message:
                return None
            raise
        return _stack(items[0]) if items else None

    def template(self, name: str) -> str:
        """The template as it was submitted."""
        with translated():
            body = self._client.get_template(StackName=name, TemplateStage="Original")["TemplateBody"]
        # botocore decodes a JSON template into a mapping.
        return body if isinstance(body, str) else json.dumps(body)

    def create_change_set(
        self,
        *,
        stack: str,
        name: str,
        kind: Literal["CREATE", "UPDATE"],
        token: str,
        parameters: Mapping[str, str],
        tags: Mapping[str, str],
        capabilities: Sequence[str],
        template_body: str | None = None,
        template_url: str | None = None,
        description: str = "",
    ) -> str:
        """Ask for a change set and return its ARN; it is made in the background."""
        source = {"TemplateBody": template_body} if template_url is None else {"TemplateURL": template_url}
        with translated():
            answer = self._client.create_change_set(
                StackName=stack,
                ChangeSetName=name,
                ChangeSetType=kind,
                ClientToken=token,
                Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
                Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
                Capabilities=list(capabilities),
                **({"Description": description} if description else {}),  # "" is refused
                # A repository or log group that an earlier `destroy` kept, or that somebody made, has a fixed name and
                # comes into the stack this way, on update as on create.
                # https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources-automatically.html
                ImportExistingResources=True,
                **source,
            )
        return str(answer["Id"])

    def change_set(self, arn: str) -> ChangeSet:
        """A change set with all its changes."""
        changes: list[Change] = []
        request: dict[str, Any] = {"ChangeSetName": arn}
        while True:
            with translated():
                answer = self._client.describe_change_set(**request)
            changes += [
                _change(item["ResourceChange"]) for item in answer.get("Changes", []) if "ResourceChange" in item
            ]
            if not answer.get("NextToken"):
                break
            request["NextToken"] = answer["NextToken"]
        return ChangeSet(
            name=answer.get("ChangeSetName", arn),
            status=answer["Status"],
            reason=answer.get("StatusReason", ""),
            execution_status=answer.get("ExecutionStatus", ""),
            changes=tuple(changes),
            stack_id=answer["StackId"],
        )

    def validation_failures(self, change_set_arn: str) -> list[str]:
        """What pre-deployment validation says about a change set that FAILED without being empty; warnings say so."""
        found: list[str] = []
        request: dict[str, Any] = {"ChangeSetName": change_set_arn}
        while True:
            try:
                with translated():
                    answer = self._client.describe_events(**request)
            except AwsError:
                return found  # an endpoint without this call: the change set's own reason has to do
            events = answer.get("OperationEvents", [])
            found += [_validation(event) for event in events if event.get("ValidationStatus") == "FAILED"]
            if not answer.get("NextToken"):
                return found
            request["NextToken"] = answer["NextToken"]

    def execute_change_set(self, arn: str, *, token: str) -> None:
        """Start it. Rolling back on failure is said explicitly: the documented default is the opposite."""
        with translated():
            self._client.execute_change_set(ChangeSetName=arn, ClientRequestToken=token, DisableRollback=False)

    def delete_change_set(self, arn: str) -> None:
        """Remove a change set that will not be executed."""
        with translated():
            self._client.delete_change_set(ChangeSetName=arn)

    def delete_stack(self, name: str, *, token: str, retain: Sequence[str] = ()) -> None:
        """Start deleting; `retain` is allowed by AWS only for a stack that is DELETE_FAILED."""
        extra = {"RetainResources": list(retain)} if retain else {}
        with translated():
            self._client.delete_stack(StackName=name, ClientRequestToken=token, **extra)

    def cancel_update(self, name: str, *, token: str) -> None:
        """Roll the update that runs back; taken in UPDATE_IN_PROGRESS only. [API CancelUpdateStack]"""
        with translated():
            self._client.cancel_update_stack(StackName=name, ClientRequestToken=token)

    def continue_rollback(self, name: str, *, token: str, skip: Sequence[str] = ()) -> None:
        """Resume a rollback that failed. Resources of `skip`, which must be UPDATE_FAILED, count as rolled back."""
        extra = {"ResourcesToSkip": list(skip)} if skip else {}
        with translated():
            self._client.continue_update_rollback(StackName=name, ClientRequestToken=token, **extra)

    def rollback(self, name: str, *, token: str) -> None:
        """Roll a stack in UPDATE_FAILED back to its last stable state."""
        with translated():
            self._client.rollback_stack(StackName=name, ClientRequestToken=token)

    def protect(self, name: str, *, enabled: bool) -> None:
        """Switch termination protection."""
        with translated():
            self._client.update_termination_protection(StackName=name, EnableTerminationProtection=enabled)

    def events(self, name: str) -> Iterator[StackEvent]:
        """Newest first, page by page: stop reading when you know the rest."""
        request: dict[str, Any] = {"StackName": name}
        while True:
            with translated():
                answer = self._client.describe_stack_events(**request)
            for item in answer["StackEvents"]:
                yield _event(item)
            if not answer.get("NextToken"):
                return
            request["NextToken"] = answer["NextToken"]

    def resources(self, name: str) -> list[StackResource]:
        """Resources of a stack."""
        found = []
        with translated():
            for page in self._client.get_paginator("list_stack_resources").paginate(StackName=name):
                for item in page["StackResourceSummaries"]:
                    found.append(
                        StackResource(
                            logical_id=item["LogicalResourceId"],
                            physical_id=item.get("PhysicalResourceId", ""),
                            type=item["ResourceType"],
                            status=item["ResourceStatus"],
                        )
                    )
        return found


def _validation(event: Mapping[str, Any]) -> str:
    path = event.get("ValidationPath") or event.get("LogicalResourceId", "")
    reason = event.get("ValidationStatusReason") or event.get("ValidationName", "")
    warning = " (a warning)" if event.get("ValidationFailureMode") == "WARN" else ""
    return f"{path}: {reason}{warning}"


def _stack(item: Mapping[str, Any]) -> Stack:
    return Stack(
        name=item["StackName"],
        id=item["StackId"],
        status=item["StackStatus"],
        reason=item.get("StackStatusReason", ""),
        parameters={entry["ParameterKey"]: entry.get("ParameterValue", "") for entry in item.get("Parameters", [])},
        outputs={entry["OutputKey"]: entry["OutputValue"] for entry in item.get("Outputs", [])},
        tags={entry["Key"]: entry["Value"] for entry in item.get("Tags", [])},
        termination_protection=bool(item.get("EnableTerminationProtection", False)),
        updated=item.get("LastUpdatedTime") or item.get("CreationTime"),
        drift=drift if (drift := item.get("DriftInformation", {}).get("StackDriftStatus", "")) != "NOT_CHECKED" else "",
    )


def _change(item: Mapping[str, Any]) -> Change:
    causes = {
        str(detail.get("Target", {}).get("Name") or detail.get("Target", {}).get("Attribute", ""))
        for detail in item.get("Details", [])
        if detail.get("Target", {}).get("RequiresRecreation") in {"Always", "Conditionally"}
    }
    return Change(
        logical_id=item["LogicalResourceId"],
        type=item["ResourceType"],
        action=item["Action"],
        replacement=str(item.get("Replacement", "")),
        causes=tuple(sorted(causes - {""})),
        policy_action=item.get("PolicyAction", ""),
    )


def _event(item: Mapping[str, Any]) -> StackEvent:
    return StackEvent(
        id=item["EventId"],
        stack_id=item["StackId"],
        at=item["Timestamp"],
        logical_id=item.get("LogicalResourceId", ""),
        physical_id=item.get("PhysicalResourceId", ""),
        type=item.get("ResourceType", ""),
        status=item.get("ResourceStatus", ""),
        reason=" ".join(item.get("ResourceStatusReason", "").split()),
        token=item.get("ClientRequestToken", ""),
    )
