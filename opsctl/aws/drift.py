"""CloudFormation's drift: where resources differ from their templates, and change sets that put them back.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-drift.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/drift-aware-change-sets.html
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from opsctl.aws.errors import AwsError
from opsctl.aws.translation import translated


@dataclass(frozen=True, slots=True)
class Difference:
    """A property that differs. `path` is a JSON pointer; `kind` is ADD, REMOVE or NOT_EQUAL. A value is text, JSON for
    what is more than that; "null" where there is none.
    """

    path: str
    expected: str
    actual: str
    kind: str


@dataclass(frozen=True, slots=True)
class ResourceDrift:
    """A resource that was checked. `status` is IN_SYNC, MODIFIED, DELETED, UNKNOWN, NOT_CHECKED or UNSUPPORTED."""

    logical_id: str
    physical_id: str
    type: str
    status: str
    differences: tuple[Difference, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Detection:
    """A check of a stack: `status` is DETECTION_IN_PROGRESS, DETECTION_COMPLETE or DETECTION_FAILED. One that failed
    has results of the resources that could be read.
    """

    status: str
    reason: str = ""

    @property
    def is_running(self) -> bool:
        """Whether its results are not there yet."""
        return self.status == "DETECTION_IN_PROGRESS"


class Drifts:
    """Calls of one region. Every method raises AwsError."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def detect(self, stack: str) -> str | None:
        """Begin to check a stack; answers the id to ask with, None while another check of it runs."""
        try:
            with translated():
                return str(self._client.detect_stack_drift(StackName=stack)["StackDriftDetectionId"])
        except AwsError as error:
            if "already in progress" in error.message:
                return None
            raise

    def detection(self, check: str) -> Detection:
        """How far a check is."""
        with translated():
            answer = self._client.describe_stack_drift_detection_status(StackDriftDetectionId=check)
        return Detection(answer["DetectionStatus"], answer.get("DetectionStatusReason", ""))

    def resources(self, stack: str) -> list[ResourceDrift]:
        """What the last check of a stack found, of every resource that it could check."""
        found: list[ResourceDrift] = []
        request: dict[str, Any] = {"StackName": stack}
        while True:
            with translated():
                answer = self._client.describe_stack_resource_drifts(**request)
            found += [_resource(each) for each in answer["StackResourceDrifts"]]
            if not answer.get("NextToken"):
                return found
            request["NextToken"] = answer["NextToken"]

    def resource(self, stack: str, logical_id: str) -> ResourceDrift:
        """Check one resource, at once. A type that can't be checked is a ValidationError."""
        with translated():
            answer = self._client.detect_stack_resource_drift(StackName=stack, LogicalResourceId=logical_id)
        return _resource(answer["StackResourceDrift"])

    def create_revert(
        self, stack: str, *, name: str, token: str, parameters: Iterable[str], capabilities: Sequence[str]
    ) -> str:
        """Ask for a change set that brings resources to the template in force; returns its ARN. It is made in the
        background. Parameters, by name, and tags stay as they are.
        """
        with translated():
            answer = self._client.create_change_set(
                StackName=stack,
                ChangeSetName=name,
                ChangeSetType="UPDATE",
                ClientToken=token,
                UsePreviousTemplate=True,
                Parameters=[{"ParameterKey": each, "UsePreviousValue": True} for each in parameters],
                Capabilities=list(capabilities),
                DeploymentMode="REVERT_DRIFT",
                Description="opsctl drift --revert",
            )
        return str(answer["Id"])


def _resource(item: dict[str, Any]) -> ResourceDrift:
    return ResourceDrift(
        logical_id=item["LogicalResourceId"],
        physical_id=item.get("PhysicalResourceId", ""),
        type=item["ResourceType"],
        status=item["StackResourceDriftStatus"],
        differences=tuple(
            Difference(
                each["PropertyPath"], each.get("ExpectedValue", ""), each.get("ActualValue", ""), each["DifferenceType"]
            )
            for each in item.get("PropertyDifferences", [])
        ),
        reason=item.get("DriftStatusReason", ""),
    )
