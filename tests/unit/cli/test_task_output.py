"""What a command prints in a task is the result of `opsctl run` and `opsctl job run`: whole, in order, on stdout."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from opsctl.aws.logs import LogPage
from opsctl.cli import app, context
from opsctl.operate.target import Target
from tests.unit.cli.terminal import Terminal, unstyled
from tests.unit.operate.shop import FakeLogs, Shop

SAID = [f"line {number} of what it says" for number in range(60)]
COMMANDS = [("run", "--", "manage.py", "check"), ("job", "run", "tidy")]


class Written(FakeLogs):
    """The log of every task, in pages of seven lines."""

    def page(self, group: str, stream: str, token: str | None = None) -> LogPage:
        first = int(token or 0)
        return LogPage(tuple(SAID[first : first + 7]), str(min(first + 7, len(SAID))))


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    made = Shop(tmp_path, logs=Written())
    monkeypatch.setattr(Target, "poll_seconds", 0.0)
    monkeypatch.setattr(context, "open_workspace", lambda *_: SimpleNamespace(target=lambda *_: made.target))
    return made


@pytest.mark.parametrize("exit_code", [0, 7])
@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_in_a_pipe_it_is_all_of_stdout(
    shop: Shop, words: tuple[str, ...], exit_code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    shop.exit_code = exit_code
    assert app.run(list(words)) == (exit_code and (7 if words[0] == "run" else 1))
    shown = capsys.readouterr()
    assert shown.out.splitlines() == SAID
    assert "of what it says" not in shown.err.partition("Error:")[0]


@pytest.mark.parametrize("exit_code", [0, 7])
@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_at_a_terminal_it_follows_the_live_display(
    shop: Shop, words: tuple[str, ...], exit_code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.exit_code = exit_code
    screen = Terminal()  # one for both, as they are one screen
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setattr(sys, "stderr", screen)
    app.run(list(words))
    # What is above the place to which the live display last went back is erased.
    below = unstyled(re.split(r"\x1b\[\d+A|\x1b\[2K", screen.getvalue())[-1])
    assert [line.rstrip() for line in below.splitlines() if line.startswith("line ")] == SAID


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_for_scripts_stdout_is_the_result_alone(
    shop: Shop, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    at = words.index("run") + 1
    assert app.run([*words[:at], "--json", *words[at:]]) == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out)["exit_code"] == 0
    events = [json.loads(line) for line in shown.err.splitlines()]
    assert [event["text"] for event in events if event["type"] == "log-line"] == SAID
