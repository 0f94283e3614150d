"""Policy documents as plain data. No `*` action is ever written here; resources are named."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from troposphere import Sub

Statement = dict[str, Any]
_ACCOUNT = {"Ref": "AWS::AccountId"}
# A service that acts for this account.
SAME_ACCOUNT = {"StringEquals": {"aws:SourceAccount": _ACCOUNT}}
# The same of a service that is not documented to say for whom it acts: demanding it might keep out the service itself.
SAME_ACCOUNT_IF_TOLD = {"StringEqualsIfExists": {"aws:SourceAccount": _ACCOUNT}}
# What this account has, where the call names something.
OWN_IF_NAMED = {"StringEqualsIfExists": {"aws:ResourceAccount": _ACCOUNT}}
# Roles of this account; and those, on what this account has.
OWN_PRINCIPAL = {"StringEquals": {"aws:PrincipalAccount": _ACCOUNT}}
OWN = {"StringEquals": {"aws:PrincipalAccount": _ACCOUNT, "aws:ResourceAccount": _ACCOUNT}}


def document(*statements: Statement) -> dict[str, Any]:
    """A policy document of the current language version."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


def allow(
    sid: str,
    actions: str | list[str],
    resources: Any,
    *,
    principal: Any = None,
    condition: dict[str, Any] | None = None,
) -> Statement:
    """One Allow. `principal` only in policies of resources (buckets, keys, topics)."""
    return _statement("Allow", sid, {"Action": actions, "Resource": resources}, principal, condition)


def deny(
    sid: str,
    actions: str | list[str],
    resources: Any,
    *,
    principal: Any = None,
    condition: dict[str, Any] | None = None,
) -> Statement:
    """One Deny."""
    return _statement("Deny", sid, {"Action": actions, "Resource": resources}, principal, condition)


def objects_in(locations: Sequence[str]) -> list[Any]:
    """ARNs of the objects of each location: all of a `bucket`, or those whose keys begin as in `bucket/prefix`."""
    return [Sub(f"arn:${{AWS::Partition}}:s3:::{each if '/' in each else each + '/'}*") for each in locations]


def service(name: str) -> dict[str, str]:
    """A service principal, such as `cloudwatch.amazonaws.com`."""
    return {"Service": name}


def account_root() -> dict[str, Any]:
    """The stack's own account: whoever its IAM policies allow."""
    return {"AWS": Sub("arn:${AWS::Partition}:iam::${AWS::AccountId}:root")}


def trust(service_name: str, *, condition: dict[str, Any] | None = None) -> dict[str, Any]:
    """Who may take a role: one service. A condition keeps it from acting for another account."""
    return document(
        {
            "Effect": "Allow",
            "Principal": service(service_name),
            "Action": "sts:AssumeRole",
            **({"Condition": condition} if condition else {}),
        }
    )


def _statement(
    effect: str, sid: str, what: dict[str, Any], principal: Any, condition: dict[str, Any] | None
) -> Statement:
    who = {} if principal is None else {"Principal": principal}
    when = {"Condition": condition} if condition else {}
    return {"Sid": sid, "Effect": effect, **who, **what, **when}
