"""Lines of logs as people see them: on a terminal, and in a pipe."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

import pytest

from opsctl.cli.render_logs import LogText
from opsctl.operate.logs import Line
from tests.unit.cli.terminal import Terminal


def line(message: str, *, task: str = "3fa92b1c00112233", day: int = 29) -> Line:
    return Line(datetime(2026, 11, day, 23, 59, 1, 234567, tzinfo=UTC), task, "web", message)


def test_in_a_pipe_every_line_is_whole_and_sorts_by_time() -> None:
    shown = LogText(terminal=False)
    long = "x" * 300
    assert shown.text(line(long)) == f"2026-11-29T23:59:01.234Z 3fa92b1c {long}\n"
    assert shown.text(line('{"level": "info", "message": "a\\nb"}')) == (
        "2026-11-29T23:59:01.234Z 3fa92b1c INFO a\n    b\n"
    )


def test_a_terminal_shows_the_day_once_and_then_the_hour() -> None:
    shown = LogText(terminal=True)
    texts = [shown.text(line("a")), shown.text(line("b")), shown.text(line("c", day=30))]
    assert texts == [
        "2026-11-29 (UTC)\n23:59:01Z 3fa92b1c a\n",
        "23:59:01Z 3fa92b1c b\n",
        "2026-11-30 (UTC)\n23:59:01Z 3fa92b1c c\n",
    ]


def test_each_task_has_a_colour_of_its_own_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    shown = LogText(terminal=True)
    shown.text(line("first"))
    one, two, again = (shown.text(line("x", task=task)) for task in ("aaaa", "bbbb", "aaaa"))
    assert "\033[32maaaa\033[0m" in one
    assert "\033[35mbbbb\033[0m" in two
    assert again == one
    assert "\033[31mERROR\033[0m" in shown.text(line('{"level": "error", "message": "no"}'))
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\033" not in shown.text(line("x"))


def test_nothing_in_a_log_is_acted_on_by_the_terminal() -> None:
    shown = LogText(terminal=True)
    shown.text(line("first"))
    bad = "\x1b]0;title\x07\x1b[2Jx\x9b31m\ud800\r"
    texts = [
        shown.text(line(bad)),
        shown.text(line('{"level": "\\u001b[2J\\u0007", "message": "\\u001b]52;c;x\\u0007"}')),
    ]
    assert not any(character in text for text in texts for character in "\x1b\x07\x9b\ud800\r")
