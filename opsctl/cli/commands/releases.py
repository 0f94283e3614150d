"""`opsctl releases`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from opsctl.cli.options import ConfigOption, EnvOption, JsonOption, RegionOption


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("releases")(releases)


def releases(
    env: EnvOption = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=30, help="How many, newest first.")] = 10,
    audit: Annotated[
        bool, typer.Option("--audit", help="Who changed what, also deploys of this machine that failed.")
    ] = False,
    region: RegionOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List what was released, and which of it `opsctl rollback` can bring back."""
    from opsctl.cli import output, render_releases
    from opsctl.cli.context import open_workspace
    from opsctl.operate.releases import audit as audited
    from opsctl.operate.releases import list_releases

    target = open_workspace(config).target(env, region).reading()
    model: list[dict[str, Any]]
    if audit:
        runs = audited(target, limit)
        model, text = [each.to_dict() for each in runs], render_releases.audit_text(runs)
    else:
        found = list_releases(target, limit)
        model, text = [each.to_dict() for each in found], render_releases.releases_text(found)
    if target.is_stopped:
        output.note(target.kept_note)
    output.result(model, text, as_json=as_json)
