"""`opsctl cancel`."""

from __future__ import annotations

import typer

from opsctl.cli.options import ConfigOption, EnvOption, JsonOption, RegionOption, TimeoutOption, YesOption


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("cancel")(cancel)


def cancel(
    env: EnvOption = None,
    region: RegionOption = None,
    yes: YesOption = False,
    timeout: TimeoutOption = 60,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """End what runs on an environment, also from another terminal: an update rolls back, a new stack is deleted."""
    from opsctl.cli import output, render
    from opsctl.cli.context import open_workspace
    from opsctl.cli.progress import listening
    from opsctl.operate.cancel import cancel as end
    from opsctl.operate.cancel import what_runs

    target = open_workspace(config).target(env, region).reading()
    running = what_runs(target)
    for line in running.lines():
        output.note(line)
    after: dict[str, str] = {}
    if running.is_ended_by_cancel:
        output.confirm("Cancel it?", yes=yes, as_json=as_json)
        with listening(as_json=as_json) as emit:
            after = end(target, running, emit, timeout_minutes=timeout)
    text = output.sentences(render.cancelled_text(running, after))
    output.result(render.cancelled_json(running, after), text, as_json=as_json)
