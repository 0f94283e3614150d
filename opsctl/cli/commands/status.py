"""`opsctl status`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from opsctl.cli.options import ConfigOption, EnvOption, JsonOption, RegionOption


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("status")(status)


def status(
    env: EnvOption = None,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Look every five seconds until Ctrl-C; in a pipe: what changes.")
    ] = False,
    region: RegionOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show whether an environment is well, what runs in it, since when and by whom."""
    from opsctl.cli import output, render_status, watching
    from opsctl.cli.context import open_workspace
    from opsctl.operate.status.environment import environment_status, repeatedly

    target = open_workspace(config).target(env, region)
    if watch:
        watching.watch(repeatedly(target), as_json=as_json)
        return
    model = environment_status(target)
    text = render_status.status_text(model, watching.text_width(sys.stdout))
    output.result(model.to_dict(), text, as_json=as_json)
