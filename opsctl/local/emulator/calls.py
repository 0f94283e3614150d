"""Count API calls, so that a test can say how many of them a deploy makes and that a second one writes nothing.

Calls are told apart by who makes them: `client` is opsctl, the AWS CLI, a browser; `workload` is a task or a Lambda
function, whose SDK names its execution environment in the user agent.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from typing import Any

from opsctl.local.state import Json

_READS = (
    "Get", "List", "Describe", "Head", "BatchGet", "BatchCheck", "Lookup", "Search", "Filter", "Query", "Scan",
    "Select", "Simulate", "Validate", "Estimate", "Test", "Preview", "AssumeRole", "DetectStack",
)  # fmt: skip


def is_read(action: str) -> bool:
    """Whether an action such as `ecs:DescribeServices` changes nothing."""
    return action.partition(":")[2].startswith(_READS)


class CallCounter:
    """Counts since the start or the last `reset`; also knows when the target was last used."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, Counter[str]] = {"client": Counter(), "workload": Counter()}
        self._last_use = time.monotonic()
        self.changes = 0
        self.lines = 0

    def touch(self) -> None:
        """The target was used: its lifetime begins anew."""
        self._last_use = time.monotonic()

    @property
    def idle_seconds(self) -> float:
        return time.monotonic() - self._last_use

    def changed(self) -> None:
        """Something changed that is worth writing to disk."""
        self.changes += 1

    def logged(self) -> None:
        """A task wrote a line."""
        self.lines += 1

    def record(self, action: str, user_agent: str) -> None:
        with self._lock:
            self._counts["workload" if "exec-env/" in user_agent else "client"][action] += 1
        if not is_read(action):
            self.changed()

    def reset(self) -> None:
        with self._lock:
            for counts in self._counts.values():
                counts.clear()

    def report(self) -> Json:
        """`{"client": {"total", "reads", "writes", "calls": {action: n}}, "workload": {...}}`."""
        with self._lock:
            return {
                who: {
                    "total": counts.total(),
                    "reads": sum(n for action, n in counts.items() if is_read(action)),
                    "writes": sum(n for action, n in counts.items() if not is_read(action)),
                    "calls": dict(sorted(counts.items())),
                }
                for who, counts in self._counts.items()
            }


def install(app: Any, iam_actions: Any, counter: CallCounter) -> None:
    """Count what ministack dispatches to a service."""
    dispatch = app._dispatch_service_request

    async def counted(method: str, path: str, headers: Any, body: bytes, query: Any, request_id: str) -> Any:
        counter.touch()
        counter.record(action_of(app, iam_actions, method, path, headers, body, query), headers.get("user-agent", ""))
        try:
            return await dispatch(method, path, headers, body, query, request_id)
        finally:
            counter.changed()

    app._dispatch_service_request = counted


def action_of(app: Any, iam_actions: Any, method: str, path: str, headers: Any, body: bytes, query: Any) -> str:
    """`service:Action` of a request, as IAM would name it; `service:GET` and the like when ministack can't tell."""
    params = app._routing_params(method, path, headers, body, query)
    service = app.detect_service(method, path, headers, params)
    try:
        action = iam_actions.extract_iam_action(service, method, path, headers, body, params)
    except Exception:  # ministack raises whatever its parser met; an odd request is still a request
        action = None
    if action and not action.endswith("*"):
        return str(action)
    return f"{service}:{'Get' if method in ('GET', 'HEAD') else method.title()}"
