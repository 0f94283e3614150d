"""What an update keeps less long, or protects less, though nothing of it is replaced: data that goes without a word.

Backups, logs and messages beyond a shorter time are deleted by AWS itself.
https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_WorkingWithAutomatedBackups.BackupRetention.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from opsctl.deploy.review.values import MISSING, at, render

Resources = Mapping[str, Mapping[str, Any]]

# How long something is kept: what it is, and the number that AWS takes where there is none (of log events: for good).
_TIMES: Mapping[tuple[str, str], tuple[str, float]] = {
    ("AWS::RDS::DBInstance", "BackupRetentionPeriod"): ("days of backups", 1),
    ("AWS::Logs::LogGroup", "RetentionInDays"): ("days of log events", math.inf),
    ("AWS::SQS::Queue", "MessageRetentionPeriod"): ("seconds of messages", 345_600),
}
# What guards data: the value that does, and the one that AWS takes where there is none.
_GUARDS: Mapping[tuple[str, str], tuple[str, str]] = {
    ("AWS::RDS::DBInstance", "DeletionProtection"): ("true", "false"),
    ("AWS::RDS::DBInstance", "DeleteAutomatedBackups"): ("false", "true"),
    ("AWS::S3::Bucket", "VersioningConfiguration.Status"): ("Enabled", "Suspended"),
}
_POLICIES = {"Delete": 0, "Snapshot": 1, "RetainExceptOnCreate": 2, "Retain": 2}
# Deleted with what is in it, and nothing else keeps that.
_HOLDS = {"AWS::SQS::Queue": "the messages in it"}
_RULES = "LifecycleConfiguration.Rules"


@dataclass(frozen=True, slots=True)
class Loss:
    """Data that would be deleted, or that less would guard than before."""

    logical_id: str
    type: str
    text: str


def losses(before: Resources, after: Resources) -> Iterator[Loss]:
    """Both are resources by logical id, with resolved properties."""
    for name, new in after.items():
        old = before.get(name)
        if old is not None and old["Type"] == new["Type"]:
            for text in _texts(new["Type"], old, new):
                yield Loss(name, new["Type"], text)
    for name, old in before.items():
        if name not in after and old["Type"] in _HOLDS:
            yield Loss(name, old["Type"], f"deleted, with {_HOLDS[old['Type']]}")


def _texts(kind: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    one, other = old.get("Properties", {}), new.get("Properties", {})
    for (of, path), (what, default) in _TIMES.items():
        was, now = (_number(at(each, path), default) for each in (one, other))
        if of == kind and now < was:
            yield f"{path}: {now:g} {what} are kept, before {'all' if was == math.inf else f'{was:g}'}"
    for (of, path), (guards, none) in _GUARDS.items():
        texts = [none if (found := at(each, path)) is MISSING else render(found) for each in (one, other)]
        if of == kind and texts[0] == guards != texts[1]:
            yield f"{path}: {texts[1]}, before {guards}"
    if kind == "AWS::S3::Bucket" and (rules := _expiring(other) - _expiring(one)):
        yield f"{_RULES}: other objects are deleted than before ({', '.join(sorted(map(_rule_name, rules)))})"
    if kind == "AWS::ElasticLoadBalancingV2::LoadBalancer" and _guarded(one) and not _guarded(other):
        yield "deletion_protection.enabled: false, before true"
    for key in ("DeletionPolicy", "UpdateReplacePolicy"):
        policies = [_policy(kind, key, each) for each in (old, new)]
        if _POLICIES.get(policies[1], 0) < _POLICIES.get(policies[0], 2):
            yield f"{key}: {policies[1]}, before {policies[0]}"


def _policy(kind: str, key: str, resource: Mapping[str, Any]) -> str:
    """As it is written, or as CloudFormation takes it: a database that is deleted leaves a snapshot."""
    snapshot = kind == "AWS::RDS::DBInstance" and key == "DeletionPolicy"
    return render(resource.get(key) or ("Snapshot" if snapshot else "Delete"))


def _number(value: Any, default: float) -> float:
    text = "" if value is MISSING else render(value)
    return float(text) if text.isdigit() else default


def _expiring(bucket: Mapping[str, Any]) -> set[str]:
    """The rules of a bucket that delete, as texts that can be compared."""
    rules = at(bucket, _RULES)
    found = [rule for rule in rules if isinstance(rule, dict)] if isinstance(rules, list) else []
    deletes = [rule for rule in found if any("Expir" in key for key in rule) and rule.get("Status") == "Enabled"]
    return {json.dumps(rule, sort_keys=True, default=str) for rule in deletes}


def _rule_name(rule: str) -> str:
    return render(json.loads(rule).get("Id", "a rule without a name"))


def _guarded(balancer: Mapping[str, Any]) -> bool:
    found = at(balancer, "LoadBalancerAttributes")
    return isinstance(found, list) and any(
        render(item.get("Key", "")) == "deletion_protection.enabled" and render(item.get("Value", "")) == "true"
        for item in found if isinstance(item, dict)
    )  # fmt: skip
