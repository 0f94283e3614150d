"""What was changed by hand: drift as CloudFormation finds it, without what AWS changes itself and without secrets."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from opsctl.deploy.review.values import is_secret_key

if TYPE_CHECKING:
    from opsctl.aws.cloudformation import StackResource
    from opsctl.aws.drift import Difference, ResourceDrift

HIDDEN = "(hidden)"
_DRIFTED = frozenset({"MODIFIED", "DELETED"})
_CHECKED = _DRIFTED | {"IN_SYNC"}
_NOTHING = "null"  # CloudFormation's word for a value that is not there
# Variables of a process: their names don't always say which are secrets.
_VARIABLES = re.compile(r"environment|variables", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class StackDrift:
    """A stack that was checked. `drifted` differ from the template, `not_checked` are types or resources that can't be
    compared; `by_aws` counts differences that AWS makes itself; `reason` says why nothing, or not all, could be read.
    """

    stack: str
    name: str
    checked: int = 0
    drifted: tuple[ResourceDrift, ...] = ()
    not_checked: tuple[str, ...] = ()
    by_aws: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class DriftReport:
    """All stacks that were asked for."""

    environment: str
    stacks: tuple[StackDrift, ...]

    @property
    def drifted(self) -> tuple[StackDrift, ...]:
        """The stacks that somebody changed by hand."""
        return tuple(each for each in self.stacks if each.drifted)

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {**asdict(self), "drifted": bool(self.drifted)}


def stack_drift(
    stack: str, name: str, found: Sequence[ResourceDrift], resources: Iterable[StackResource], reason: str = ""
) -> StackDrift:
    """What a check found in a stack with these resources."""
    checked = [each for each in found if each.status in _CHECKED]
    own = [by_hand(each) for each in checked]
    known = {each.logical_id for each in checked}
    return StackDrift(
        stack,
        name,
        len(checked),
        tuple(each for each in own if each is not None),
        tuple(f"{each.logical_id} ({each.type})" for each in resources if each.logical_id not in known),
        sum(each.status == "MODIFIED" and mine is None for each, mine in zip(checked, own, strict=True)),
        reason,
    )


def by_hand(drift: ResourceDrift) -> ResourceDrift | None:
    """What of a resource somebody changed, with secrets hidden; None where nobody did."""
    if drift.status not in _DRIFTED:
        return None
    differences = tuple(_masked(each) for each in drift.differences if not _is_awss(drift.type, each))
    if drift.status == "MODIFIED" and not differences:
        return None
    return replace(drift, differences=differences)


def words(difference: Difference) -> str:
    """`Port 443 → 8443`, `Tags.0 added: …`, `Description removed, was …`."""
    path = difference.path.strip("/").replace("/", ".")
    if difference.kind == "ADD":
        return f"{path} added: {difference.actual}"
    if difference.kind == "REMOVE" or difference.actual == _NOTHING:
        return f"{path} removed, was {difference.expected}"
    return f"{path} {difference.expected} → {difference.actual}"


def _is_awss(resource_type: str, difference: Difference) -> bool:
    """Whether AWS itself made the difference: RDS moves a database of version 17 on to 17.9, and the template says 17.

    Change sets leave it alone for the same reason (MANAGED_BY_AWS).
    """
    is_version = resource_type == "AWS::RDS::DBInstance" and difference.path == "/EngineVersion"
    return is_version and difference.actual.startswith(f"{difference.expected}.")


def _masked(difference: Difference) -> Difference:
    parts = difference.path.split("/")
    if any(_is_secret(each) for each in parts):
        return replace(difference, expected=_hidden(difference.expected), actual=_hidden(difference.actual))
    return replace(difference, expected=_clean(difference.expected), actual=_clean(difference.actual))


def _hidden(text: str) -> str:
    return text if text == _NOTHING else HIDDEN


def _clean(text: str) -> str:
    """JSON without what is called like a secret in it."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return json.dumps(_without_secrets(value)) if isinstance(value, (dict, list)) else text


def _without_secrets(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_secrets(each) for each in value]
    if not isinstance(value, dict):
        return value
    if {"Name", "Value"} <= value.keys():  # a variable; tags have a Key
        return {**value, "Value": HIDDEN}
    return {key: HIDDEN if _is_secret(key) else _without_secrets(each) for key, each in value.items()}


def _is_secret(name: str) -> bool:
    return is_secret_key(name) or bool(_VARIABLES.search(name))
