"""What AWS was told to change since this program began, for whoever has to say what an interrupted command did."""

from __future__ import annotations

import re
from typing import Any

# Operations that change nothing, by the verb that their names begin with. One that is missing here counts as a change.
_READS = re.compile(
    r"(?:Get|List|Describe|Head|Batch(?:Get|Check)|Query|Filter|Lookup|Validate|Simulate|Estimate|Detect|Assume|Decode|"
    r"Test)(?![a-z])"
)
# The lock is no change of the environment, and it is given back.
_LOCK = re.compile(r"locks/")

_given: dict[str, None] = {}


def given() -> tuple[str, ...]:
    """Names of the operations that were sent, each once, in their order: `CreateChangeSet`."""
    return tuple(_given)


def note(model: Any, params: Any) -> None:
    """Take note of a call; a listener of botocore's `before-call`."""
    if not _READS.match(model.name) and not _LOCK.search(str(params.get("url_path", ""))):
        _given[model.name] = None
