"""`opsctl doctor`."""

from __future__ import annotations

from typing import Annotated

import typer

from opsctl.cli.options import ConfigOption, EnvOption, JsonOption, RegionOption
from opsctl.errors import ExitCode


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("doctor")(doctor)


def doctor(
    env: EnvOption = None,
    live: Annotated[
        bool, typer.Option("--live", help="Ask the running environment as well: its address, and what AWS sees.")
    ] = False,
    region: RegionOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Look for what would stand in a deploy's way: machine, credentials, account, environment.

    Creates and starts nothing. Exits 1 when something is wrong; warnings leave it at 0.
    """
    from pathlib import Path

    from opsctl.cli import output
    from opsctl.cli.context import open_workspace
    from opsctl.cli.render_doctor import doctor_text
    from opsctl.operate.doctor.examine import diagnose

    found = diagnose(lambda: open_workspace(config).target(env, region), Path.cwd(), live=live)
    output.result(found.to_dict(), doctor_text(found, output.screen_width()), as_json=as_json)
    if found.is_wrong:
        raise typer.Exit(int(ExitCode.FAILED))
