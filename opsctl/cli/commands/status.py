"""`opsctl status`."""

from __future__ import annotations

import typer

from opsctl.cli.options import ConfigOption, EnvOption, JsonOption, RegionOption


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("status")(status)


def status(
    env: EnvOption = None, region: RegionOption = None, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """Show stacks, service, release and lock of an environment."""
    from opsctl.cli import output, render
    from opsctl.cli.context import open_workspace
    from opsctl.operate.deployed import environment_status

    target = open_workspace(config).target(env, region)
    model = environment_status(target)
    output.result(model, render.status_text(model), as_json=as_json)
