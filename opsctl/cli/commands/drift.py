"""`opsctl drift`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from opsctl.cli.options import (
    ConfigOption,
    EnvOption,
    JsonOption,
    RegionOption,
    StacksArgument,
    TimeoutOption,
    YesOption,
)
from opsctl.errors import ExitCode

if TYPE_CHECKING:
    from opsctl.deploy.drift import DriftReport
    from opsctl.operate.reverting import StackRevert
    from opsctl.operate.target import Target


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("drift")(drift)


def drift(
    stacks: StacksArgument = None,
    env: EnvOption = None,
    revert: Annotated[
        bool, typer.Option("--revert", help="Put the values of the templates back, after asking.")
    ] = False,
    region: RegionOption = None,
    yes: YesOption = False,
    timeout: TimeoutOption = 60,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what was changed by hand in what is deployed; exits 3 when something was.

    Types that CloudFormation can't compare are counted; values that may be secret are hidden.
    """
    from opsctl.cli import output
    from opsctl.cli.context import open_workspace
    from opsctl.cli.render_drift import drift_text
    from opsctl.operate.drift import detect

    target, names = open_workspace(config).target(env, region), tuple(stacks or ())
    report, more = detect(target, names), dict[str, object]()
    if revert and report.drifted:
        output.note(drift_text(report, hint=False))
        done = _revert(target, report, yes=yes, timeout=timeout, as_json=as_json)
        report, more = detect(target, names), {"reverted": [each.to_dict() for each in done]}
    output.result(report.to_dict() | more, drift_text(report, hint=not revert), as_json=as_json)
    if report.drifted:
        raise typer.Exit(int(ExitCode.DIFFERS))


def _revert(target: Target, report: DriftReport, *, yes: bool, timeout: int, as_json: bool) -> list[StackRevert]:
    """Show what CloudFormation would do, ask, do it; answers what was prepared."""
    from opsctl.cli import output
    from opsctl.cli.progress import listening
    from opsctl.cli.render_drift import revert_text
    from opsctl.deploy.journal import Journal
    from opsctl.operate.reverting import Reverter, notes_of

    reverter = Reverter(target, report, timeout_minutes=timeout)
    prepared = reverter.prepare()
    try:
        output.note(revert_text(prepared))
        output.notes(notes_of(prepared))
        if any(not each.refused for each in prepared):
            output.confirm(f"Put this back in {target.env.name}?", yes=yes, as_json=as_json)
            with listening(Journal(target.workspace.root, target.env.name, reverter.run_id), as_json=as_json) as emit:
                reverter.execute(prepared, emit)
    finally:
        reverter.discard(prepared)
    return prepared
