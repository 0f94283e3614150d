"""Every command under what a machine does to it: one sentence with the path, exit code 1, never a traceback.

The commands are those of the command tree; one that is added is met by all faults without a line here.
"""

from __future__ import annotations

import errno
import io
import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.main import get_command

from opsctl.cli import app, streams
from opsctl.operate.target import Workspace

# What a command line has to hold before it opens anything.
ARGUMENTS = {
    "opsctl secret set": ["NAME"],
    "opsctl secret remove": ["NAME"],
    "opsctl job run": ["NAME"],
    "opsctl run": ["--", "true"],
    "opsctl dataset raw remove": ["NAME"],
    "opsctl rollback": ["1"],
    "opsctl env policy": ["plan"],
    "opsctl dataset inspect": [__file__],
}
# They open no configuration, or not this way: test_init, test_env and test_foreign_folder have them. For `doctor` it
# is a line among others.
ELSEWHERE = {
    "opsctl init", "opsctl env schema", "opsctl doctor",
    "opsctl local env", "opsctl local logs", "opsctl local reset", "opsctl local status", "opsctl local stop",
}  # fmt: skip


def leaves(command: object, words: tuple[str, ...] = ("opsctl",)) -> Iterator[tuple[tuple[str, ...], set[str]]]:
    """Each command with its options."""
    inner = getattr(command, "commands", None)
    if inner is None:
        yield words, {flag for each in getattr(command, "params", []) for flag in each.opts}
        return
    for name, item in inner.items():
        yield from leaves(item, (*words, name))


COMMANDS = {" ".join(words): options for words, options in leaves(get_command(app.build()))}
OPENING = sorted(COMMANDS.keys() - ELSEWHERE)

Fault = Callable[[Path], Exception]
FAULTS: dict[str, Fault] = {
    errno.errorcode[number]: lambda path, number=number: OSError(number, os.strerror(number), str(path))  # type: ignore[misc]
    for number in (
        errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.ENAMETOOLONG, errno.EIO, errno.EMFILE,
    )
}  # fmt: skip


def typed(command: str, *more: str) -> list[str]:
    return [*command.split()[1:], *more, *ARGUMENTS.get(command, [])]


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[Exception], None]:
    """Lets every command that opens the configuration run into an error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPSCTL_DEBUG", raising=False)

    def install(error: Exception) -> None:
        def opened(config: Path | None, **person: object) -> Workspace:
            raise error

        monkeypatch.setattr(Workspace, "open", opened)
        monkeypatch.setattr("sys.stdin", io.StringIO("value"))

    return install


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("command", OPENING)
def test_each_command_tells_each_refusal_in_a_sentence(
    command: str,
    fault: str,
    broken: Callable[[Exception], None],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "state"
    broken(FAULTS[fault](path))
    code = app.run(typed(command))
    said = capsys.readouterr()
    lines = said.err.splitlines()
    assert (code, said.out) == (1, "")
    assert lines[0] == f"Error: opsctl can't use {path}: {os.strerror(getattr(errno, fault))}."
    assert lines[1].startswith("Next: ")
    assert len(lines) == 2


@pytest.mark.parametrize("command", [name for name in OPENING if "--json" in COMMANDS[name]])
def test_each_command_tells_it_as_json_too(
    command: str, broken: Callable[[Exception], None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken(FAULTS["ENOSPC"](tmp_path / "state"))
    assert app.run(typed(command, "--json")) == 1
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["code"] == "system"
    assert str(tmp_path / "state") in error["message"]


@pytest.mark.parametrize("command", OPENING)
def test_each_command_names_what_is_no_text(
    command: str, broken: Callable[[Exception], None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "requirements.txt"
    path.write_bytes(b"\xff")
    with pytest.raises(UnicodeDecodeError) as caught:
        path.read_text(encoding="utf-8")
    broken(caught.value)
    assert app.run(typed(command)) == 1
    assert capsys.readouterr().err.startswith(f"Error: {path} is not UTF-8 (")


class Full(io.TextIOWrapper):
    """A stream that takes ASCII and, once it is full, nothing."""

    def __init__(self, *, full: bool) -> None:
        self.taken = io.BytesIO()
        super().__init__(self.taken, encoding="ascii", errors=streams.PLAIN)
        self._full = full

    def write(self, text: str) -> int:
        text.encode("ascii", streams.PLAIN)
        if self._full:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(text)


@pytest.mark.parametrize("command", OPENING)
@pytest.mark.parametrize("full", [("stdout",), ("stdout", "stderr")], ids="+".join)
def test_each_commands_failure_keeps_its_code_whatever_the_streams_take(
    command: str, full: tuple[str, ...], broken: Callable[[Exception], None], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """With the tree's signs in what failed, which the streams lack."""
    broken(FAULTS["EROFS"](tmp_path / "caf\N{LATIN SMALL LETTER E WITH ACUTE}…"))
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, Full(full=name in full))
    as_json = ["--json"] if "--json" in COMMANDS[command] else []
    assert app.run(typed(command, *as_json)) == 1
    if "stderr" not in full:
        sys.stderr.flush()
        told = sys.stderr.buffer.getvalue().decode("ascii")  # type: ignore[union-attr]
        assert re.match(r"Error: opsctl can't use .*caf\\xe9\.\.\.: Read-only file system\.\n", told)


@pytest.mark.parametrize("command", sorted(ELSEWHERE))
def test_a_command_that_opens_no_configuration_is_known_here(command: str) -> None:
    assert command in COMMANDS
