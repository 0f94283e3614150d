"""Steps run when what they need is done, side by side where they can, and stop after a failure."""

from __future__ import annotations

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from graphlib import CycleError
from typing import Any

import pytest

from opsctl import leaving
from opsctl.cli import interrupts
from opsctl.deploy import graph
from opsctl.deploy.events import Event, StepFinished
from opsctl.deploy.graph import Step, run_steps, step
from opsctl.errors import OpsctlError


def test_a_step_waits_for_what_it_needs() -> None:
    done: list[str] = []
    steps = [
        Step("app", lambda: done.append("app"), ("jobs",)),
        Step("jobs", lambda: done.append("jobs"), ("data", "image")),
        Step("data", lambda: done.append("data")),
        Step("image", lambda: done.append("image")),
    ]
    run_steps(steps, interrupt=lambda: None)
    assert sorted(done[:2]) == ["data", "image"]
    assert done[2:] == ["jobs", "app"]


def test_independent_steps_run_at_the_same_time() -> None:
    meet = threading.Barrier(2, timeout=10)
    run_steps([Step("one", lambda: _wait(meet)), Step("two", lambda: _wait(meet))], interrupt=lambda: None)
    assert not meet.broken


def _wait(barrier: threading.Barrier) -> None:
    barrier.wait()


def test_after_a_failure_nothing_new_starts_and_running_steps_end() -> None:
    done: list[str] = []
    failed = threading.Event()

    def fail() -> None:
        failed.set()
        raise ValueError("first")

    def slow() -> None:
        failed.wait(10)
        done.append("slow")

    def slower() -> None:
        while "slow" not in done:
            time.sleep(0.01)
        time.sleep(0.5)  # time in which a wrong step would start
        done.append("slower")

    steps = [Step("bad", fail), Step("slow", slow), Step("after", lambda: done.append("after"), ("bad",)),
             Step("last", lambda: done.append("last"), ("slow",)), Step("slower", slower)]  # fmt: skip
    with pytest.raises(ValueError, match="first"):
        run_steps(steps, interrupt=lambda: None)
    assert done == ["slow", "slower"]


def test_what_is_not_in_the_graph_is_not_waited_for() -> None:
    done: list[str] = []
    run_steps([Step("app", lambda: done.append("app"), ("platform",))], interrupt=lambda: None)
    assert done == ["app"]


def test_steps_that_wait_for_each_other_are_an_error_before_anything_runs() -> None:
    done: list[str] = []
    steps = [
        Step("one", lambda: done.append("one")), Step("a", lambda: done.append("a"), ("b",)),
        Step("b", lambda: done.append("b"), ("a",)),
    ]  # fmt: skip
    with pytest.raises(CycleError):
        run_steps(steps, interrupt=lambda: None)
    assert done == []


def _press_ctrl_c() -> None:
    """The signal reaches the main thread, as from a terminal, once that waits for its steps."""
    time.sleep(0.1)
    os.kill(os.getpid(), signal.SIGINT)


def test_ctrl_c_tells_running_steps_lets_them_end_and_starts_nothing_new() -> None:
    done: list[str] = []
    told = threading.Event()

    def interrupted() -> None:
        _press_ctrl_c()
        assert told.wait(10)
        done.append("ended")

    steps = [Step("one", interrupted), Step("two", lambda: done.append("two"), ("one",))]
    with pytest.raises(KeyboardInterrupt):
        run_steps(steps, interrupt=told.set)
    assert done == ["ended"]


def test_a_signal_while_a_step_is_started_does_not_lose_the_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would go on unseen, and the command would say that nothing was changed."""
    told, left = threading.Event(), threading.Event()

    class Pool(ThreadPoolExecutor):
        def submit(self, *arguments: Any, **more: Any) -> Any:
            future = super().submit(*arguments, **more)
            _press_ctrl_c()
            time.sleep(0.01)  # in which the main thread hears it
            return future

    def detaching() -> None:
        assert told.wait(10)
        left.set()
        raise ValueError("goes on without us")

    monkeypatch.setattr(graph, "ThreadPoolExecutor", Pool)
    monkeypatch.setattr(interrupts._Heard, "first", None)
    monkeypatch.setattr(leaving, "_wish", threading.Event())
    before = signal.signal(signal.SIGINT, interrupts._hear)
    try:
        with pytest.raises(ValueError, match="goes on without us"):
            run_steps([Step("one", detaching)], interrupt=told.set)
    finally:
        signal.signal(signal.SIGINT, before)
    assert left.is_set()


def test_what_a_running_step_makes_of_ctrl_c_is_what_is_raised() -> None:
    told = threading.Event()

    def detaching() -> None:
        _press_ctrl_c()
        assert told.wait(10)
        raise ValueError("goes on without us")

    with pytest.raises(ValueError, match="goes on without us"):
        run_steps([Step("one", detaching)], interrupt=told.set)


def test_the_line_of_a_failed_step_names_it_once() -> None:
    told: list[Event] = []
    with pytest.raises(OpsctlError, match="app: Service failed"), step(told.append, "app", "update"):
        raise OpsctlError("app: Service failed.")
    assert [each.text for each in told if isinstance(each, StepFinished)] == ["Service failed."]
