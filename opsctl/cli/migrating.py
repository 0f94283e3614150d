"""Running the migration task of an environment by itself: the task, and the code, that a deploy runs."""

from __future__ import annotations

from typing import Any

from opsctl.cli.context import Target
from opsctl.cli.one_off import run_one_off
from opsctl.cli.reading import require_outputs, state_of
from opsctl.deploy.tasks import migrate_task


def run_migrations(target: Target, *, as_json: bool) -> dict[str, Any]:
    """Run it to its end; its log is shown as it comes. Raises TaskFailedError with the log's tail."""
    state = state_of(target)
    require_outputs(target, state, "jobs", "MigrateTaskDefinitionArn")
    task = run_one_off(
        target,
        migrate_task(state.outputs),
        command="opsctl db migrate",
        text="apply pending migrations of the deployed image",
        done="migrations are applied",
        as_json=as_json,
    )
    return {"environment": target.env.name, "task": task.arn, "exit_code": task.exit_code}
