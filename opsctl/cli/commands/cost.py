"""`opsctl cost`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from opsctl.cli.options import ConfigOption, EnvOption, JsonOption, RegionOption
from opsctl.errors import ExitCode


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("cost")(cost)


def cost(
    env: EnvOption = None,
    budget: Annotated[
        float | None,
        typer.Option(
            "--budget", metavar="DOLLARS", min=0.01, show_default=False,
            help="Exit 3 above this; default: observability.monthly_budget.",
        ),
    ] = None,
    usage: Annotated[
        list[str] | None,
        typer.Option(
            "--usage", metavar="NAME=NUMBER", show_default=False,
            help="Assume this instead of observability.usage; may be repeated.",
        ),
    ] = None,
    update: Annotated[
        bool, typer.Option("--update", help="Ask AWS's Price List API for the prices first, and keep them.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FILE", show_default=False, help="Where --update keeps them; default: .opsctl/prices.csv."
        ),
    ] = None,
    prices: Annotated[
        Path | None,
        typer.Option(
            "--prices", metavar="FILE", show_default=False,
            help="Prices that go before opsctl's own; default: .opsctl/prices.csv.",
        ),
    ] = None,
    region: RegionOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Estimate what an environment costs a month; exits 3 when that is over its budget.

    From the templates and a dated table of list prices, without a call to AWS. Prices that nobody knows are counted.
    """
    from opsctl.cli import output
    from opsctl.cli.context import open_workspace
    from opsctl.cli.render_cost import cost_text, refresh_text
    from opsctl.errors import UsageError
    from opsctl.operate.cost import monthly, price_table, refresh

    if out is not None and not update:
        raise UsageError("--out is where --update keeps prices.", hint="Add --update, or leave it away.")
    target = open_workspace(config).target(env, region)
    root, model = target.workspace.root, {}
    if update:
        done = refresh(target, price_table(root, prices), out)
        output.note(refresh_text(done))
        model = {"update": done.to_dict()}
        prices = prices or out
    found = monthly(target, price_table(root, prices), usage=tuple(usage or ()), budget=budget)
    output.result(found.to_dict() | model, cost_text(found, local=target.is_local), as_json=as_json)
    if found.over_budget:
        raise typer.Exit(int(ExitCode.DIFFERS))
