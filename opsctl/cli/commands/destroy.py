"""`opsctl destroy`."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from opsctl.cli.options import ConfigOption, EnvOption, JsonOption, RegionOption, TimeoutOption, YesOption

if TYPE_CHECKING:
    from opsctl.operate.target import Target


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("destroy")(destroy)


def destroy(
    env: EnvOption = None,
    delete_data: Annotated[
        bool, typer.Option("--delete-data", help="Remove the database as well, after a final snapshot.")
    ] = False,
    database: Annotated[
        str | None,
        typer.Option(
            "--database", help="With --delete-data: the database's name, instead of being asked.", show_default=False
        ),
    ] = None,
    only_unwanted: Annotated[
        bool,
        typer.Option("--only-unwanted", help="Remove only stacks that the configuration does not ask for any more."),
    ] = False,
    region: RegionOption = None,
    yes: YesOption = False,
    timeout: TimeoutOption = 60,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Remove an environment; the database and what belongs to it stay, unless --delete-data says so."""
    from opsctl.cli import output
    from opsctl.cli.context import open_workspace
    from opsctl.cli.progress import listening
    from opsctl.cli.render_plan import lifetime_text
    from opsctl.deploy.destroy import USED_BY, plan_destroy
    from opsctl.deploy.events import RunStarted
    from opsctl.deploy.journal import Journal, recording
    from opsctl.deploy.planning.forecast import removal
    from opsctl.operate.assembly import this_run
    from opsctl.operate.deployed import state_of
    from opsctl.operate.destroy import remove_all

    target = open_workspace(config).target(env, region)
    state = state_of(target, bodies=True)
    unwanted = {template.stack for template in target.unwanted}
    plan = plan_destroy(state, delete_data=delete_data, only=unwanted if only_unwanted else None)
    for name, reason in plan.stay.items():
        output.note(f"{name} stays: {reason}.")
    if not plan.remove:
        output.result({"removed": [], "stay": plan.stay}, "There is nothing to remove.", as_json=as_json)
        return
    if not target.is_local:
        gone = removal([item for item in target.templates if item.stack in plan.remove], USED_BY)
        output.note(f"Takes up to about {max(1, round(gone.minutes))} minutes on AWS.")
        if short := lifetime_text(target.aws.credentials_end(), gone.seconds, time.time()):
            output.note(short)
    output.confirm(f"Remove {', '.join(plan.remove)} of {target.env.name}?", yes=yes, as_json=as_json)
    if "data" in plan.remove:
        _name_the_database(target, database, as_json)
    run = this_run(target)
    journal = Journal(target.workspace.root, target.env.name, run.id)
    asked = RunStarted(run.id, target.env.name, run.command, run.owner, tuple(f"remove {each}" for each in plan.remove))
    # The bucket may be among what goes, so that its record stays here.
    with listening(journal, as_json=as_json) as emit, recording(journal, asked, lambda _: None, emit):
        remove_all(target, state, plan, emit, run=run, timeout_minutes=timeout)
    text = f"Removed {', '.join(plan.remove)} of {target.env.name}."
    output.result({"removed": plan.remove, "stay": plan.stay}, text, as_json=as_json)


def _name_the_database(target: Target, given: str | None, as_json: bool) -> None:
    """Deleting data asks for more than a y."""
    from opsctl.errors import ExitCode, OpsctlError

    wanted = target.env.rds.database
    if given is None and not as_json and sys.stdin.isatty():
        sys.stderr.write(f"This deletes the database of {target.env.name}. Type its name ({wanted}): ")
        sys.stderr.flush()
        given = sys.stdin.readline().strip()
    if given != wanted:
        raise OpsctlError(
            "The database was not named, so nothing was changed.",
            code="confirmation-needed",
            exit_code=ExitCode.USAGE,
            hint=f"Run it again with --delete-data --database {wanted}.",
        )
