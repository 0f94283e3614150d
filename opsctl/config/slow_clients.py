"""Whether the web's command says of itself that a client can hold its server: gunicorn's workers without threads.

Told, not refused: a proxy of the project's own may stand before it. What a command leaves to a file or a variable of a
shell is not known here, and nothing is said.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from opsctl.config.problem import Problem

if TYPE_CHECKING:
    from opsctl.config.application import Application

_VARIABLE = "GUNICORN_CMD_ARGS"
_FILE = "gunicorn.conf.py"
"""What gunicorn reads by itself where it starts."""
_SYNC = re.compile(r"sync|egg:gunicorn#sync|gunicorn\.workers\.sync\.SyncWorker")
_ENDS = {"&&", "||", ";", "|", "&"}  # of a command, in a shell
_SHORT = {"-k": "--worker-class", "-c": "--config"}
_LONG = (*_SHORT.values(), "--threads")


def held(root: Path, application: Application) -> Iterator[Problem]:
    """A note where gunicorn serves one client at a time, however slow; `root` is where environments.yaml lies."""
    web = application.web
    words = _gunicorn(web.command or ())
    if words is None or _says_elsewhere(root / application.path, application):
        return
    # The command's own options count more, so they come last.
    options = _options([*application.variables(web).get(_VARIABLE, "").split(), *words])
    if options is None or "--config" in options or not _SYNC.fullmatch(options.get("--worker-class", "sync")):
        return
    # With threads gunicorn takes its worker for them, whatever class is told.
    if options.get("--threads", "1") == "1":
        yield Problem(
            ("application", "web", "command"),
            "gunicorn without threads serves one client of each worker at a time, however slow the client is",
            "Add --threads 4: with threads opsctl's worker waits for clients. Or leave the command out for opsctl's.",
            certain=False,
        )


def _says_elsewhere(folder: Path, application: Application) -> bool:
    """Whether what is not read here may hold more options: an image, a secret, a file."""
    if application.image is not None or _VARIABLE in application.secrets:
        return True
    if any(Path(name).name == _FILE for name in application.files):
        return True
    return any(found for depth in ("", "*/", "*/*/") for found in folder.glob(f"{depth}{_FILE}"))


def _gunicorn(command: Sequence[str]) -> list[str] | None:
    """What gunicorn is given, also by `sh -c`; None where it is not what runs."""
    words = list(command)
    if len(words) == 3 and re.fullmatch(r"(.*/)?(ba|da)?sh", words[0]) and re.fullmatch(r"-\w*c", words[1]):
        lexer = shlex.shlex(words[2], posix=True, punctuation_chars=True)
        lexer.whitespace_split, lexer.commenters = True, ""
        try:
            words = list(lexer)
        except ValueError:
            return None
    # The last one: what comes before it in a shell has ended, or runs beside it.
    for is_end, part in groupby(reversed(words), key=_ENDS.__contains__):
        found = list(part)[::-1]
        at = next((number for number, word in enumerate(found) if re.fullmatch(r"(.*/)?gunicorn", word)), None)
        if not is_end and at is not None:
            return found[at + 1 :]
    return None


def _options(words: Sequence[str]) -> dict[str, str] | None:
    """Long options with their values, the last of each; None where a shell puts in what nobody knows here."""
    found: dict[str, str] = {}
    for number, word in enumerate(words):
        if word.startswith(("$", "`")):
            return None
        name, equals, value = word.partition("=")
        if word[:2] in _SHORT:
            name, equals, value = _SHORT[word[:2]], word[2:], word[2:].removeprefix("=")
        # gunicorn takes the beginning of an option for all of it.
        full = next((each for each in _LONG if len(name) > 4 and each.startswith(name)), None)
        if full is not None:
            found[full] = value if equals else "".join(words[number + 1 : number + 2])
    return found
