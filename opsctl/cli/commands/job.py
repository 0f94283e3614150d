"""`opsctl job`: the application's one-off tasks."""

from __future__ import annotations

from typing import Annotated

import typer

from opsctl.cli.options import ConfigOption, EnvOption, JsonOption, RegionOption

app = typer.Typer(name="job", help="The application's jobs.", no_args_is_help=True, rich_markup_mode=None)


@app.command("list")
def list_jobs(env: EnvOption = None, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show the jobs, their schedules and commands."""
    from opsctl.cli import output, render
    from opsctl.cli.context import open_workspace
    from opsctl.operate.tasks import listed_jobs

    found = listed_jobs(open_workspace(config).target(env))
    output.result(found, render.jobs_text(found), as_json=as_json)


@app.command("run")
def run_job(
    name: Annotated[str, typer.Argument(help="As application.jobs names it.", show_default=False)],
    arguments: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="ARGUMENT",
            help="Added to the job's command; options of the job's stand after --, as in: tidy --json -- --all.",
            show_default=False,
        ),
    ] = None,
    env: EnvOption = None,
    region: RegionOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run a job now and follow its log; one that runs already is followed instead."""
    from opsctl.cli import output
    from opsctl.cli.context import open_workspace
    from opsctl.cli.progress import printing
    from opsctl.operate.tasks import run_job as run

    target = open_workspace(config).target(env, region)
    with printing(as_json=as_json) as emit:
        done = run(target, name, tuple(arguments or ()), emit)
    output.result(done, "", as_json=as_json)
    if not as_json:
        output.note(f"{name} of {done['environment']} ended well.")
