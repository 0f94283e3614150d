"""Groups of commands, whose help tells what each command does to the end of its sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typer.core import TyperGroup

if TYPE_CHECKING:
    from typer._click import Context, HelpFormatter
    from typer._click.shell_completion import CompletionItem

_WHOLE = 1000  # characters, more than any sentence of a help text has


class Group(TyperGroup):
    """A group as typer has it, but for its list of commands, in help and completion: typer cuts each sentence short."""

    def format_commands(self, ctx: Context, formatter: HelpFormatter) -> None:
        """Write the list, wrapped."""
        shown = [(name, self.commands[name]) for name in self.list_commands(ctx) if not self.commands[name].hidden]
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.get_short_help_str(_WHOLE)) for name, command in shown])

    def shell_complete(self, ctx: Context, incomplete: str) -> list[CompletionItem]:
        """What may follow, as typer finds it; shells that show what a command does cut it where their line ends."""
        found = super().shell_complete(ctx, incomplete)
        for each in found:
            if command := self.commands.get(each.value):
                each.help = command.get_short_help_str(_WHOLE)
        return found
