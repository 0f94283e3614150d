"""`opsctl events`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from opsctl.cli.options import ConfigOption, EnvOption, FollowOption, RegionOption, SinceOption


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("events")(events)


def events(
    follow: FollowOption = False,
    since: SinceOption = None,
    env: EnvOption = None,
    region: RegionOption = None,
    config: ConfigOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print each event as a JSON object.")] = False,
) -> None:
    """Show what happened to stacks, services and alarms, in order of time; in the last hour, unless told otherwise."""
    from opsctl.cli import output
    from opsctl.cli.context import open_workspace
    from opsctl.cli.progress import noting
    from opsctl.cli.render_events import EventText
    from opsctl.operate.timeline import happenings

    shown = EventText(terminal=sys.stdout.isatty())
    target = open_workspace(config).target(env, region).reading()
    found = happenings(target, noting(as_json=as_json), begin=since or "1h", follow=follow)
    for some in found:
        texts = (output.json_line(each.to_dict()) if as_json else shown.text(each) for each in some)
        if not output.write("".join(texts)):
            break
