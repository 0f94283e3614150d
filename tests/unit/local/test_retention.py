"""What an emulator forgets."""

from __future__ import annotations

import threading
from typing import Any

from opsctl.local.emulator.retention import KEPT_EVENTS, KEPT_TASKS, trim


class Tasks:
    def __init__(self, tasks: dict[int, dict[str, Any]]) -> None:
        self._data = tasks


class Ecs:
    def __init__(self, tasks: dict[int, dict[str, Any]]) -> None:
        self._tasks = Tasks(tasks)


class Groups:
    def __init__(self, groups: dict[str, Any]) -> None:
        self._groups = groups

    def all_items(self) -> Any:
        return self._groups.items()


class Logs:
    def __init__(self, events: int) -> None:
        self.stream = {"events": list(range(events))}
        self._log_groups = Groups({"group": {"streams": {"stream": self.stream}}})
        self._log_events_lock = threading.Lock()


def tasks(stopped: int, running: int) -> dict[int, dict[str, Any]]:
    ended = {n: {"lastStatus": "STOPPED", "createdAt": f"{n:06}"} for n in range(stopped)}
    return {**ended, **{stopped + n: {"lastStatus": "RUNNING", "createdAt": "000000"} for n in range(running)}}


def test_it_keeps_the_newest_events_of_a_stream() -> None:
    logs = Logs(KEPT_EVENTS * 2)

    trim(Ecs({}), logs)

    assert logs.stream["events"] == list(range(KEPT_EVENTS, KEPT_EVENTS * 2))


def test_it_keeps_running_tasks_and_the_newest_stopped_ones() -> None:
    ecs = Ecs(tasks(stopped=KEPT_TASKS * 2, running=3))

    trim(ecs, Logs(0))

    left = ecs._tasks._data
    assert sum(task["lastStatus"] == "RUNNING" for task in left.values()) == 3
    assert min(key for key, task in left.items() if task["lastStatus"] == "STOPPED") == KEPT_TASKS


def test_it_leaves_little_alone() -> None:
    ecs, logs = Ecs(tasks(stopped=KEPT_TASKS, running=1)), Logs(KEPT_EVENTS)

    trim(ecs, logs)

    assert len(ecs._tasks._data) == KEPT_TASKS + 1
    assert len(logs.stream["events"]) == KEPT_EVENTS
