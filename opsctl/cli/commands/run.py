"""`opsctl run`."""

from __future__ import annotations

from typing import Annotated

import typer

from opsctl.cli.options import ConfigOption, EnvOption, JsonOption, RegionOption


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("run", context_settings={"allow_interspersed_args": False})(run)


def run(
    command: Annotated[
        list[str],
        typer.Argument(metavar="COMMAND", help="After --, such as: -- manage.py check.", show_default=False),
    ],
    interactive: Annotated[
        bool, typer.Option("--interactive", "-i", help="With this terminal; for environments on this machine.")
    ] = False,
    passed: Annotated[
        list[str] | None,
        typer.Option("--pass", metavar="NAME", help="Pass a variable of your shell on; may be given again.",
                     show_default=False),
    ] = None,
    role: Annotated[
        str | None,
        typer.Option("--role", help="The database role to log in as, such as migrator; default: the web's.",
                     show_default=False),
    ] = None,
    size: Annotated[
        str | None,
        typer.Option("--size", metavar="CPU:MEMORY", help="CPU units and MiB, such as 1024:2048.", show_default=False),
    ] = None,
    env: EnvOption = None,
    region: RegionOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Run a command as a one-off task of the release that is deployed; its exit code is this command's."""
    from opsctl.cli import output
    from opsctl.cli.context import open_workspace
    from opsctl.cli.progress import printing
    from opsctl.operate.one_off import Command, run_interactively, run_once

    target = open_workspace(config).target(env, region)
    wanted = Command(tuple(command), tuple(passed or ()), role, size)
    if interactive:
        raise typer.Exit(run_interactively(target, wanted))
    with printing(as_json=as_json) as emit:
        done = run_once(target, wanted, emit)
    output.result(done, "", as_json=as_json)
    raise typer.Exit(done["exit_code"])
