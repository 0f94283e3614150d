"""Whether what is deployed serves: a deploy without a change must not call that up to date which does not run."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from opsctl.aws.errors import AwsRefusedError
from opsctl.config import naming
from opsctl.errors import OpsctlError
from opsctl.operate.status import parts

if TYPE_CHECKING:
    from opsctl.operate.target import Target

PATIENCE_SECONDS = 30.0
"""For a task that has just been replaced."""


def require_serving(
    target: Target,
    outputs: Mapping[str, Mapping[str, str]],
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Raise OpsctlError where tasks are wanted of a service and none runs, or none of the web's is healthy.

    It looks again for half a minute before it says so. Who may not ask is not told.
    """
    if "app" not in outputs:
        return
    deadline = clock() + PATIENCE_SECONDS
    group = outputs.get("front", {}).get("TargetGroupArn", "")
    try:
        while idle := _idle(target, group):
            if clock() > deadline:
                raise OpsctlError(
                    f"Nothing was changed: {target.env.name} is as it is configured, but {'; '.join(idle)}.",
                    code="not-serving",
                    hint=f"`opsctl status --env {target.env.name}` shows what is wrong, "
                    f"`opsctl logs --previous --env {target.env.name}` what the task that stopped last said.",
                )
            sleep(target.poll_seconds)
    except AwsRefusedError:
        return


def _idle(target: Target, group: str) -> list[str]:
    names = {name: process for process, name in parts.processes(target).items()}
    found = target.aws.ecs.services(naming.cluster_name(target.env), [*names])
    idle = [
        f"{names.get(each.name, each.name)} runs 0 of {each.desired} tasks"
        for each in found
        if each.desired and not each.running
    ]
    web = next((each for each in found if names.get(each.name) == "web"), None)
    if idle or not group or web is None or not web.desired:
        return idle
    targets = parts.targets(target, group)
    healthy = [each for each in targets if each.state == "healthy"]
    return [] if healthy else [f"none of web's {web.desired} tasks passes its health check"]
