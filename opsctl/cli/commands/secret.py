"""`opsctl secret`: values that no file of the repository holds."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from opsctl.cli.options import ConfigOption, EnvOption, JsonOption, RegionOption, YesOption

app = typer.Typer(
    name="secret", help="Values of the application's secrets.", no_args_is_help=True, rich_markup_mode=None
)
_NAME = typer.Argument(help="As application.secrets names it.", show_default=False)


# A value that somebody types as an argument is refused in words, not named on the screen as an argument too many.
@app.command("set", context_settings={"allow_extra_args": True})
def set_secret(
    context: typer.Context,
    name: Annotated[str | None, _NAME] = None,
    from_file: Annotated[
        Path | None,
        typer.Option("--from-file", metavar=".ENV", help="Set every named secret that a .env file holds.",
                     show_default=False),
    ] = None,
    env: EnvOption = None,
    region: RegionOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Give a secret a value, read from stdin or asked for unseen; never as an argument, which others could read."""
    from opsctl.cli import output
    from opsctl.cli.context import open_workspace
    from opsctl.errors import UsageError
    from opsctl.operate import secrets

    if context.args or "=" in (name or ""):
        raise UsageError(
            "A value is never an argument: other users of the machine could read it, and your shell keeps it.",
            hint=f"Give it on stdin, or type it when asked: `opsctl secret set {(name or '').partition('=')[0]}`.",
        )
    if (name is None) == (from_file is None):
        raise UsageError("Name a secret, or a file with --from-file.", hint="`opsctl secret list` shows the names.")
    target = open_workspace(config).target(env, region)
    if from_file is not None:
        done = secrets.set_from_file(target, from_file)
        output.result(done, _file_text(done), as_json=as_json)
        return
    assert name is not None
    secrets.check_name(target, name)
    done = secrets.set_value(target, name, read_value(name))
    text = f"{name} has a new value in {done['environment']}. `opsctl deploy` lets every task read it."
    output.result(done, text, as_json=as_json)


@app.command("list")
def list_secrets(
    env: EnvOption = None, region: RegionOption = None, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """Show which secrets there are and when they changed, without their values."""
    from opsctl.cli import output, render
    from opsctl.cli.context import open_workspace
    from opsctl.operate import secrets

    found = secrets.list_secrets(open_workspace(config).target(env, region).reading())
    output.result(found, render.secrets_text(found), as_json=as_json)


@app.command("remove")
def remove_secret(
    name: Annotated[str, _NAME],
    env: EnvOption = None,
    yes: YesOption = False,
    region: RegionOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take a secret away; for a week `opsctl secret set` brings it back."""
    from opsctl.cli import output
    from opsctl.cli.context import open_workspace
    from opsctl.operate import secrets

    target = open_workspace(config).target(env, region)
    secrets.require(target, name)
    output.confirm(f"Remove {name} from {target.env.name}?", yes=yes, as_json=as_json)
    done = secrets.remove(target, name)
    output.result(done, f"{name} is gone in {done['days']} days; until then it can be set again.", as_json=as_json)


def read_value(name: str) -> str:
    """The value: what stdin holds without its last line break, or what a person types unseen."""
    import getpass

    from opsctl.errors import UsageError

    if not sys.stdin.isatty():
        try:
            text = sys.stdin.buffer.read().decode("utf-8")
        except UnicodeDecodeError:
            raise UsageError(f"The value of {name} is not UTF-8.", hint="Encode it, as base64.") from None
        return text.removesuffix("\n").removesuffix("\r")
    return getpass.getpass(f"Value of {name} (not shown): ", stream=sys.stderr)


def _file_text(done: dict[str, list[str]]) -> str:
    lines = [f"set: {', '.join(done['set']) or 'none'}"]
    if done["left"]:
        lines.append(f"left alone, since application.secrets asks for no value of theirs: {', '.join(done['left'])}")
    if done["missing"]:
        lines.append(f"still without a value: {', '.join(done['missing'])}")
    return "\n".join(lines)
