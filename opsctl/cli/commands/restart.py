"""`opsctl restart`."""

from __future__ import annotations

from typing import Annotated

import typer

from opsctl.cli.options import ConfigOption, EnvOption, JsonOption, RegionOption, WaitOption


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("restart")(restart)


def restart(
    services: Annotated[
        list[str] | None,
        typer.Argument(metavar="SERVICE", help="`web`, or workers by name; default: all.", show_default=False),
    ] = None,
    env: EnvOption = None,
    region: RegionOption = None,
    wait: WaitOption = 0,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Start the tasks of services anew, one after the other, with what is deployed."""
    from opsctl.cli import output
    from opsctl.cli.context import open_workspace
    from opsctl.cli.progress import listening
    from opsctl.operate.restart import restart as run

    target = open_workspace(config).target(env, region)
    with listening(as_json=as_json) as emit:
        done = run(target, tuple(services or ()), emit, wait_minutes=wait)
    output.result(done, f"{', '.join(done['restarted'])} of {done['environment']} restarted.", as_json=as_json)
