"""Statements as documents that IAM takes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from opsctl.stacks.parts.policies import Statement, document

# Of a managed policy, blanks not counted. [IAM quotas]
LIMIT = 6_144


def documents(statements: Sequence[Statement]) -> list[dict[str, Any]]:
    """As few documents as the limit allows, statements in their order."""
    found: list[list[Statement]] = [[]]
    for statement in statements:
        if size(document(*found[-1], statement)) > LIMIT:
            found.append([])
        found[-1].append(statement)
    return [document(*each) for each in found]


def size(policy: dict[str, Any]) -> int:
    """Characters that count."""
    return len(json.dumps(policy, separators=(",", ":")))
