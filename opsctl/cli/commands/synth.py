"""`opsctl synth`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from opsctl.cli import completion
from opsctl.cli.options import ConfigOption, JsonOption
from opsctl.errors import ExitCode

if TYPE_CHECKING:
    from opsctl.stacks.synth import SynthResult


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("synth")(synth)


def synth(
    env: Annotated[
        str | None,
        typer.Option(
            "--env", "-e", help="Only this environment; default: all of them.", show_default=False,
            autocompletion=completion.environments,
        ),
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit 3 when templates/ differs.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Write the CloudFormation templates to templates/, one file a stack."""
    from dataclasses import asdict

    from opsctl.cli import output
    from opsctl.cli.context import open_workspace
    from opsctl.stacks import synth as rendering

    workspace = open_workspace(config)
    configuration = workspace.configuration
    environments = [configuration.environment(env)] if env else list(configuration.environments.values())
    rendered = rendering.render(environments)
    act = rendering.compare if check else rendering.write
    result = act(rendered, workspace.root / "templates", everything=env is None)
    output.result(asdict(result), _text(result, check=check), as_json=as_json)
    if check and not result.in_sync:
        raise typer.Exit(int(ExitCode.DIFFERS))


def _text(result: SynthResult, *, check: bool) -> str:
    verbs = ("differs", "is missing", "belongs to no stack") if check else ("written", "written", "removed")
    lines = [
        f"templates/{name} {verb}"
        for names, verb in zip((result.changed, result.missing, result.stray), verbs, strict=True)
        for name in names
    ]
    if check and lines:
        lines.append("Run `opsctl synth` and review the difference.")
    same = len(result.unchanged)
    if same or not lines:
        lines.append(f"{same} {'template is' if same == 1 else 'templates are'} up to date.")
    return "\n".join(lines)
