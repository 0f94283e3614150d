"""`opsctl watch`."""

from __future__ import annotations

import typer

from opsctl.cli.options import ConfigOption, EnvOption, JsonOption, RegionOption


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("watch")(watch)


def watch(
    env: EnvOption = None, region: RegionOption = None, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """Follow what another command does to an environment until it ends; exit 1 when that failed."""
    from opsctl.cli import output, render
    from opsctl.cli.context import open_workspace
    from opsctl.cli.progress import listening
    from opsctl.operate.watch import Watch

    target = open_workspace(config).target(env, region).reading()
    with listening(as_json=as_json) as emit:
        seen = Watch(target, emit).run()
    output.result(seen, output.sentences(render.watched_text(seen)), as_json=as_json)
