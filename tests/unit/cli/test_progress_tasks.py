"""What a task prints while it is followed: on stdout where it is the result, or once above the error of a deploy."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import pytest

from opsctl.cli import output
from opsctl.cli.progress import listening, printing
from opsctl.deploy.events import Event, Evidence, LogLine, StepFinished, StepStarted
from opsctl.deploy.tasks import TaskFailedError
from opsctl.errors import OpsctlError
from tests.unit.cli.terminal import Terminal

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
    assert terminal.shown()[-1].strip() == "✗ dataset     1.5 s  exit code 1"
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
    assert terminal.shown()[-1].strip() == "\N{BALLOT X} migrate     1.5 s  exit code 1"
