"""`opsctl bootstrap`."""

from __future__ import annotations

import typer

from opsctl.cli.options import ApproveOption, ConfigOption, EnvOption, JsonOption, RegionOption, YesOption


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("bootstrap")(bootstrap)


def bootstrap(
    env: EnvOption = None,
    region: RegionOption = None,
    approve: ApproveOption = None,
    yes: YesOption = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Create or update the stack that account and region share: the artifact bucket.

    `opsctl deploy` does this by itself; run it alone when another person prepares the account.
    """
    from opsctl.cli import output
    from opsctl.cli.context import open_workspace
    from opsctl.cli.execution import execute
    from opsctl.cli.progress import listening
    from opsctl.deploy.planning.plan import Consent
    from opsctl.deploy.planning.situation import Request

    target = open_workspace(config).target(env, region)
    request = Request(("bootstrap",))
    result = execute(target, request, Consent(), listening, as_json=as_json, yes=yes, approve=approve)
    bucket = result.outputs["bootstrap"]["ArtifactBucketName"]
    output.result(result.to_dict(), f"Artifact bucket: {bucket}", as_json=as_json)
