"""`opsctl unlock`."""

from __future__ import annotations

import typer

from opsctl.cli.options import ConfigOption, EnvOption, JsonOption, RegionOption, YesOption


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("unlock")(unlock)


def unlock(
    env: EnvOption = None,
    region: RegionOption = None,
    yes: YesOption = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Remove the lock of a deploy that died. A lock runs out by itself after 90 seconds without renewal."""
    import time
    from dataclasses import asdict

    from opsctl.cli import output
    from opsctl.cli.context import open_workspace
    from opsctl.deploy.lease import read_lease
    from opsctl.deploy.lock import break_lock
    from opsctl.operate.deployed import require_outputs, state_of

    target = open_workspace(config).target(env, region).reading()
    bucket = require_outputs(target, state_of(target), "bootstrap", "ArtifactBucketName")["ArtifactBucketName"]
    lease = read_lease(target.aws.s3, bucket, target.env)
    if lease is None:
        output.result({"unlocked": False, "lease": None}, f"{target.env.name} is not locked.", as_json=as_json)
        return
    held = lease.describe(time.time())
    output.confirm(f"{target.env.name} is locked by {held}. Remove the lock?", yes=yes, as_json=as_json)
    break_lock(target.aws.s3, bucket, target.env)
    output.result({"unlocked": True, "lease": asdict(lease)}, f"Removed the lock of {held}.", as_json=as_json)
