"""How a deploy looks: lines in a pipe, a tree on a terminal, NDJSON for scripts."""

from __future__ import annotations

import io
import json
import sys
from typing import Any

import pytest

from opsctl.cli.progress import Sparing, listening, plain
from opsctl.deploy.events import Event, LogLine, Note, Progress, StepFinished, StepStarted, TimeLeft
from tests.unit.cli.events import Clock, changed
from tests.unit.cli.terminal import Terminal

LINES: list[tuple[Event, str]] = [
    (StepStarted("data", "create: it does not exist"), "data: create: it does not exist"),
    (StepFinished("data", "done", "CREATE_COMPLETE", 12.34), "data: ✓ CREATE_COMPLETE (12.3 s)"),
    (StepFinished("data", "unchanged", "unchanged", 0), "data: · unchanged (0.0 s)"),
    (StepFinished("data", "failed", "no capacity", 3), "data: ✗ no capacity (3.0 s)"),
    (StepFinished("data", "detached", "goes on", 3), "data: ↗ goes on (3.0 s)"),
    (StepFinished("data", "rolled-back", "as its template says", 3), "data: ↩ as its template says (3.0 s)"),
    (changed("Database", "CREATE_IN_PROGRESS", "Resource creation Initiated"),
     "data: CREATE_IN_PROGRESS AWS::RDS::DBInstance Database"),
    (changed("Database", "CREATE_FAILED", "no capacity"),
     "data: CREATE_FAILED AWS::RDS::DBInstance Database — no capacity"),
    (LogLine("migrate", "Applying 0001_initial... OK"), "migrate | Applying 0001_initial... OK"),
    (Note("data is ROLLBACK_COMPLETE"), "data is ROLLBACK_COMPLETE"),
    (Progress("sync", "raw/a.csv", 1, 2, "files"), ""),
]  # fmt: skip
LEFT = [
    (TimeLeft(250.0, 330.0, 12), "About 4 min left; nine of ten are done within 6 (12 earlier deploys)."),
    (TimeLeft(1200.0, 1200.0, 1), "About 20 min left (1 earlier deploy)."),
    (TimeLeft(1090.0, 2000.0, 0), "About 18 min left; nine of ten are done within 34 (by published experience)."),
    (TimeLeft(20.0, 50.0, 3), "Less than a minute left."),
]


@pytest.mark.parametrize(("event", "line"), LEFT)
def test_what_is_left_is_one_short_line(event: Event, line: str) -> None:
    assert plain(event) == line
    assert len(line) <= 80


@pytest.mark.parametrize(("event", "line"), LINES, ids=[f"{type(e).__name__}-{i}" for i, (e, _) in enumerate(LINES)])
def test_each_event_is_one_line_in_a_pipe(event: Event, line: str) -> None:
    assert plain(event) == line


def test_in_a_log_what_is_left_stands_once_a_minute_and_all_else_at_once() -> None:
    told: list[Event] = []
    clock = Clock()
    sparing = Sparing(told.append, clock)
    for seconds in range(540, 0, -15):
        sparing(TimeLeft(float(seconds), float(seconds), 5))
        clock.now += 15
    assert [event.seconds for event in told if isinstance(event, TimeLeft)] == [540 - 60 * n for n in range(9)]
    sparing(Note("a"))
    sparing(Note("b"))
    assert told[-2:] == [Note("a"), Note("b")]


@pytest.mark.parametrize("as_json", [False, True])
def test_listeners_of_logs_are_sparing(as_json: bool, capsys: pytest.CaptureFixture[str]) -> None:
    with listening(as_json=as_json) as emit:
        for _ in range(3):
            emit(TimeLeft(540.0, 540.0, 5))
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_in_a_pipe_lines_go_to_stderr_and_what_only_moves_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[Event] = []
    with listening(seen.append, as_json=False) as emit:
        emit(StepStarted("data", "update"))
        emit(Progress("data", "half", 1, 2))
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "data: update\n")
    assert len(seen) == 2


def test_under_json_each_event_is_an_object_on_a_line_of_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    with listening(as_json=True) as emit:
        for event, _ in LINES:
            emit(event)
    captured = capsys.readouterr()
    objects: list[dict[str, Any]] = [json.loads(line) for line in captured.err.splitlines()]
    assert captured.out == ""
    assert len(objects) == len(LINES)
    assert next(iter(objects[0])) == "type"
    assert [item["type"] for item in objects[:2]] == ["step-started", "step-finished"]
    assert objects[6] == {
        "type": "resource-changed", "step": "data", "at": "2026-01-01T12:00:00+00:00", "logical_id": "Database",
        "resource_type": "AWS::RDS::DBInstance", "status": "CREATE_IN_PROGRESS",
        "reason": "Resource creation Initiated",
    }  # fmt: skip


class ClosedPipe(io.StringIO):
    """What `opsctl deploy 2>&1 | head` leaves of stderr."""

    def write(self, text: str) -> int:
        raise BrokenPipeError


@pytest.mark.parametrize("as_json", [False, True])
def test_a_reader_that_left_does_not_stop_the_deploy(as_json: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", ClosedPipe())
    seen: list[Event] = []
    with listening(seen.append, as_json=as_json) as emit:
        emit(StepStarted("data", "update"))
    assert seen == [StepStarted("data", "update")]


def test_a_terminal_without_cursor_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "dumb")
    with listening(as_json=False) as emit:
        emit(StepStarted("data", "update"))
    assert terminal.getvalue() == "data: update\n"


def test_a_terminal_gets_the_tree_whose_last_picture_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm-256color")
    with listening(as_json=False) as emit:
        emit(StepStarted("data", "update"))
        emit(StepFinished("data", "done", "UPDATE_COMPLETE", 1.5))
    assert terminal.shown()[-1].strip() == "✓ data        1.5 s  UPDATE_COMPLETE"
