"""stdin, stdout and stderr as the process got them: closed, full, or in an encoding that lacks our signs."""

from __future__ import annotations

import codecs
import os
import select
import sys
from contextlib import suppress
from typing import TextIO

DEBUG_VARIABLE = "OPSCTL_DEBUG"
"""Set: what is meant for who maintains opsctl is shown, such as tracebacks."""
PLAIN = "opsctl-plain"
"""How characters are written that the encoding of a stream lacks: an error handler of codecs."""

_SIGNS = {
    "…": "...", "✓": "ok", "✗": "failed", "·": "-", "↗": "->", "→": "->", "—": "-", "–": "-", "━": "=", "─": "-",
    "↩": "<-", "×": "x", "’": "'", "‘": "'", "“": '"', "”": '"', "\N{NO-BREAK SPACE}": " ",
}  # fmt: skip


def prepare() -> None:
    """Make all three fit for use; call it first, before any file is opened.

    A closed one is opened to fail: else the next file that is opened would get its number, and be written to by all
    that writes to a standard stream.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            refusing = os.open(os.devnull, os.O_WRONLY if number == 0 else os.O_RDONLY)
            if refusing != number:
                os.dup2(refusing, number, inheritable=True)
                os.close(refusing)
            stream = os.fdopen(number, "r" if number == 0 else "w", encoding="utf-8", closefd=False)
            setattr(sys, name, stream)
        if number > 0:
            getattr(sys, name).reconfigure(errors=PLAIN)


def quiet() -> None:
    """Keep what libraries log and warn of from stderr: it is for who maintains them, and stands amid sentences.

    Python prints both there for whoever set nothing up, such as urllib3's retries. They come with OPSCTL_DEBUG=1.
    """
    import logging  # not for each start of opsctl
    import warnings

    if not os.environ.get(DEBUG_VARIABLE):
        logging.getLogger().addHandler(logging.NullHandler())
        warnings.simplefilter("ignore")


def takes(stream: TextIO, text: str) -> bool:
    """Whether `text` can be written to `stream` as it is."""
    try:
        text.encode(stream.encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def is_read(stream: TextIO) -> bool:
    """Whether whoever reads a pipe is still there; True of what is no pipe. Nothing is written to find out."""
    with suppress(OSError, ValueError, AttributeError):  # no descriptor, or a system without poll
        asked = select.poll()
        asked.register(stream.fileno(), 0)  # errors and hang-ups are told without being asked for
        return not any(events & (select.POLLERR | select.POLLHUP) for _, events in asked.poll(0))
    return True


def discard(stream: TextIO) -> None:
    """Drop what is left in its buffer and all that follows: Python flushes at exit, and would fail once more."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
        stream.flush()


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end]
    return "".join(_SIGNS.get(each) or _escaped(each) for each in missing), error.end


def _escaped(character: str) -> str:
    """As Python writes it in a string; a byte of a file name that is no UTF-8 as that byte."""
    number = ord(character)
    if 0xDC80 <= number <= 0xDCFF:
        return f"\\x{number - 0xDC00:02x}"
    return character.encode("ascii", "backslashreplace").decode("ascii")


codecs.register_error(PLAIN, _plain)
