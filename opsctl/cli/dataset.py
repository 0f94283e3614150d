"""`opsctl dataset`: the salary data."""

from __future__ import annotations

import typer

app = typer.Typer(name="dataset", help="Refresh the salary dataset.", no_args_is_help=True, rich_markup_mode=None)
