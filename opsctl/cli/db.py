"""`opsctl db`: the PostgreSQL roles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from opsctl.cli.options import ConfigOption, EnvOption, JsonOption, RegionOption
from opsctl.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

app = typer.Typer(name="db", help="Make and check the PostgreSQL roles.", no_args_is_help=True, rich_markup_mode=None)


@app.command("init")
def init(
    env: EnvOption = None,
    check: Annotated[bool, typer.Option("--check", help="Change nothing; exit 3 when something would change.")] = False,
    dsn: Annotated[
        str | None,
        typer.Option(
            "--dsn", help="Any other server, as its master: postgresql://USER@HOST:PORT/DATABASE.", show_default=False
        ),
    ] = None,
    region: RegionOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make the roles, their grants and limits; a second run changes nothing.

    On AWS the database is private, so the DbInit function does it; a local database is reached directly.
    """
    from opsctl.cli import database, output
    from opsctl.cli.context import Workspace

    target = Workspace.open(config).target(env, region)
    report = database.initialize(target, dsn=dsn, check=check)
    output.result(report, _report_text(report, check), as_json=as_json)
    if check and report["changes"]:
        raise typer.Exit(int(ExitCode.DIFFERS))


def _report_text(report: Mapping[str, Any], check: bool) -> str:
    lines = [f"{'would ' if check else ''}{change}" for change in report["changes"]]
    lines += [f"note: {finding}" for finding in report.get("findings", [])]
    return "\n".join(lines or ["The roles are as configured; nothing changed."])
