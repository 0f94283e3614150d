"""`opsctl local`: the emulator, the database and the processes on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from opsctl.cli import completion
from opsctl.cli.options import ConfigOption, JsonOption, YesOption

if TYPE_CHECKING:
    from pathlib import Path

    from opsctl.config.models import Environment
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
    env: Annotated[
        str | None,
        typer.Option(
            "--env",
            "-e",
            help="Only tasks of this environment; default: all.",
            show_default=False,
            autocompletion=completion.environments,
        ),
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Print a log."""
    from opsctl.cli import output
    from opsctl.config import naming

    families = "" if env is None else f"{naming.cluster_name(_local(config, env))}-"
    for line in _target(config).logs(name, follow=follow, families=families):
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
    """Stop all local processes and delete what they keep in .opsctl/local: the database, stacks, images, logs.

    Records of runs (.opsctl/journal), caches of builds and crash reports stay; `rm -rf .opsctl` removes them too.
    """
    from opsctl.cli import output

    target = _target(config)
    output.confirm(f"Delete the local database and all local stacks ({target.state.path})?", yes=yes, as_json=as_json)
    removed = target.state.path.is_dir()
    target.reset(output.note)
    kept = [each.name for each in sorted(target.state.path.parent.glob("*"))]
    text = output.sentences(_reset_text(target, kept, removed=removed))
    output.result({"reset": True, "kept": kept}, text, as_json=as_json)


def _reset_text(target: LocalTarget, kept: list[str], *, removed: bool) -> str:
    state = target.state.path
    first = f"Removed {state}." if removed else f"There was nothing to remove: no {state}."
    return first if not kept else f"{first} Kept beside it: {', '.join(kept)}; `rm -rf {state.parent}` removes all."


def _local(config: Path | None, env: str) -> Environment:
    """An environment of this machine. Raises UsageError for one on AWS."""
    from opsctl.cli.context import open_workspace
    from opsctl.errors import UsageError

    target = open_workspace(config).target(env)
    if not target.is_local:
        raise UsageError(f"{env} runs on AWS.", hint=f"`opsctl logs --env {env}` prints its logs.")
    return target.env


def _target(config: Path | None) -> LocalTarget:
    from opsctl.local.target import LocalTarget
    from opsctl.operate.target import find_config

    return LocalTarget(find_config(config).resolve().parent)
