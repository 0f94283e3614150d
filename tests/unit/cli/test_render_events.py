"""Events as people see them: a line each in a pipe, wrapped on a terminal, never cut."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from opsctl.cli.render_events import EventText
from opsctl.operate.timeline import Happening

WHAT = "UPDATE_FAILED Service (AWS::ECS::Service)"
REASON = "Resource handler returned message: the deployment circuit breaker was triggered after three tasks failed."


def event(what: str = WHAT, reason: str = REASON, *, day: int = 29) -> Happening:
    return Happening("1", datetime(2026, 11, day, 8, 5, 1, tzinfo=UTC), "cloudformation", "app", what, reason)


def test_a_pipe_gets_one_line_an_event() -> None:
    assert EventText(terminal=False).text(event()) == f"2026-11-29T08:05:01Z stack   app        {WHAT} — {REASON}\n"
    assert EventText(terminal=False).text(event("x", "")) == "2026-11-29T08:05:01Z stack   app        x\n"


@pytest.mark.parametrize("columns", [40, 80, 120])
def test_a_terminal_gets_lines_that_fit_and_lack_nothing(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    text = EventText(terminal=True).text(event())
    day, first, *rest = text.splitlines()
    assert day == "2026-11-29 (UTC)"
    assert first.startswith("08:05:01Z stack   app")
    assert all(line.startswith("    ") for line in rest)
    assert all(len(line) <= columns for line in text.splitlines())
    assert " ".join(text.split()) == " ".join(f"{day} 08:05:01Z stack app {WHAT} {REASON}".split())


def test_an_arn_stands_whole_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    arn = f"arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/{'dev-shop/' * 5}0123456789abcdef"
    text = EventText(terminal=True).text(event("registered 1 targets in (target-group " + arn + ")", f"see {arn}"))
    assert text.count(arn) == 2


def test_the_day_is_told_once() -> None:
    shown = EventText(terminal=True)
    texts = [shown.text(event("x", "", day=day)) for day in (29, 29, 30)]
    assert [text.count("(UTC)") for text in texts] == [1, 0, 1]


@pytest.mark.parametrize("terminal", [True, False])
def test_nothing_of_an_event_is_acted_on_by_the_terminal(terminal: bool) -> None:
    text = EventText(terminal=terminal).text(event("\x1b[2Jx\x07", "a\nb\x9b"))
    assert not any(sign in text for sign in "\x1b\x07\x9b")
