"""Looking again and again: what a pipe gets, what a terminal shows, and what happens when nobody answers."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace

import pytest

from opsctl.aws.errors import AwsError, AwsRefusedError
from opsctl.cli import app, watching
from opsctl.cli.render_status import status_text
from opsctl.deploy.lease import Lease
from opsctl.errors import OpsctlError
from opsctl.operate.status.model import EnvironmentStatus, ServiceStatus, StackStatus, TaskStatus
from tests.unit.cli.terminal import Terminal

FIRST = EnvironmentStatus(
    "dev", "2026-03-01T12:04:05+00:00",
    services=(ServiceStatus("web", "dev-shop", 1, 1, 0, "COMPLETED", ""),),
)  # fmt: skip
LATER = replace(FIRST, read_at="2026-03-01T12:04:10+00:00")
STARTING = TaskStatus("12345678-9", "PENDING", "UNKNOWN", "", "web:2", "", None)
ROLLOUT = replace(
    LATER, lock=Lease("bob@ci", "1", "opsctl deploy", 1772366640.0, 0.0),
    services=(ServiceStatus("web", "dev-shop", 1, 1, 1, "IN_PROGRESS", "", (STARTING,)),),
)  # fmt: skip
THROTTLED = AwsError("AWS is asked too often.", aws_code="Throttling")
UNREACHABLE = AwsError("AWS can't be reached.", aws_code="EndpointConnectionError")


def looks(*answers: EnvironmentStatus | OpsctlError) -> watching.Read:
    """What is read, one after the other."""
    waiting: Iterator[EnvironmentStatus | OpsctlError] = iter(answers)

    def read() -> EnvironmentStatus:
        answer = next(waiting)
        if isinstance(answer, OpsctlError):
            raise answer
        return answer

    return read


def watched(*answers: EnvironmentStatus | OpsctlError, as_json: bool = False) -> list[float]:
    """The waits between the looks."""
    waits: list[float] = []
    watching.watch(looks(*answers), as_json=as_json, sleep=waits.append, rounds=len(answers))
    return waits


def test_a_pipe_gets_everything_once_and_then_what_changes(capsys: pytest.CaptureFixture[str]) -> None:
    assert watched(FIRST, LATER, ROLLOUT, LATER) == [5.0] * 4
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "2026-03-01 12:04:05 UTC  dev is well.",
        "2026-03-01 12:04:05 UTC  web: 1 of 1 run; rollout COMPLETED",
        "2026-03-01 12:04:05 UTC  operation: none runs",
        "2026-03-01 12:04:10 UTC  web: 1 of 1 run, 1 pending; rollout IN_PROGRESS",
        "2026-03-01 12:04:10 UTC  web: task 12345678 PENDING",
        "2026-03-01 12:04:10 UTC  operation: bob@ci runs `opsctl deploy` since 2026-03-01 12:04:00 UTC",
        "2026-03-01 12:04:10 UTC  web: 1 of 1 run; rollout COMPLETED",
        "2026-03-01 12:04:10 UTC  operation: none runs",
        "2026-03-01 12:04:10 UTC  over: web: task 12345678 PENDING",
    ]


def test_old_and_new_tasks_side_by_side_are_not_more_than_all(capsys: pytest.CaptureFixture[str]) -> None:
    both = replace(LATER, services=(ServiceStatus("web", "dev-shop", 1, 2, 0, "IN_PROGRESS", ""),))
    watched(both)
    assert "web: 2 run, 1 wanted; rollout IN_PROGRESS" in capsys.readouterr().out


def test_of_stacks_that_changed_in_one_second_the_later_of_a_deploy_is_the_last_as_watch_says_too() -> None:
    stacks = tuple(
        StackStatus(name, f"dev-{name}", status, "", "2026-03-01T12:04:01+00:00", "update")
        for name, status in (("jobs", "UPDATE_COMPLETE"), ("app", "UPDATE_ROLLBACK_COMPLETE"))
    )
    text = status_text(replace(FIRST, stacks=stacks))
    assert "1 of 2 well, last changed 4 s ago (app)" in text
    assert "app UPDATE_ROLLBACK_COMPLETE for 4 s; next deploy: update" in text


@pytest.mark.parametrize("error", [THROTTLED, UNREACHABLE, AwsRefusedError("The token ended.")])
def test_a_look_that_fails_for_a_while_is_told_once_and_so_is_that_it_is_over(
    error: AwsError, capsys: pytest.CaptureFixture[str]
) -> None:
    watched(FIRST, error, error, LATER)
    lines = capsys.readouterr().out.splitlines()[3:]
    assert [line[25:] for line in lines] == [
        f"as of 12:04:05 UTC, can't be read since: {error.message}", "can be read again",
    ]  # fmt: skip


def test_what_can_never_be_read_ends_it(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(AwsError, match="too often"):
        watched(THROTTLED, FIRST)
    with pytest.raises(AwsError, match="broken"):
        watched(FIRST, AwsError("broken"))


def test_json_is_a_line_for_each_change(capsys: pytest.CaptureFixture[str]) -> None:
    watched(FIRST, LATER, ROLLOUT, THROTTLED, THROTTLED, ROLLOUT, as_json=True)
    models = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [model.get("read_at", model.get("error", {}).get("message")) for model in models] == [
        FIRST.read_at, ROLLOUT.read_at, THROTTLED.message, ROLLOUT.read_at,
    ]  # fmt: skip


@pytest.mark.parametrize("columns", [80, 120])
def test_a_terminal_is_redrawn_and_keeps_the_last_look_when_nobody_answers(
    columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TERM", "xterm")
    watched(FIRST, UNREACHABLE)
    text = screen.getvalue()
    assert "\x1b[" in text  # the cursor goes back up
    last = text[text.rindex("dev is well") :]
    assert "web         1 of 1 run; rollout COMPLETED" in last
    assert "! as of 12:04:05 UTC, can't be read since: AWS can't be reached." in last


def test_nobody_who_reads_on_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("opsctl.cli.output.write", lambda _text: False)
    assert watched(FIRST, LATER) == []


def test_ctrl_c_ends_the_command_with_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(watching, "watch", interrupted)
    monkeypatch.setattr("opsctl.operate.target.Workspace.target", lambda *_: SimpleNamespace(reading=lambda: None))
    assert app.run(["status", "--env", "dev", "--watch"]) == 130
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("as_json", [False, True])
def test_a_reader_that_left_ends_it_although_nothing_changes(as_json: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 2:
            os.close(reading)

    with os.fdopen(writing, "w") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        watching.watch(looks(FIRST, LATER, LATER, LATER), as_json=as_json, sleep=wait, rounds=4)
    assert len(waits) == 2
