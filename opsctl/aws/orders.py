"""What AWS was told to change since this program began, for whoever has to say what an interrupted command did."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

# Operations that change nothing, by the verb that their names begin with. One that is missing here counts as a change.
_READS = re.compile(
    r"(?:Get|List|Describe|Head|Batch(?:Get|Check)|Query|Filter|Lookup|Validate|Simulate|Estimate|Detect|Assume|Decode|"
    r"Test)(?![a-z])"
)
# The lock is no change of the environment, and it is given back.
_LOCK = "locks/"

_given: dict[str, None] = {}


def given() -> tuple[str, ...]:
    """Names of the operations that were sent, each once, in their order: `CreateChangeSet`."""
    return tuple(_given)


def is_order(operation: str, parameters: Mapping[str, Any]) -> bool:
    """Whether a call tells AWS to change something of an environment."""
    return not _READS.match(operation) and not str(parameters.get("Key", "")).startswith(_LOCK)


def note(operation: str) -> None:
    """Take note of an order that is sent."""
    _given[operation] = None
