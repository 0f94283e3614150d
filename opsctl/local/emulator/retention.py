"""Forget what piles up in an emulator that runs for weeks.

NOTE: ministack keeps every log event and every stopped task, and writes all of them with each snapshot. ECS forgets a
stopped task after an hour; here the newest stay, so that the reason of a failure can still be read the next day.
"""

from __future__ import annotations

from typing import Any

KEPT_EVENTS = 5000
KEPT_TASKS = 200
_SLACK = 1.2  # trim only when this much too long, so that most calls cost nothing


def trim(ecs: Any, cloudwatch_logs: Any) -> None:
    """Keep the newest events of each log stream and the newest stopped tasks."""
    for _key, group in list(cloudwatch_logs._log_groups.all_items()):
        for stream in list(group["streams"].values()):
            with cloudwatch_logs._log_events_lock:
                if len(stream["events"]) > KEPT_EVENTS * _SLACK:
                    del stream["events"][:-KEPT_EVENTS]
    stopped = [(key, task) for key, task in list(ecs._tasks._data.items()) if task.get("lastStatus") == "STOPPED"]
    if len(stopped) > KEPT_TASKS * _SLACK:
        stopped.sort(key=lambda each: str(each[1].get("createdAt", "")))
        for key, _task in stopped[:-KEPT_TASKS]:
            ecs._tasks._data.pop(key, None)
