"""`opsctl local`: the emulator, the database and the processes on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from opsctl.cli.options import ConfigOption, JsonOption, YesOption

if TYPE_CHECKING:
    from pathlib import Path

    from opsctl.local.target import LocalTarget

app = typer.Typer(
    name="local", help="Manage what `--env local` runs on this machine.", no_args_is_help=True, rich_markup_mode=None
)


@app.command("status")
def status(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show what runs, where it listens, and which resource types only record."""
    from dataclasses import asdict

    from opsctl.cli import output, render

    found = _target(config).status()
    output.result(asdict(found), render.local_text(found), as_json=as_json)


@app.command("env")
def env(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Print what the AWS CLI needs for the emulator, its key included: eval "$(opsctl local env)"."""
    from opsctl.cli import output, render
    from opsctl.cli.context import open_workspace
    from opsctl.local import shell

    try:
        target = open_workspace(config).local_target()
        variables = shell.aws_variables(target.endpoints, target.local.key)
    except (Exception, KeyboardInterrupt):
        if not as_json:  # the shell sees no exit code but that of what it evaluates
            output.write(f"{render.exports(shell.nowhere())}\nfalse\n")
        raise
    output.result(variables, render.exports(variables), as_json=as_json)


@app.command("logs")
def logs(
    name: Annotated[str, typer.Argument(help="emulator, postgres, or a container such as service.")] = "service",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as lines come.")] = False,
    config: ConfigOption = None,
) -> None:
    """Print a log."""
    from opsctl.cli import output

    for line in _target(config).logs(name, follow=follow):
        if not output.write(line.rstrip("\n") + "\n"):
            break


@app.command("stop")
def stop(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Stop all local processes; their state stays, and the next deploy starts them again."""
    from opsctl.cli import output

    ran = _target(config).stop(output.note)
    output.result({"stopped": ran}, "Stopped." if ran else "Nothing was running.", as_json=as_json)


@app.command("reset")
def reset(yes: YesOption = False, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Stop all local processes and delete their state, the database included."""
    from opsctl.cli import output

    output.confirm("Delete the local database and all local stacks?", yes=yes, as_json=as_json)
    _target(config).reset(output.note)
    output.result({"reset": True}, "Reset.", as_json=as_json)


def _target(config: Path | None) -> LocalTarget:
    from opsctl.local.target import LocalTarget
    from opsctl.operate.target import find_config

    return LocalTarget(find_config(config).resolve().parent)
