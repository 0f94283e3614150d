"""The root command, and the one place that turns an error into output and an exit code."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from opsctl import __version__
from opsctl.errors import ExitCode, OpsctlError, UsageError

if TYPE_CHECKING:
    import typer


_COMMANDS = (
    "init", "doctor", "bootstrap", "deploy", "diff", "cost", "drift", "status", "watch", "explain", "open", "logs",
    "events", "outputs", "releases", "rollback", "run", "restart", "cancel", "destroy", "unlock", "synth",
)  # fmt: skip
_GROUPS = ("env", "secret", "job", "image", "db", "dataset", "dashboard", "ci", "local")
"""Modules of `commands`, called as what they add, in the order of the help."""


def build(first: str = "") -> typer.Typer:
    """The command tree, or what a line that begins with `first` needs of it: typer reads signatures for as long as it
    takes to import the rest. Command modules import nothing heavy before a command runs.
    """
    import typer

    from opsctl.cli.group import Group

    app = typer.Typer(
        cls=Group,
        name="opsctl",
        help="Run a Django project on AWS: stacks, images, database, secrets and jobs from one environments.yaml.",
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={
            "help_option_names": ["-h", "--help"],
            "max_content_width": 100,
            "color": False if os.environ.get("NO_COLOR") else None,  # typer has one sentence in green
        },
    )

    @app.callback(
        epilog="Exit codes: 0 ok, 1 failed, 2 usage, 3 differs, 4 configuration, 5 refused or not trusted, "
        "6 rolled back from, 75 busy, 130 interrupted."
    )
    def root(
        version: bool = typer.Option(
            False, "--version", help="Show the version and exit.", is_eager=True, callback=_show_version
        ),
    ) -> None:
        pass

    _register(app, first)
    return app


def _register(app: typer.Typer, first: str) -> None:
    """The command or group called `first` alone, or all where none is."""
    import typer

    from opsctl.cli.group import Group

    known = first in (*_COMMANDS, *_GROUPS)
    for name in _COMMANDS:
        if not known or name == first:
            _module(name).register(app)
    for name in _GROUPS:
        if known and name != first:
            continue
        group = _module(name).app
        if first in ("--help", "-h"):  # one line each: their own commands are not named
            group = typer.Typer(help=group.info.help, rich_markup_mode=None)
        app.add_typer(group, name=name, cls=Group)


def _module(name: str) -> Any:
    return import_module(f"opsctl.cli.commands.{name}")


def _show_version(wanted: bool) -> None:
    import typer

    if wanted:
        typer.echo(f"opsctl {__version__}")
        raise typer.Exit


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of the `opsctl` script."""
    # Imports and AWS service models are all kept until the end: looking for garbage among them took 7 % of a deploy
    # without changes. Long deploys still collect, only later.
    gc.set_threshold(200_000, 20, 20)
    from opsctl.cli import interrupts, streams

    interrupts.prepare()
    streams.prepare()
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words not in (["--version"], ["--help"], ["-h"]):  # as fast as it gets, and no library takes part
        streams.quiet()
    try:
        code = run(words)
    except KeyboardInterrupt:  # before the command began, or while its failure was told
        code = _failed(_interrupted(), as_json=_wants_json(words))
    interrupts.leave(code)
    gc.freeze()  # all of it ends with the process: looking through it once more took a sixth of a short command
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit code; every failure ends here."""
    from opsctl.cli import output

    if arguments == ["--version"]:  # asked in every CI job: not worth importing the command tree
        return _version()
    import typer

    as_json = _wants_json(arguments)
    if os.environ.get("_OPSCTL_COMPLETE", "complete_bash") != "complete_bash":  # bash shows words alone
        _wrap_nothing()
    try:
        result = build(_first(arguments))(args=arguments, standalone_mode=False, prog_name="opsctl")
    except OpsctlError as error:
        return _failed(error, as_json=as_json)
    except typer.Exit as leave:
        return leave.exit_code
    except (typer.Abort, KeyboardInterrupt):
        return _failed(_interrupted(), as_json=as_json)
    except typer.TyperException as error:
        message = error.format_message()
        if type(error).__name__ == "NoArgsIsHelpError":  # its message is the help text itself
            output.note(message)
            return int(ExitCode.USAGE)
        return _failed(UsageError(" ".join(message.split()), hint=_next(error)), as_json=as_json)
    except (OSError, UnicodeError) as error:
        from opsctl.cli.crash import refused

        return _failed(refused(error), as_json=as_json)
    except Exception as error:
        from opsctl.cli.crash import explained

        return _failed(explained(error), as_json=as_json)
    if result == ExitCode.INTERRUPTED:  # what typer makes of Ctrl-C
        return _failed(_interrupted(), as_json=as_json)
    return result if isinstance(result, int) else int(ExitCode.OK)


def _first(arguments: list[str]) -> str:
    """The command's name; while a shell asks for words, that of the line it asks about."""
    asked = os.environ.get("COMP_WORDS") or os.environ.get("_TYPER_COMPLETE_ARGS") or ""
    words = arguments or asked.split()[1:]
    return words[0] if words else ""


def _wrap_nothing() -> None:
    """Shells take each line for a word that may follow, and typer wraps what it says of one."""
    from typer import rich_utils

    rich_utils.MAX_WIDTH = 10_000


def _wants_json(arguments: list[str]) -> bool:
    """What follows `--` is for another program."""
    own = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return "--json" in own


def _next(error: Any) -> str:
    """What to do about a command line that typer refuses; an option may be meant for what the command runs."""
    option = getattr(error, "option_name", "")
    if option and any("after --" in (getattr(each, "help", "") or "").lower() for each in error.ctx.command.params):
        return f"Write {option} after -- if it is not for opsctl. See --help."
    return "See --help."


def _version() -> int:
    from opsctl.cli import output

    try:
        output.write(f"opsctl {__version__}\n")
    except OpsctlError as error:
        return _failed(error, as_json=False)
    return int(ExitCode.OK)


def _interrupted() -> OpsctlError:
    """What was done, as far as it went to AWS; whoever knows more raises an error of its own."""
    from opsctl.aws import orders

    given = ", ".join(orders.given())
    message = f"Interrupted. AWS was told before: {given}." if given else "Interrupted. Nothing was changed in AWS."
    hint = "AWS goes on with that; `opsctl status` shows it, and the same command again does the rest." if given else ""
    return OpsctlError(message, hint=hint, code="interrupted", exit_code=ExitCode.INTERRUPTED)


def _failed(error: OpsctlError, *, as_json: bool) -> int:
    from opsctl.cli import output

    output.failure(error, as_json=as_json)
    return int(error.exit_code)
