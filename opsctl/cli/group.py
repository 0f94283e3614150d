"""Groups of commands, whose help tells what each command does to the end of its sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typer.core import TyperGroup

if TYPE_CHECKING:
    from typer._click import Context, HelpFormatter

_WHOLE = 1000  # characters, more than any sentence of a help text has


class Group(TyperGroup):
    """A group as typer has it, but for its list of commands: typer cuts each sentence to what fits one line."""

    def format_commands(self, ctx: Context, formatter: HelpFormatter) -> None:
        """Write the list, wrapped."""
        shown = [(name, self.commands[name]) for name in self.list_commands(ctx) if not self.commands[name].hidden]
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.get_short_help_str(_WHOLE)) for name, command in shown])
