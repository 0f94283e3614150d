"""`opsctl rollback`."""

from __future__ import annotations

from typing import Annotated

import typer

from opsctl.cli import completion
from opsctl.cli.options import ConfigOption, EnvOption, JsonOption, RegionOption, TimeoutOption, YesOption


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("rollback")(rollback)


def rollback(
    release: Annotated[
        str | None,
        typer.Argument(
            metavar="N|TAG|COMMIT", help="The release; default: the one before that which runs.", show_default=False,
            autocompletion=completion.releases,
        ),
    ] = None,
    env: EnvOption = None,
    accept_migration: Annotated[
        list[str] | None,
        typer.Option(
            "--accept-migration", metavar="APP.NAME", show_default=False,
            help="A migration since then that the release can live with, as you know.",
        ),
    ] = None,
    region: RegionOption = None,
    yes: YesOption = False,
    timeout: TimeoutOption = 60,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Bring an earlier release back: its image, and the application block that it was deployed with.

    A release is refused whose code can't live with a migration since. Secrets and infrastructure stay as they are now.
    """
    from opsctl.cli import output, render
    from opsctl.cli.context import open_workspace
    from opsctl.cli.execution import execute
    from opsctl.cli.progress import listening
    from opsctl.deploy.planning.plan import Consent
    from opsctl.operate.deployed import service_url
    from opsctl.operate.rollback import prepare

    target = open_workspace(config).target(env, region)
    prepared = prepare(target, release, frozenset(accept_migration or ()), timeout_minutes=timeout)
    output.notes(prepared.notes)
    output.confirm(prepared.question, yes=yes, as_json=as_json)
    result = execute(prepared.target, prepared.request, Consent(), listening, as_json=as_json, yes=False)
    result.url = service_url(target, result.outputs.get("front", {}))
    output.result(
        {**result.to_dict(), "rolled_back_to": prepared.number},
        output.sentences(render.deployed_text(result, result.url, rolled_back_to=prepared.number)),
        as_json=as_json,
    )
