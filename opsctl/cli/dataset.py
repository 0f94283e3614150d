"""`opsctl dataset`: the salary data."""

from __future__ import annotations

from typing import Annotated

import typer

from opsctl.cli.options import ConfigOption, EnvOption, JsonOption, RegionOption

app = typer.Typer(name="dataset", help="Refresh the salary dataset.", no_args_is_help=True, rich_markup_mode=None)


@app.command("refresh")
def refresh(
    env: EnvOption = None,
    allow_shrink: Annotated[
        bool, typer.Option("--allow-shrink", help="Accept a dataset of less than half the rows.")
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Fail when any source fails.")] = False,
    region: RegionOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Sync data/raw/ to the environment, then fetch, build and load there: the task that the schedule runs as well."""
    from opsctl.cli import output
    from opsctl.cli.context import Workspace
    from opsctl.cli.datasets import run_refresh

    flags = [flag for flag, wanted in (("--allow-shrink", allow_shrink), ("--strict", strict)) if wanted]
    result = run_refresh(Workspace.open(config).target(env, region), flags, as_json=as_json)
    text = f"The dataset of {result['environment']} is refreshed."
    output.result(result, text, as_json=as_json)
