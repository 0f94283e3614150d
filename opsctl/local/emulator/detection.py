"""Drift of types that ministack's detection leaves out, and change sets that put it back.

NOTE: ministack 1.5.33 detects drift of some types, reads a secret by its name where `Ref` is the ARN, and takes a
change set of DeploymentMode REVERT_DRIFT for an ordinary one. A type without a reader stays NOT_CHECKED, as on AWS.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from opsctl.local.emulator.seams import Modules
from opsctl.local.state import Json

Reader = Callable[[str, Json], Json | None]
"""A resource's properties as they are, by its physical id and the template's properties; None when it is gone."""

_KIND = {"AWS::EC2::SecurityGroupIngress": "IpPermissions", "AWS::EC2::SecurityGroupEgress": "IpPermissionsEgress"}
_RULE = frozenset({
    "CidrIp", "CidrIpv6", "DestinationPrefixListId", "DestinationSecurityGroupId", "FromPort", "GroupId", "IpProtocol",
    "SourcePrefixListId", "SourceSecurityGroupId", "ToPort",
})  # fmt: skip
_INLINE = {"SecurityGroupIngress": "IpPermissions", "SecurityGroupEgress": "IpPermissionsEgress"}
_SERVICE = {
    "DesiredCount": "desiredCount", "HealthCheckGracePeriodSeconds": "healthCheckGracePeriodSeconds",
    "TaskDefinition": "taskDefinition",
}  # fmt: skip
_LISTENER = frozenset({"Port", "Protocol", "SslPolicy"})
_GROUP = frozenset({
    "HealthCheckIntervalSeconds", "HealthCheckPath", "HealthCheckPort", "HealthCheckProtocol",
    "HealthCheckTimeoutSeconds", "HealthyThresholdCount", "Matcher", "Port", "Protocol", "UnhealthyThresholdCount",
})  # fmt: skip
_SECRET = "AWS::SecretsManager::Secret"  # noqa: S105  (a type)
_FOUND = "_opsctl_drift"


def install(modules: Modules) -> None:
    """Add the readers, and what a change set of that mode does."""
    readers = modules.drift._DRIFT_READERS
    rules = _Rules(modules)
    for name in _KIND:
        readers[name] = (rules.reader(name), _RULE)
    readers.update({
        "AWS::EC2::SecurityGroup": (rules.group, frozenset({"GroupDescription", "VpcId", *_INLINE})),
        "AWS::ECS::Service": (_service(modules.ecs), frozenset(_SERVICE)),
        "AWS::ElasticLoadBalancingV2::Listener": (_stored(modules.alb._listeners), _LISTENER),
        "AWS::ElasticLoadBalancingV2::TargetGroup": (_stored(modules.alb._tgs), _GROUP),
    })  # fmt: skip
    read, properties = readers[_SECRET]
    readers[_SECRET] = (_by_name(read, modules.secretsmanager), properties)
    Reverts(modules).install()


def _by_name(read: Reader, secretsmanager: Any) -> Reader:
    def by_arn(physical_id: str, props: Json) -> Json | None:
        key, secret = secretsmanager._resolve(physical_id)
        return read(str(key), props) if secret and not secret.get("DeletedDate") else None

    return by_arn


def _stored(store: Any) -> Reader:
    """Of what is kept under the template's own names."""
    return lambda physical_id, _props: store.get(physical_id)


def _service(ecs: Any) -> Reader:
    def read(physical_id: str, _props: Json) -> Json | None:
        cluster, name = physical_id.rsplit("/", 2)[-2:]
        service = ecs._services.get(f"{cluster}/{name}")
        if service is None or service.get("status") == "INACTIVE":
            return None
        return {name: service[key] for name, key in _SERVICE.items() if service.get(key) is not None}

    return read


class _Rules:
    """Security groups and their rules, which are part of a group or resources of their own."""

    def __init__(self, modules: Modules) -> None:
        self._ec2 = modules.ec2
        self._provisioners = modules.provisioners
        self._records = modules.cloudformation._stacks

    def reader(self, resource_type: str) -> Reader:
        """Of a rule that is a resource: it is as it was made, or it is gone."""

        def read(_physical_id: str, props: Json) -> Json | None:
            group = self._ec2._security_groups.get(props.get("GroupId"))
            rules = (group or {}).get(_KIND[resource_type], [])
            return props if self._among(self._permission(props), rules) else None

        return read

    def group(self, physical_id: str, props: Json) -> Json | None:
        """A group with the rules that it has beside those which are resources; in the template's words where they are
        the template's. CloudFormation knows attached rules as well. [UG CFN, using-cfn-stack-drift]
        """
        group = self._ec2._security_groups.get(physical_id)
        if group is None:
            return None
        found: Json = {"GroupDescription": group.get("Description"), "VpcId": group.get("VpcId")}
        for name, kind in _INLINE.items():
            wanted = [each for each in props.get(name) or [] if isinstance(each, dict)]
            known = [self._permission(each) for each in wanted] + self._attached(physical_id, kind)
            there = group.get(kind, [])
            found[name] = [each for each in wanted if self._among(self._permission(each), there)]
            found[name] += [_as_rule(each) for each in there if not self._among(each, known)]
        return found

    def _attached(self, group: str, kind: str) -> list[Json]:
        return [
            self._permission(record["Properties"])
            for _key, stack in list(self._records.all_items())
            for record in stack.get("_resources", {}).values()
            if _KIND.get(record.get("ResourceType", "")) == kind and record["Properties"].get("GroupId") == group
        ]

    def _permission(self, rule: Json) -> Json:
        found: Json = self._provisioners._ec2_sg_permissions([rule])[0]
        return found

    def _among(self, permission: Json, others: list[Json]) -> bool:
        return any(self._ec2._rules_match(permission, each) for each in others)


def _as_rule(permission: Json) -> Json:
    """A rule that no template has, as one would write it; of several sources the first."""
    rule: Json = {name: permission[name] for name in ("IpProtocol", "FromPort", "ToPort") if name in permission}
    sources = {
        "CidrIp": ("IpRanges", "CidrIp"), "CidrIpv6": ("Ipv6Ranges", "CidrIpv6"),
        "SourceSecurityGroupId": ("UserIdGroupPairs", "GroupId"),
    }  # fmt: skip
    for name, (key, inner) in sources.items():
        if permission.get(key):
            rule[name] = permission[key][0].get(inner, "")
    return rule


class Reverts:
    """Change sets of DeploymentMode REVERT_DRIFT.

    Executing one first writes into the stack's record what really is there: the handlers then find what differs, and a
    roll-back leads to what was there before, as on AWS.
    """

    def __init__(self, modules: Modules) -> None:
        self._drift = modules.drift
        self._changesets = modules.changesets
        self._records = modules.cloudformation._stacks
        self._actions = modules.handlers._ACTION_HANDLERS

    def install(self) -> None:
        """Put both calls in place."""
        create, execute = self._actions["CreateChangeSet"], self._actions["ExecuteChangeSet"]

        def create_change_set(params: Json) -> Any:
            answer = create(params)
            if _text(params, "DeploymentMode") == "REVERT_DRIFT" and answer[0] == 200:
                self._note(_text(params, "ChangeSetName"), _text(params, "StackName"))
            return answer

        def execute_change_set(params: Json) -> Any:
            _id, change_set = self._find(_text(params, "ChangeSetName"), _text(params, "StackName"))
            if change_set and change_set.get(_FOUND) and change_set["ExecutionStatus"] == "AVAILABLE":
                self._write_down(change_set)
            return execute(params)

        self._actions.update(CreateChangeSet=create_change_set, ExecuteChangeSet=execute_change_set)

    def _find(self, name: str, stack: str) -> tuple[str, Json | None]:
        found: tuple[str, Json | None] = self._changesets._find_change_set(
            name, stack.rpartition(":stack/")[2].split("/")[0]
        )
        return found

    def _note(self, name: str, stack_name: str) -> None:
        """What the change set finds, and would therefore do beside what the template changes."""
        _id, change_set = self._find(name, stack_name)
        if change_set is None:
            return
        stack = self._records[change_set["StackName"]]
        found = {}
        for logical_id, record in stack.get("_resources", {}).items():
            if self._drift.supports_drift(record.get("ResourceType", "")):
                drift = self._drift.detect_resource_drift(stack, logical_id, record, change_set["CreationTime"])
                if drift["StackResourceDriftStatus"] in ("MODIFIED", "DELETED"):
                    found[logical_id] = drift
        planned = {each["ResourceChange"]["LogicalResourceId"] for each in change_set["Changes"]}
        change_set["Changes"] = [
            *change_set["Changes"],
            *(_change(each) for logical_id, each in found.items() if logical_id not in planned),
        ]
        change_set[_FOUND] = found
        if found:
            change_set.update(Status="CREATE_COMPLETE", ExecutionStatus="AVAILABLE", StatusReason="")

    def _write_down(self, change_set: Json) -> None:
        resources = self._records[change_set["StackName"]].get("_resources", {})
        for logical_id, drift in change_set[_FOUND].items():
            if drift["StackResourceDriftStatus"] == "DELETED":
                resources.pop(logical_id, None)
            elif logical_id in resources:
                expected, actual = json.loads(drift["ExpectedProperties"]), json.loads(drift["ActualProperties"])
                kept = {
                    name: value for name, value in resources[logical_id]["Properties"].items() if name not in expected
                }
                resources[logical_id]["Properties"] = {**kept, **actual}


def _change(found: Json) -> Json:
    deleted = found["StackResourceDriftStatus"] == "DELETED"
    names = dict.fromkeys(each["PropertyPath"].split("/")[1] for each in found.get("PropertyDifferences", []))
    details = [
        {"Target": {"Attribute": "Properties", "Name": name, "RequiresRecreation": "Never"}, "Evaluation": "Static"}
        for name in names
    ]
    change = {
        "Action": "Add" if deleted else "Modify", "LogicalResourceId": found["LogicalResourceId"],
        "ResourceType": found["ResourceType"], "Scope": [] if deleted else ["Properties"], "Details": details,
    }  # fmt: skip
    if not deleted:
        change |= {"PhysicalResourceId": found["PhysicalResourceId"], "Replacement": "False"}
    return {"ResourceChange": change}


def _text(params: Json, name: str) -> str:
    return str((params.get(name) or [""])[0])
