"""`opsctl diff`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from opsctl.cli.options import AllowFileOption, ConfigOption, EnvOption, JsonOption, RegionOption, StacksArgument
from opsctl.errors import ExitCode


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("diff")(diff)


def diff(
    stacks: StacksArgument = None,
    env: EnvOption = None,
    image_tag: Annotated[str | None, typer.Option("--image-tag", help="As for deploy.", show_default=False)] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FILE", show_default=False,
            help="Keep the plan in this file, for `opsctl deploy --plan FILE`.",
        ),
    ] = None,
    allow_file: AllowFileOption = None,
    region: RegionOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Show what a deploy would change. Creates nothing; exits 3 when something differs."""
    from opsctl.cli import output, render_plan
    from opsctl.cli.checkout import checkout_notes, makes_image
    from opsctl.cli.context import open_workspace
    from opsctl.deploy.planning.situation import Request
    from opsctl.operate.assembly import deployment

    target = open_workspace(config, allow_files=allow_file).target(env, region).reading()
    output.notes(checkout_notes(target) if not stacks and makes_image(target, image_tag) else [])
    work = deployment(target, Request(tuple(stacks or ()), image_tag))
    plan = work.plan()
    if out is not None:
        work.plan_file(plan).write(out)
    output.result(plan.to_dict(), render_plan.plan_text(plan), as_json=as_json)
    if not plan.is_empty:
        raise typer.Exit(int(ExitCode.DIFFERS))
