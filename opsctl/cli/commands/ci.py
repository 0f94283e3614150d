"""`opsctl ci`: workflows that deploy a project."""

from __future__ import annotations

from typing import Annotated

import typer

from opsctl.cli.options import ConfigOption, JsonOption

app = typer.Typer(name="ci", help="Workflows that deploy.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def group() -> None:
    """Workflows that deploy."""


@app.command("init")
def init(
    environments: Annotated[
        str | None,
        typer.Option(
            "--environments", metavar="NAMES", show_default=False,
            help="In the order of promotion, with commas; default: all on AWS that run pushed images.",
        ),
    ] = None,
    after: Annotated[
        str, typer.Option("--after", metavar="NAME", help="The workflow whose green run is deployed.")
    ] = "ci",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Write GitHub workflows that build, plan, deploy and roll back this project; nothing is written over."""
    from opsctl import __version__
    from opsctl.cli import output
    from opsctl.cli.context import open_workspace
    from opsctl.project import workflows

    workspace = open_workspace(config)
    names = [each.strip() for each in (environments or "").split(",") if each.strip()]
    done = workflows.write(workspace.root, workspace.configuration.environments, names, after, __version__)
    lines = [*(f"Wrote {name}." for name in done.files), "Next:", *(f"  {step}" for step in done.next_steps)]
    output.result(done.to_dict(), "\n".join(lines), as_json=as_json)
