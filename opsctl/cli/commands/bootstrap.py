"""`opsctl bootstrap`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from opsctl.cli.options import ApproveOption, ConfigOption, EnvOption, JsonOption, RegionOption, YesOption

if TYPE_CHECKING:
    from opsctl.deploy.deployment import DeployResult
    from opsctl.operate.target import Target


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("bootstrap")(bootstrap)


def bootstrap(
    env: EnvOption = None,
    github: Annotated[
        str | None,
        typer.Option(
            "--github",
            metavar="OWNER/REPO",
            help="Make the roles that this repository's workflows take.",
            show_default=False,
        ),
    ] = None,
    environments: Annotated[
        str | None,
        typer.Option(
            "--environments",
            metavar="NAMES",
            help="Roles for these, with commas; default: all on AWS.",
            show_default=False,
        ),
    ] = None,
    subject: Annotated[
        str | None,
        typer.Option("--subject", help="How `sub` begins where it holds ids: repo:OWNER@1/REPO@2.", show_default=False),
    ] = None,
    region: RegionOption = None,
    approve: ApproveOption = None,
    yes: YesOption = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Create or update the stack that account and region share: the artifact bucket.

    `opsctl deploy` does this by itself; run it alone when another person prepares the account. With --github it makes
    roles beside, which workflows take without keys: to plan, to push images, to deploy.
    """
    from opsctl.cli import output
    from opsctl.cli.context import open_workspace

    def run(target: Target, *stacks: str) -> DeployResult:
        from opsctl.cli.execution import execute
        from opsctl.cli.progress import listening
        from opsctl.deploy.planning.plan import Consent
        from opsctl.deploy.planning.situation import Request

        return execute(target, Request(stacks), Consent(), listening, as_json=as_json, yes=yes, approve=approve)

    workspace = open_workspace(config)
    if github is None:
        _refuse_alone(environments, subject)
        result = run(workspace.target(env, region), "bootstrap")
        bucket = result.outputs["bootstrap"]["ArtifactBucketName"]
        output.result(result.to_dict(), f"Artifact bucket: {bucket}", as_json=as_json)
        return

    from opsctl.cli import render
    from opsctl.operate import ci_roles

    names = [each.strip() for each in (environments or env or "").split(",") if each.strip()]
    variables: dict[str, dict[str, str]] = {}
    begins = ci_roles.subject_of(github, subject)
    for target in ci_roles.targets(workspace, names, begins, region):
        variables |= ci_roles.variables(target, run(target, "bootstrap", "ci").outputs["ci"])
    document: dict[str, Any] = {"repository": github, "environments": variables}
    output.result(document, render.ci_roles_text(github, variables, ids=begins != f"repo:{github}"), as_json=as_json)


def _refuse_alone(environments: str | None, subject: str | None) -> None:
    from opsctl.errors import UsageError

    for option, value in (("--environments", environments), ("--subject", subject)):
        if value is not None:
            raise UsageError(f"{option} says nothing without --github.", hint="Add --github OWNER/REPO.")
