"""`opsctl status`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from opsctl.cli.options import ConfigOption, EnvOption, FromAccountOption, JsonOption, RegionOption


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("status")(status)


def status(
    env: EnvOption = None,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Look every five seconds until Ctrl-C; in a pipe: what changes.")
    ] = False,
    from_account: FromAccountOption = False,
    region: RegionOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show whether an environment is well, what runs in it, since when and by whom.

    With --from-account: which environments the account holds, those that no file names included.
    """
    from opsctl.cli import output, render_status, watching
    from opsctl.cli.context import open_workspace
    from opsctl.operate.status.environment import environment_status, repeatedly

    if from_account:
        _list_account(env, watch=watch, region=region, config=config, as_json=as_json)
        return
    target = open_workspace(config).target(env, region).reading()
    if watch:
        watching.watch(repeatedly(target), as_json=as_json)
        return
    model = environment_status(target)
    text = render_status.status_text(model, watching.text_width(sys.stdout))
    output.result(model.to_dict(), text, as_json=as_json)


def _list_account(env: str | None, *, watch: bool, region: str | None, config: Path | None, as_json: bool) -> None:
    from opsctl.cli import output, render_left
    from opsctl.cli.context import what_account_holds
    from opsctl.errors import UsageError

    if watch:
        raise UsageError("--from-account lists once.", hint="Leave --watch out.")
    found, named = what_account_holds(config, region)
    model = render_left.account_model(found, named, env)
    output.result(model, render_left.account_text(found, named, env), as_json=as_json)
