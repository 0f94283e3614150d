"""`opsctl open`."""

from __future__ import annotations

from typing import Annotated

import typer

from opsctl.cli.options import ConfigOption, EnvOption, JsonOption, RegionOption


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("open")(open_)


def open_(
    what: Annotated[str, typer.Argument(help="web or dashboard.")] = "web",
    env: EnvOption = None,
    region: RegionOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print where the environment answers, and open it when a person sits at a terminal with a display."""
    from opsctl.cli import browser, output
    from opsctl.cli.context import open_workspace
    from opsctl.operate.site import page

    target = open_workspace(config).target(env, region).reading()
    url = page(target, what)
    output.result({"url": url}, url, as_json=as_json)
    if not as_json:
        browser.show(url)
