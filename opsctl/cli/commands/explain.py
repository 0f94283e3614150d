"""`opsctl explain`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from opsctl.cli.options import ConfigOption, EnvOption, JsonOption, RegionOption


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("explain")(explain)


def explain(
    run: Annotated[
        str | None,
        typer.Argument(
            metavar="RUN",
            help="A run of `opsctl releases --audit`; default: the newest that failed.",
            show_default=False,
        ),
    ] = None,
    env: EnvOption = None,
    html: Annotated[
        Path | None, typer.Option("--html", help="Write it to this file as a page, too.", show_default=False)
    ] = None,
    region: RegionOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say why a deploy failed, with the evidence it left.

    It reads the run's record, so that it works after the service is gone, and for a run of CI.
    """
    from dataclasses import asdict

    from opsctl.cli import output, render_explain
    from opsctl.cli.context import open_workspace
    from opsctl.deploy.evidence.record import explain as explanation_of
    from opsctl.operate.runs import record_of

    target = open_workspace(config).target(env, region).reading()
    found = explanation_of(record_of(target, run, output.note))
    if html is not None:
        render_explain.write(html, render_explain.page(found))
        output.note(f"Written to {html}.")
    output.result(asdict(found), render_explain.text(found, output.screen_width()), as_json=as_json)
