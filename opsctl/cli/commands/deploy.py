"""`opsctl deploy`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from opsctl.cli.options import (
    AllowFileOption,
    ApproveOption,
    ConfigOption,
    EnvOption,
    JsonOption,
    LockedOption,
    RegionOption,
    StacksArgument,
    TimeoutOption,
    WaitOption,
    YesOption,
)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("deploy")(deploy)


def deploy(
    stacks: StacksArgument = None,
    env: EnvOption = None,
    image_tag: Annotated[
        str | None, typer.Option("--image-tag", help="Run this image tag instead of the default.", show_default=False)
    ] = None,
    region: RegionOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan and stop.")] = False,
    allow_replace: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-replace", metavar="ID", help="Logical id that may be replaced or deleted.", show_default=False
        ),
    ] = None,
    skip_resource: Annotated[
        list[str] | None,
        typer.Option(
            "--skip-resource", metavar="ID", show_default=False,
            help="Logical id that a rollback which can't be finished leaves as it is.",
        ),
    ] = None,
    refresh_nat_image: Annotated[
        bool, typer.Option("--refresh-nat-image", help="Move the NAT instance to the newest Amazon Linux.")
    ] = False,
    runtime: Annotated[
        str | None,
        typer.Option(
            "--runtime", metavar="KIND", show_default=False,
            help="Local environments: processes or containers (docker or podman); kept from the first start on.",
        ),
    ] = None,
    plan_file: Annotated[
        Path | None,
        typer.Option(
            "--plan", metavar="FILE", show_default=False,
            help="Do what `opsctl diff --out FILE` kept, and nothing if anything has moved since.",
        ),
    ] = None,
    approve: ApproveOption = None,
    watchdog: Annotated[
        bool,
        typer.Option(
            "--watchdog/--no-watchdog",
            help="End a rollout that can't succeed, instead of waiting until ECS or CloudFormation gives up.",
        ),
    ] = True,
    wait: WaitOption = 0,
    allow_file: AllowFileOption = None,
    locked: LockedOption = None,
    yes: YesOption = False,
    timeout: TimeoutOption = 60,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Bring an environment to its configuration: stacks, image, migrations, service.

    It can be interrupted at any moment; the next deploy finishes the work. A stack that is up to date costs no write.
    """
    from opsctl.cli import output, render, render_plan
    from opsctl.cli.checkout import checkout_notes, database_notes, makes_image
    from opsctl.cli.context import open_workspace
    from opsctl.cli.execution import approved_plan, execute
    from opsctl.cli.progress import listening
    from opsctl.deploy.failures import StackFailedError
    from opsctl.deploy.planning.plan import Consent
    from opsctl.deploy.planning.situation import Request
    from opsctl.deploy.tasks import TaskFailedError
    from opsctl.operate.assembly import deployment
    from opsctl.operate.deployed import service_url

    target = open_workspace(config, locked=locked, allow_files=allow_file).target(env, region, runtime)
    consent = Consent(frozenset(allow_replace or ()), recreate_data=yes, skip_resources=frozenset(skip_resource or ()))
    kept = approved_plan(plan_file, target, stacks, image_tag) if plan_file is not None else None
    if kept is not None:
        stacks, image_tag = list(kept.only), kept.image_tag
    request = Request(tuple(stacks or ()), image_tag, refresh_nat_image, timeout, watchdog)
    made_here = not stacks and makes_image(target, image_tag)
    notes = checkout_notes(target) if made_here else []
    output.notes(notes)  # before anything is built or asked
    if dry_run:
        plan = deployment(target, request).plan()
        output.notes(database_notes(target.project) if made_here else [])
        output.result(plan.to_dict(), render_plan.plan_text(plan), as_json=as_json)
        return
    changed = True
    try:
        result = execute(
            target, request, consent, listening, as_json=as_json, yes=yes, approve=approve, kept=kept, wait=wait
        )
        changed = result.changed
    except (StackFailedError, TaskFailedError):  # once more, since what stayed behind may be why it failed
        output.notes(notes)
        raise
    finally:
        output.notes(database_notes(target.project) if made_here and changed else [])
    result.url = service_url(target, result.outputs.get("front", {}))
    text = output.sentences(render.deployed_text(result, result.url))
    output.result(result.to_dict(), text, as_json=as_json)
