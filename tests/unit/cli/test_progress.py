"""How a deploy looks: lines in a pipe, a tree on a terminal, NDJSON for scripts."""

from __future__ import annotations

import io
import json
import re
import sys
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console, Group

from opsctl.cli import output
from opsctl.cli.progress import Sparing, Tree, listening, plain, printing
from opsctl.deploy.events import (
    Event,
    Evidence,
    LogLine,
    Note,
    Progress,
    ResourceChanged,
    StepFinished,
    StepStarted,
    TimeLeft,
)
from opsctl.deploy.tasks import TaskFailedError
from opsctl.errors import OpsctlError

AT = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


def changed(logical_id: str, status: str, reason: str = "", step: str = "data") -> ResourceChanged:
    return ResourceChanged(step, AT, logical_id, "AWS::RDS::DBInstance", status, reason)


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


class Terminal(io.StringIO):
    """A stderr that says it is a terminal."""

    def isatty(self) -> bool:
        return True


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
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.getvalue())
    assert shown.splitlines()[-1].strip() == "✓ data        1.5 s  UPDATE_COMPLETE"


# -- what a task prints as the result ----------------------------------------------------------------------------------

PRINTED = (StepStarted("dataset", "build"), LogLine("dataset", "170 rows"), LogLine("dataset", "release r1"))


def test_in_a_pipe_the_lines_of_a_task_go_to_stdout_as_they_come_and_nowhere_else(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with printing(as_json=False) as emit:
        for event in PRINTED[:2]:
            emit(event)
        assert capsys.readouterr() == ("170 rows\n", "dataset: build\n")
        emit(PRINTED[2])
    assert capsys.readouterr() == ("release r1\n", "")


def test_on_a_terminal_they_follow_the_last_picture_even_after_a_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm-256color")
    error = TaskFailedError("dataset failed.", detail=("170 rows", "release r1"))

    def fail() -> None:
        with printing(as_json=False) as emit:
            for event in PRINTED:
                emit(event)
            assert capsys.readouterr().out == ""
            emit(StepFinished("dataset", "failed", "exit code 1", 1.5))
            raise error

    with pytest.raises(TaskFailedError):
        fail()
    assert capsys.readouterr().out == "170 rows\nrelease r1\n"
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.getvalue())
    assert shown.splitlines()[-1].strip() == "✗ dataset     1.5 s  exit code 1"
    assert error.told, "the end of the log was printed already"


def test_for_scripts_they_stay_events(capsys: pytest.CaptureFixture[str]) -> None:
    with printing(as_json=True) as emit:
        emit(PRINTED[1])
    out, err = capsys.readouterr()
    assert (out, json.loads(err)["text"]) == ("", "170 rows")


def test_a_stdout_that_takes_no_more_is_told_when_the_task_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(text: str) -> bool:
        raise OpsctlError("full")

    monkeypatch.setattr(output, "write", refuse)
    seen: list[str] = []

    def print_all() -> None:
        with printing(as_json=False) as emit:
            for event in PRINTED:
                emit(event)
            seen.append("ended")

    with pytest.raises(OpsctlError, match="full"):
        print_all()
    assert seen == ["ended"]


# -- the tree ----------------------------------------------------------------------------------------------------------


class Clock:
    """Time that the test moves."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def drawn(tree: Tree, width: int = 80) -> str:
    console = Console(record=True, width=width, file=io.StringIO())
    console.print(Group(tree))  # as Live does: alone, `print` would take it for text to wrap
    return "\n".join(line.rstrip() for line in console.export_text().rstrip("\n").split("\n"))


def feed(tree: Tree, *events: Event) -> str:
    for event in events:
        tree(event)
    return drawn(tree)


def test_a_step_at_work_shows_its_resources_in_progress_with_their_times(clock: Clock) -> None:
    tree = Tree(clock)
    feed(tree, StepStarted("data", "create: it does not exist"), changed("data", "CREATE_IN_PROGRESS"))
    clock.now += 5
    feed(tree, changed("Secret", "CREATE_IN_PROGRESS"), changed("Database", "CREATE_IN_PROGRESS"))
    clock.now += 85
    assert feed(tree, changed("Secret", "CREATE_COMPLETE")) == (
        "… data         1:30  create: it does not exist\n"
        "    CREATE_IN_PROGRESS         1:30  data  AWS::RDS::DBInstance\n"
        "    CREATE_IN_PROGRESS         1:25  Database  AWS::RDS::DBInstance"
    )


def test_below_the_steps_stands_what_is_left_which_gets_less_until_all_is_done(clock: Clock) -> None:
    tree = Tree(clock)
    text = feed(tree, StepStarted("data", "create"), TimeLeft(1090.0, 2000.0, 0))
    last = text.splitlines()[-1]
    assert last == "About 18 min left; nine of ten are done within 34 (by published experience)."
    assert len(last) <= 80
    clock.now += 600
    assert drawn(tree).splitlines()[-1].startswith("About 8 min left; nine of ten are done within 24")
    clock.now += 6000
    assert drawn(tree).splitlines()[-1] == "Less than a minute left."
    assert "left" not in feed(tree, StepFinished("data", "done", "CREATE_COMPLETE", 6600.0))


def test_a_finished_step_folds_to_one_line(clock: Clock) -> None:
    tree = Tree(clock)
    text = feed(
        tree,
        StepStarted("data", "update"),
        changed("Database", "UPDATE_IN_PROGRESS"),
        LogLine("data", "a line"),
        StepFinished("data", "done", "UPDATE_COMPLETE", 7.4),
        StepStarted("app", "unchanged"),
        StepFinished("app", "unchanged", "unchanged", 0.0),
    )
    assert text == "✓ data        7.4 s  UPDATE_COMPLETE\n· app         0.0 s  unchanged"


def test_a_stack_that_a_rollback_brought_to_its_template_has_no_green_mark(clock: Clock) -> None:
    tree = Tree(clock)
    for event in (StepStarted("app", "follow"), changed("Service", "UPDATE_IN_PROGRESS", step="app")):
        tree(event)
    tree(StepFinished("app", "rolled-back", "as its template says", 7.4))
    console = Console(record=True, width=80, file=io.StringIO(), force_terminal=True)
    console.print(Group(tree))
    shown = console.export_text(styles=True).rstrip()
    assert "32m" not in shown
    assert re.sub(r"\x1b\[[0-9;]*m", "", shown).rstrip() == "↩ app         7.4 s  as its template says"


def test_a_failed_resource_stays_through_the_rollback_and_after_the_step(clock: Clock) -> None:
    tree = Tree(clock)
    text = feed(
        tree,
        StepStarted("data", "create"),
        changed("Database", "CREATE_IN_PROGRESS"),
        changed("Database", "CREATE_FAILED", "no capacity"),
        changed("data", "ROLLBACK_IN_PROGRESS"),
        changed("Database", "DELETE_IN_PROGRESS"),
        changed("Database", "DELETE_COMPLETE"),
        changed("data", "ROLLBACK_COMPLETE"),
        StepFinished("data", "failed", "no capacity", 4.0),
    )
    assert text == (
        "✗ data        4.0 s  no capacity\n    CREATE_FAILED             0.0 s  Database  AWS::RDS::DBInstance"
    )


def test_another_attempt_starts_with_a_clean_list(clock: Clock) -> None:
    tree = Tree(clock)
    text = feed(
        tree,
        StepStarted("data", "recreate"),
        changed("Database", "CREATE_FAILED", "no capacity"),
        changed("data", "CREATE_IN_PROGRESS"),
    )
    assert "CREATE_FAILED" not in text


def test_failed_resources_come_first_and_no_more_than_eight_are_shown(clock: Clock) -> None:
    tree = Tree(clock)
    feed(tree, StepStarted("data", "create"), *(changed(f"R{n}", "CREATE_IN_PROGRESS") for n in range(12)))
    lines = feed(tree, changed("R11", "CREATE_FAILED", "no")).splitlines()
    assert len(lines) == 1 + 8
    assert lines[1].split()[0] == "CREATE_FAILED"


def test_the_last_lines_of_a_log_and_the_last_notes_are_shown(clock: Clock) -> None:
    tree = Tree(clock)
    feed(tree, StepStarted("migrate", "apply pending migrations"), *(Note(f"note {n}") for n in range(5)))
    text = feed(tree, *(LogLine("migrate", f"line {n}") for n in range(9)), Progress("migrate", "half", 1, 2))
    assert text.splitlines() == [
        "note 2", "note 3", "note 4", "… migrate     0.0 s  apply pending migrations",
        "    | line 5", "    | line 6", "    | line 7", "    | line 8",
        f"    {'━' * 12}{'─' * 12}  50%  half",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("done", "total", "shown"),
    [
        (0, 8, f"{'─' * 24}   0%  pushed"),
        (3, 8, f"{'━' * 9}{'─' * 15}  38%  pushed"),
        (9, 8, f"{'━' * 24} 100%  pushed"),
        (1, 0, "pushed"),
    ],
)
def test_bytes_that_are_through_fill_a_bar(clock: Clock, done: int, total: int, shown: str) -> None:
    events = (StepStarted("push", "v1"), Progress("push", "started", 0, 8), Progress("push", "pushed", done, total))
    assert feed(Tree(clock), *events).splitlines()[1:] == [f"    {shown}"]


def test_a_long_line_is_cut_so_that_the_tree_keeps_its_height(clock: Clock) -> None:
    tree = Tree(clock)
    tree(StepStarted("data", "update: " + "x" * 200))
    (line,) = drawn(tree, width=60).splitlines()
    assert line.endswith("…")


def test_a_failed_step_and_a_note_are_wrapped_and_keep_every_word(clock: Clock) -> None:
    tree, words = Tree(clock), [f"word{number}" for number in range(30)]
    tree(Note(" ".join(words)))
    tree(StepStarted("migrate", "apply"))
    tree(LogLine("migrate", " ".join(words)))
    tree(StepFinished("migrate", "failed", " ".join([*words, "x" * 90]), 1.0))
    text = drawn(tree)
    assert max(len(line) for line in text.splitlines()) <= 80
    assert [text.split().count(word) for word in words] == [3] * 30
    assert text.count("x") == 90


def test_text_of_a_log_is_never_taken_for_markup(clock: Clock) -> None:
    assert "| [red]a[/red]" in feed(Tree(clock), StepStarted("m", ""), LogLine("m", "[red]a[/red]"))


def test_events_of_a_step_that_was_not_announced_are_shown_too(clock: Clock) -> None:
    assert feed(Tree(clock), StepFinished("data", "detached", "goes on", 1.0)) == "↗ data        1.0 s  goes on"


def test_what_a_task_or_aws_wrote_moves_no_cursor_of_the_tree(clock: Clock) -> None:
    forged = "x\x1b]0;owned\x07\x9b2J\x1b[8my"
    tree = Tree(clock)
    for event in (
        StepStarted("app", forged), LogLine("app", forged), Note(forged), Progress("app", forged),
        ResourceChanged("app", datetime.now(UTC), forged, forged, "CREATE_FAILED", forged),
        StepFinished("app", "failed", forged, 1.0),
    ):  # fmt: skip
        tree(event)
        screen = io.StringIO()
        Console(file=screen, width=200).print(tree)
        assert "xy" in screen.getvalue().replace("\\x9b2J", "")
        assert not {"\x1b", "\x07", "\x9b"} & set(screen.getvalue())


def test_nor_does_it_reach_the_terminal_beside_the_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    for is_terminal, wanted in ((True, "a\\x9b2J\n"), (False, "a\x1b[8m\x9b2J\n")):
        out = io.StringIO()
        monkeypatch.setattr(out, "isatty", lambda is_terminal=is_terminal: is_terminal)
        monkeypatch.setattr(sys, "stdout", out)
        with printing(as_json=False) as emit:
            emit(LogLine("run", "a\x1b[8m\x9b2J"))
        assert out.getvalue() == wanted


def failing_task(*seen: Event, as_json: bool = False) -> TaskFailedError:
    """The error of a task that was followed, after these events."""
    error = TaskFailedError("migrate failed.", detail=("Running", "no table"))

    def fail() -> None:
        with listening(as_json=as_json) as emit:
            for event in (*seen, StepFinished("migrate", "failed", "exit code 1", 1.5)):
                emit(event)
            raise error

    with pytest.raises(TaskFailedError):
        fail()
    return error


LOG = (LogLine("migrate", "Running"), LogLine("migrate", "no table"))
OF_ANOTHER = Evidence("app", "task", "a", "", lines=("no table",))


def test_in_a_pipe_the_log_of_a_task_that_failed_stands_once(capsys: pytest.CaptureFixture[str]) -> None:
    output.failure(failing_task(*LOG), as_json=False)
    assert capsys.readouterr().err.count("no table") == 1


@pytest.mark.parametrize("seen", [LOG[1], replace(OF_ANOTHER, step="migrate")])
def test_for_scripts_the_log_stands_once_on_stderr_and_in_the_result(
    seen: Event, capsys: pytest.CaptureFixture[str]
) -> None:
    def told(*events: Event) -> tuple[str, str]:
        output.failure(failing_task(*events, as_json=True), as_json=True)
        return capsys.readouterr()

    out, err = told(seen)
    assert (err.count("no table"), json.loads(out)["error"]["detail"]) == (1, ["Running", "no table"])
    assert told()[1].count("no table") == 1, "where no event told it"


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize(
    "seen", [(), (OF_ANOTHER,), (LogLine("image", "Step 1"),), (*LOG, StepFinished("app", "failed", "crashes", 1.0))]
)
def test_a_log_that_was_not_shown_stands_above_the_error_whatever_other_steps_told(
    seen: tuple[Event, ...], as_json: bool
) -> None:
    error = failing_task(*seen, as_json=as_json)
    assert (error.detail, error.told) == (("Running", "no table"), False)


def test_what_is_seen_of_a_stacks_task_is_no_line_in_a_pipe() -> None:
    assert not failing_task(replace(OF_ANOTHER, step="migrate")).told


def test_on_a_terminal_the_end_of_the_log_stands_above_the_error_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm-256color")
    assert not failing_task(*LOG).told
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.getvalue())
    assert shown.splitlines()[-1].strip() == "\N{BALLOT X} migrate     1.5 s  exit code 1"
