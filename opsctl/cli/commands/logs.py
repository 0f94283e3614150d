"""`opsctl logs`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from opsctl.cli import completion
from opsctl.cli.options import ConfigOption, EnvOption, FollowOption, RegionOption, SinceOption


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("logs")(logs)


def logs(
    process: Annotated[str, typer.Argument(help="web, release, db-init, or a job or worker by name.")] = "web",
    follow: FollowOption = False,
    since: SinceOption = None,
    grep: Annotated[
        str | None,
        typer.Option("--grep", metavar="PATTERN", help="Only lines that match this regular expression.",
                     show_default=False),
    ] = None,
    task: Annotated[
        str | None,
        typer.Option("--task", metavar="ID", help="Only this task: its id or the beginning of it.", show_default=False),
    ] = None,
    previous: Annotated[bool, typer.Option("--previous", help="The task that stopped last.")] = False,
    release: Annotated[
        int | None,
        typer.Option("--release", metavar="N", min=1, help="Only tasks that ran this release's image.",
                     show_default=False, autocompletion=completion.releases),
    ] = None,
    env: EnvOption = None,
    region: RegionOption = None,
    config: ConfigOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print each line as a JSON object.")] = False,
) -> None:  # fmt: skip
    """Print the log of a process, of all its tasks in order of time; of the last hour, unless told otherwise."""
    from opsctl.cli import output
    from opsctl.cli.context import open_workspace
    from opsctl.cli.progress import noting
    from opsctl.cli.render_logs import LogText
    from opsctl.operate.logs import Wanted, read

    wanted = Wanted(process, since, grep, task, previous, release, follow)
    shown = LogText(terminal=sys.stdout.isatty())
    target = open_workspace(config).target(env, region).reading()
    for page in read(target, wanted, noting(as_json=as_json)):
        texts = (output.json_line(line.to_dict()) if as_json else shown.text(line) for line in page)
        if not output.write("".join(texts)):
            break
