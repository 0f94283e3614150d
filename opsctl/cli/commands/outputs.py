"""`opsctl outputs`."""

from __future__ import annotations

from typing import Annotated

import typer

from opsctl.cli.options import ConfigOption, EnvOption, JsonOption, RegionOption


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("outputs")(outputs)


def outputs(
    name: Annotated[
        str | None,
        typer.Argument(help="One output, such as front.ServiceUrl: prints the value alone.", show_default=False),
    ] = None,
    env: EnvOption = None,
    region: RegionOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print what the stacks put out: addresses, names, ARNs."""
    from opsctl.cli import output, render
    from opsctl.cli.context import open_workspace
    from opsctl.config.nearest import nearest
    from opsctl.errors import UsageError
    from opsctl.operate.deployed import stack_outputs

    found = stack_outputs(open_workspace(config).target(env, region).reading())
    if name is None:
        output.result(found, render.outputs_text(found), as_json=as_json)
        return
    flat = {f"{stack}.{key}": value for stack, values in found.items() for key, value in values.items()}
    if name not in flat:
        raise UsageError(f"There is no output `{name}`.", code="unknown-output", hint=nearest(name, flat))
    output.result(flat[name], flat[name], as_json=as_json)
