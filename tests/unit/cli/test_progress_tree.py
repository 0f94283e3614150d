"""The tree that a terminal gets: steps at work with their resources, those that ended in one line each."""

from __future__ import annotations

import io
import sys
from datetime import UTC, datetime

import pytest
from rich.console import Console, Group

from opsctl.cli.progress import Tree, printing
from opsctl.deploy.events import Event, LogLine, Note, Progress, ResourceChanged, StepFinished, StepStarted, TimeLeft
from tests.unit.cli.events import Clock, changed
from tests.unit.cli.terminal import unstyled


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
    assert unstyled(shown).rstrip() == "↩ app         7.4 s  as its template says"


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
