"""Write docs/commands.md and the man page docs/opsctl.1 from what `--help` says: `python -m scripts.reference`.

With `--check` nothing is written, and the exit code is 3 when one of them differs.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from opsctl import __version__
from opsctl.cli.app import build
from opsctl.cli.streams import DEBUG_VARIABLE
from opsctl.errors import ExitCode
from opsctl.images.python.virtualenv import FOLDER_VARIABLE
from opsctl.images.registry.realms import TOKEN_SERVERS_VARIABLE
from opsctl.images.workshop import BASE_VARIABLE
from opsctl.local.settings import LIFETIME_VARIABLE
from opsctl.paths import CERTIFICATES_VARIABLE
from scripts.rendered import stale

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "commands.md"
MANUAL = ROOT / "docs" / "opsctl.1"
# What of the shell's environment is read, beside AWS's variables, libpq's and those of proxies.
VARIABLES = [
    ("OPSCTL_ENV", "The environment meant where a command names none."),
    (DEBUG_VARIABLE, "Set: tracebacks of failures, and what libraries log, on stderr."),
    (BASE_VARIABLE, "Another base of the image, such as the same one in a mirror."),
    (TOKEN_SERVERS_VARIABLE, "Which hosts may get a registry's login: registry=host, several with commas between."),
    (FOLDER_VARIABLE, "Another folder than .opsctl/environments, to share environments of Python between checkouts."),
    (LIFETIME_VARIABLE, "Seconds without a request after which the local target ends; 12 hours unless set."),
    (CERTIFICATES_VARIABLE, "Another bundle of certificate authorities than RDS's."),
    ("CI", "Set: an opsctl.lock that is out of date is refused, and a sign-in that ended is waited for a minute only."),
    ("NO_COLOR", "Set: no colours."),
]
_UP_TO_HERE = "Made by `python -m scripts.reference` from what `--help` says; change the commands, not this page."


@dataclass(frozen=True)
class Entry:
    """A command or a group as its help tells it. `options` and `arguments` are pairs: as typed, what it does."""

    name: str
    usage: str
    paragraphs: list[str]
    arguments: list[tuple[str, str]]
    options: list[tuple[str, str]]
    commands: list[str]


def entries(command: Any, context: Any) -> Iterator[Entry]:
    """A command, then those below it, as the help orders them."""
    records = [(item, item.get_help_record(context)) for item in command.get_params(context)]
    pairs = {
        kind: [record for item, record in records if record and item.param_type_name == kind and item.name != "help"]
        for kind in ("argument", "option")
    }
    paragraphs = [" ".join(each.split()) for each in (command.help or "").split("\n\n")]
    if command.epilog:
        paragraphs.append(command.epilog)
    below = getattr(command, "commands", {})
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    yield Entry(context.command_path, usage, paragraphs, pairs["argument"], pairs["option"], list(below))
    for name, item in below.items():
        yield from entries(item, type(context)(item, info_name=name, parent=context))


def everything() -> list[Entry]:
    """All commands, opsctl itself first."""
    root: Any = typer.main.get_command(build())
    return list(entries(root, root.context_class(root, info_name="opsctl", **root.context_settings)))


def markdown(found: list[Entry]) -> str:
    """The page of the documentation."""
    blocks = ["# Commands", _UP_TO_HERE, "Every command also takes `-h` and `--help`."]
    for each in found:
        level = "##" if len(each.name.split()) < 3 else "###"
        blocks += [f"{level} {each.name}", f"```\n{each.usage}\n```", *map(_prose, each.paragraphs)]
        if each.commands:
            links = [f"[{name}](#{each.name.replace(' ', '-')}-{name})" for name in each.commands]
            blocks.append(f"Commands: {' · '.join(links)}")
        if rows := [*each.arguments, *each.options]:
            lines = [f"- `{' '.join(typed.split())}`: {_prose(what)}" for typed, what in rows]
            blocks.append("\n".join(lines))
    variables = "\n".join(f"- `{name}`: {_prose(what)}" for name, what in VARIABLES)
    return "\n\n".join([*blocks, "## Environment variables", variables]) + "\n"


def _prose(text: str) -> str:
    """With what Markdown would take for markup escaped, but for what stands in backticks."""
    parts = re.split(r"(`[^`]*`)", " ".join(text.split()))
    return "".join(part if part.startswith("`") else re.sub(r"([*_<>\[\]|])", r"\\\1", part) for part in parts)


def roff(found: list[Entry]) -> str:
    """The man page, section 1."""
    head, *others = found
    lines = [
        f'.TH OPSCTL 1 "" "opsctl {__version__}" "User Commands"',
        ".SH NAME", f"opsctl \\- {_escaped(head.paragraphs[0])}",
        ".SH SYNOPSIS", ".nf", _escaped(head.usage), ".fi",
        ".SH OPTIONS", *_list(head.options), *_list([("-h, --help", "Show the help of a command and exit.")]),
        ".SH COMMANDS",
    ]  # fmt: skip
    for each in others:
        lines += [f'.SS "{_escaped(each.name)}"', ".nf", _escaped(each.usage), ".fi"]
        for paragraph in each.paragraphs:
            lines += [".PP", _escaped(paragraph)]
        lines += _list([*each.arguments, *each.options])
    lines += [".SH EXIT STATUS", _escaped(head.paragraphs[1].removeprefix("Exit codes: "))]
    lines += [".SH ENVIRONMENT", *_list(VARIABLES)]
    lines += [".SH FILES", ".I environments.yaml", _escaped("describes the environments;"), ".I .opsctl"]
    lines += ["beside it is what opsctl keeps on this machine."]
    return "\n".join(lines) + "\n"


def _list(pairs: list[tuple[str, str]]) -> list[str]:
    return [
        line
        for typed, what in pairs
        for line in (".TP", f".B {_escaped(' '.join(typed.split()))}", _escaped(" ".join(what.split())))
    ]


def _escaped(text: str) -> str:
    """As troff takes it: no line is a request, and a hyphen can be copied."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace('"', "\\(dq").replace("`", "\\(ga")
    return f"\\&{text}" if text[:1] in {".", "'"} else text


def main(arguments: list[str]) -> None:
    """Write both, or with `--check` compare."""
    found = everything()
    check = arguments == ["--check"]
    differ = stale({PAGE: markdown(found), MANUAL: roff(found)}, check=check)
    if differ and check:
        print(f"{', '.join(path.name for path in differ)} differs: run `python -m scripts.reference`.")
        sys.exit(int(ExitCode.DIFFERS))


if __name__ == "__main__":
    main(sys.argv[1:])
