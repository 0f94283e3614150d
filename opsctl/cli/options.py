"""Options that more than one command takes, spelled once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from opsctl.cli import completion

EnvOption = Annotated[
    str | None,
    typer.Option(
        "--env", "-e", envvar="OPSCTL_ENV", help="Environment; default: the file's default_environment.",
        show_default=False, autocompletion=completion.environments,
    ),
]  # fmt: skip
ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config", "-c", help="The environments file; default: found from this folder upwards.", show_default=False
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Agree to what would be asked.")]
ApproveOption = Annotated[
    str | None,
    typer.Option(
        "--approve", metavar="ID", show_default=False,
        help="Agree to the plan with this id, as `opsctl diff` prints it, and to no other.",
    ),
]  # fmt: skip
RegionOption = Annotated[
    str | None, typer.Option("--region", help="Another region than the environment's.", show_default=False)
]
TimeoutOption = Annotated[
    int, typer.Option("--timeout", min=1, help="Minutes to wait for one stack before leaving it to CloudFormation.")
]
WaitOption = Annotated[
    int,
    typer.Option(
        "--wait",
        metavar="MINUTES",
        min=0,
        help="Wait this long for another command on the environment to end, then go on with what it left.",
    ),
]
LockedOption = Annotated[
    bool | None,
    typer.Option(
        "--locked/--no-locked", show_default=False,
        help="Take opsctl.lock as it is, and refuse one that is out of date; default: with CI set.",
    ),
]  # fmt: skip
FromAccountOption = Annotated[
    bool,
    typer.Option(
        "--from-account", help="Read what the account holds by its stacks' tags, whatever environments.yaml says."
    ),
]
AllowFileOption = Annotated[
    list[str] | None,
    typer.Option(
        "--allow-file", metavar="PATH", show_default=False,
        help="Ship this file into the image although it looks like a secret; several are allowed.",
    ),
]  # fmt: skip
StacksArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="STACK", help="Only these stacks, such as `app`.", show_default=False,
        autocompletion=completion.stacks,
    ),
]  # fmt: skip


FollowOption = Annotated[bool, typer.Option("--follow", "-f", help="Go on as more comes, until Ctrl-C.")]
SinceOption = Annotated[
    str | None,
    typer.Option("--since", metavar="TIME", help="90s, 15m, 1h or 2d ago, or a time in ISO 8601.", show_default=False),
]
