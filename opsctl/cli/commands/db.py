"""`opsctl db`: the PostgreSQL roles, logging in as them, and the migrations."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from opsctl.cli.options import ConfigOption, EnvOption, JsonOption, RegionOption, WaitOption
from opsctl.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

app = typer.Typer(
    name="db", help="PostgreSQL roles, log-ins and migrations.", no_args_is_help=True, rich_markup_mode=None
)

DsnOption = Annotated[
    str | None,
    typer.Option(
        "--dsn", help="Any other server, as its master: postgresql://USER@HOST:PORT/DATABASE.", show_default=False
    ),
]
RoleOption = Annotated[
    str,
    typer.Option(
        "--role",
        help="A login role, by name or purpose: readonly, user, loader, migrator; with database.owner, user alone.",
    ),
]
ReplicaOption = Annotated[bool, typer.Option("--replica", help="Use the read replica.")]


@app.command("init")
def init(
    env: EnvOption = None,
    check: Annotated[bool, typer.Option("--check", help="Change nothing; exit 3 when something would change.")] = False,
    dsn: DsnOption = None,
    region: RegionOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make the roles, their grants and limits; a second run changes nothing.

    On AWS the database is private, so the DbInit function does it; a local database is reached directly.
    """
    from opsctl.cli import output
    from opsctl.cli.context import open_workspace
    from opsctl.operate import database

    target = open_workspace(config).target(env, region)
    target = target.reading() if check else target
    report = database.initialize(target, dsn=dsn, check=check)
    output.result(report, _report_text(report, check), as_json=as_json)
    if check and report["changes"]:
        raise typer.Exit(int(ExitCode.DIFFERS))


@app.command("status")
def status(
    env: EnvOption = None,
    dsn: DsnOption = None,
    region: RegionOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the roles as the server has them: who logs in, memberships, owners, default privileges, and any drift."""
    from opsctl.cli import output
    from opsctl.cli.context import open_workspace
    from opsctl.cli.render_roles import status_text
    from opsctl.operate import database

    report = database.read_status(open_workspace(config).target(env, region).reading(), dsn=dsn)
    output.result(report, status_text(report), as_json=as_json)


@app.command("token")
def token(
    env: EnvOption = None,
    role: RoleOption = "readonly",
    replica: ReplicaOption = False,
    region: RegionOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print a token that logs a role in for 15 minutes, in place of a password."""
    from opsctl.cli import output
    from opsctl.cli.context import open_workspace
    from opsctl.operate import login as logins

    made = logins.make_token(open_workspace(config).target(env, region), role, replica=replica)
    output.note(f"Logs {made['role']} in at {made['host']}:{made['port']} until {made['expires']}.")
    output.result(made, made["token"], as_json=as_json)


@app.command("shell", context_settings={"allow_interspersed_args": False})
def shell(
    arguments: Annotated[
        list[str] | None,
        typer.Argument(metavar="PSQL OPTION", help="After --, such as: -- --csv.", show_default=False),
    ] = None,
    env: EnvOption = None,
    role: RoleOption = "readonly",
    replica: ReplicaOption = False,
    via: Annotated[
        str | None,
        typer.Option(
            "--via",
            help="On AWS: instance to go through, one that Session Manager manages.",
            show_default=False,
            metavar="INSTANCE",
        ),
    ] = None,
    command: Annotated[
        list[str] | None,
        typer.Option(
            "--command",
            "-c",
            metavar="SQL",
            help="Run this and end, as psql does; several are allowed.",
            show_default=False,
        ),
    ] = None,
    region: RegionOption = None,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", help="The environments file; default: found from this folder upwards.", show_default=False
        ),
    ] = None,
) -> None:
    """Open psql as a role; on AWS through a Session Manager port-forward, with a token and a verified server."""
    from opsctl.cli import output
    from opsctl.cli.context import open_workspace
    from opsctl.operate import login as logins

    words = [*(word for each in command or () for word in ("--command", each)), *(arguments or ())]
    target = open_workspace(config).target(env, region)
    if logins.reads_as_owner(target, role):
        output.note("The application's login is the only one, so this session only reads; `--role user` writes.")
    code = logins.run_psql(target, role, replica=replica, via=via, arguments=words)
    raise typer.Exit(code)


@app.command("migrate")
def migrate(
    env: EnvOption = None,
    region: RegionOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run the migrations of the deployed image as a one-off task and follow its log, as a deploy does."""
    from opsctl.cli import output
    from opsctl.cli.context import open_workspace
    from opsctl.cli.progress import printing
    from opsctl.operate.tasks import run_migrations

    target = open_workspace(config).target(env, region)
    with printing(as_json=as_json) as emit:
        done = run_migrations(target, emit)
    output.result(done, "", as_json=as_json)
    if not as_json:
        output.note(f"The migrations of {done['environment']} are applied.")


@app.command("rotate")
def rotate(
    env: EnvOption = None, region: RegionOption = None, wait: WaitOption = 0, config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Let the application log in with another login and a new password, and start its tasks anew.

    Two logins of the same rights take turns, so no task ever holds one that has stopped working.
    """
    from opsctl.cli import output
    from opsctl.cli.context import open_workspace
    from opsctl.cli.progress import listening
    from opsctl.operate.rotation import rotate as run

    target = open_workspace(config).target(env, region)
    with listening(as_json=as_json) as emit:
        done = run(target, emit, wait_minutes=wait)
    output.result(done, f"{done['environment']} logs in as {done['login']} now.", as_json=as_json)


def _report_text(report: Mapping[str, Any], check: bool) -> str:
    lines = [f"{'would ' if check else ''}{change}" for change in report["changes"]]
    notes = [f"note: {finding}" for finding in report["findings"]]
    return "\n".join([*(lines or ["The roles are as configured; nothing changed."]), *notes])
