"""How long CloudFormation goes on waiting for a custom resource that has not answered, for people who wait with it.

A function that can't deliver its answer leaves the stack waiting in silence until the resource's ServiceTimeout; this
says so, and counts down.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from opsctl.aws.cloudformation import StackEvent
from opsctl.deploy.events import Emit, Progress
from opsctl.deploy.planning import compare

# CloudFormation's own when a resource sets none. [UG CFN CustomResource]
DEFAULT_SECONDS = 3600
EVERY_SECONDS = 10
_GENERIC = "AWS::CloudFormation::CustomResource"


def answer_limits(body: str) -> dict[str, int]:
    """Logical id -> ServiceTimeout in seconds, of every custom resource in a template."""
    if "Custom::" not in body and _GENERIC not in body:
        return {}
    resources: Mapping[str, Any] = compare.resources_of(body)
    return {
        name: int(item.get("Properties", {}).get("ServiceTimeout", DEFAULT_SECONDS))
        for name, item in resources.items()
        if str(item.get("Type", "")).startswith("Custom::") or item.get("Type") == _GENERIC
    }


@dataclass(slots=True)
class _Waiting:
    since: float
    told: int = 0


class Countdown:
    """Told of every event and asked at every poll; emits every ten seconds for each resource that is waited for."""

    def __init__(self, limits: Mapping[str, int], emit: Emit, clock: Callable[[], float]) -> None:
        self._limits = limits
        self._emit = emit
        self._clock = clock
        self._waiting: dict[str, _Waiting] = {}

    def note(self, event: StackEvent) -> None:
        """Begin to count when a resource's operation starts, stop when it ends."""
        if event.is_stack or event.logical_id not in self._limits:
            return
        if event.status.endswith("_IN_PROGRESS"):
            self._waiting.setdefault(event.logical_id, _Waiting(self._clock()))  # some operations report it twice
        else:
            self._waiting.pop(event.logical_id, None)

    def tick(self, step: str) -> None:
        """Emit what is due."""
        for name, waiting in self._waiting.items():
            passed, limit = int(self._clock() - waiting.since), self._limits[name]
            if passed // EVERY_SECONDS > waiting.told:
                waiting.told = passed // EVERY_SECONDS
                left = max(0, limit - passed)
                text = f"{name} has not answered; CloudFormation waits {left} s more."
                self._emit(Progress(step, text, min(passed, limit), limit, "s"))
