"""`opsctl destroy`."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from opsctl.cli.options import (
    ConfigOption,
    EnvOption,
    FromAccountOption,
    JsonOption,
    RegionOption,
    TimeoutOption,
    YesOption,
)

if TYPE_CHECKING:
    from opsctl.deploy.destroy import DestroyPlan
    from opsctl.deploy.leftovers import Leftover
    from opsctl.deploy.planning.state import RemoteState
    from opsctl.operate.target import Target, Workspace


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
    from_account: FromAccountOption = False,
    service: Annotated[
        str | None,
        typer.Option("--service", help="With --from-account: of several, that of this service.", show_default=False),
    ] = None,
    client: Annotated[
        str | None,
        typer.Option("--client", help="With --from-account: of several, that of this client.", show_default=False),
    ] = None,
    region: RegionOption = None,
    yes: YesOption = False,
    timeout: TimeoutOption = 60,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Remove an environment; the database and what belongs to it stay, unless --delete-data says so.

    With --from-account also one that environments.yaml does not name any more.
    """
    from opsctl.cli import output, render_left
    from opsctl.cli.context import environment_in_account, open_workspace
    from opsctl.deploy.destroy import plan_destroy
    from opsctl.operate.deployed import removable_state_of
    from opsctl.operate.destroy import removed_before

    if from_account:
        target = environment_in_account(config, env, service=service, client=client, region=region)
    else:
        _only_with(service, client)
        target = _named(open_workspace(config), env, region)
    state = removable_state_of(target, bodies=True)
    unwanted = {template.stack for template in target.unwanted}
    plan = plan_destroy(state, delete_data=delete_data, only=unwanted if only_unwanted else None)
    for name, reason in plan.stay.items():
        output.note(f"{name} stays: {reason}.")
    if "data" in plan.stay:
        output.note("`opsctl destroy --delete-data` removes the database as well, and what is there for it alone.")
    before = {} if only_unwanted else removed_before(target, state)
    model = {
        "removed": plan.remove,
        "removed_before": {name: when.isoformat(timespec="seconds") for name, when in before.items()},
        "stay": plan.stay,
    }
    if not plan.remove:
        told = output.sentences("\n".join(["There is nothing to remove.", *render_left.before_lines(before)]))
        output.result(model, told, as_json=as_json)
        return
    if not target.is_local:
        _note_times(target, plan)
    _ask(target, state, plan, database, yes=yes, as_json=as_json)
    left = _remove(target, state, plan, before, timeout, as_json)
    text = f"Removed {', '.join(plan.remove)} of {target.env.name}."
    told = output.sentences("\n".join([text, *render_left.before_lines(before)]))
    lines = [told, *render_left.left_lines(left)]
    output.result({**model, "left": [each.to_dict() for each in left]}, "\n".join(lines), as_json=as_json)


def _note_times(target: Target, plan: DestroyPlan) -> None:
    """How long it takes on AWS, and that the credentials do not last as long."""
    from opsctl.cli import output
    from opsctl.cli.render_plan import lifetime_text
    from opsctl.deploy.destroy import USED_BY
    from opsctl.deploy.planning.forecast import removal

    gone = removal([item for item in target.templates if item.stack in plan.remove], USED_BY)
    output.note(f"Takes up to about {max(1, round(gone.minutes))} minutes on AWS.")
    if short := lifetime_text(target.aws.credentials_end(), gone.seconds, time.time()):
        output.note(short)


def _ask(
    target: Target, state: RemoteState, plan: DestroyPlan, database: str | None, *, yes: bool, as_json: bool
) -> None:
    """Whether to remove all that; its data only by the database's name."""
    from opsctl.cli import output

    question = f"Remove {', '.join(plan.remove)} of {_told(target)}?"
    if "data" not in plan.remove:
        output.confirm(question, yes=yes, as_json=as_json, flag="--yes")
        return
    wanted = state.outputs("data").get("DatabaseName", "") or target.env.rds.database
    flags = "--yes" if wanted == database else f"--yes --database {wanted}"
    output.confirm(question, yes=yes, as_json=as_json, flag=flags)
    _name_the_database(target, wanted, database, as_json)


def _remove(
    target: Target, state: RemoteState, plan: DestroyPlan, before: Mapping[str, datetime], timeout: int, as_json: bool
) -> list[Leftover]:
    """Carry the plan out; answers what is left. The record stays here, since the bucket may be among what goes."""
    from opsctl.cli.progress import listening
    from opsctl.deploy.events import RunStarted
    from opsctl.deploy.journal import Journal, recording
    from opsctl.operate.assembly import this_run
    from opsctl.operate.destroy import remove_all

    run = this_run(target)
    journal = Journal(target.workspace.root, target.env.name, run.id)
    asked = RunStarted(run.id, target.env.name, run.command, run.owner, tuple(f"remove {each}" for each in plan.remove))
    with listening(journal, as_json=as_json) as emit, recording(journal, asked, lambda _: None, emit):
        return remove_all(target, state, plan, emit, run=run, timeout_minutes=timeout, before=before.keys())


def _named(workspace: Workspace, env: str | None, region: str | None) -> Target:
    """The file's environment; for another name the way to one that the file lost."""
    from opsctl.errors import UsageError

    try:
        return workspace.target(env, region)
    except UsageError as error:
        if error.code != "unknown-environment":
            raise
        raise UsageError(
            error.message,
            code=error.code,
            hint=f"{error.hint} One that was taken out of the file while it runs is found by its stacks: `opsctl "
            f"destroy --env {env} --from-account`.",
        ) from error


def _told(target: Target) -> str:
    """The environment; one that no file names with all that it was found by."""
    env = target.env
    if not target.from_account:
        return env.name
    where = "on this machine" if target.is_local else f"in account {target.aws.identity().account_id}, {env.region}"
    return f"{env.name}, service {env.service} of client {env.client}, {where}"


def _only_with(*given: str | None) -> None:
    from opsctl.errors import UsageError

    if any(each is not None for each in given):
        raise UsageError("--service and --client choose among what --from-account finds.", hint="Add --from-account.")


def _name_the_database(target: Target, wanted: str, given: str | None, as_json: bool) -> None:
    """Deleting data asks for more than a y."""
    from opsctl.errors import ExitCode, OpsctlError

    if given is None and not as_json and sys.stdin.isatty():
        sys.stderr.write(f"This deletes the database of {target.env.name}. Type its name ({wanted}): ")
        sys.stderr.flush()
        given = sys.stdin.readline().strip()
    if given != wanted:
        raise OpsctlError(
            "The database was not named, so nothing was changed.",
            code="confirmation-needed",
            exit_code=ExitCode.USAGE,
            hint=f"Add --database {wanted}.",
        )
