"""`opsctl init`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from opsctl.cli.options import JsonOption


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("init")(init)


def init(
    project: Annotated[
        str | None,
        typer.Option("--project", metavar="FOLDER", help="The project's folder, where there is more than one.",
                     show_default=False),
    ] = None,
    dockerfile: Annotated[bool, typer.Option("--dockerfile", help="Write a Dockerfile as well.")] = False,
    as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Write environments.yaml for the Django project in this folder, from what its files say."""
    from opsctl.cli import output
    from opsctl.cli.render_init import text
    from opsctl.project.initialise import initialise

    done = initialise(Path.cwd(), dockerfile=dockerfile, project=project)
    output.result(done.to_dict(), text(done), as_json=as_json)
