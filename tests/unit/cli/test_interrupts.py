"""Signals, sent to real processes: the first one lets a command leave in order, the second ends it at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from opsctl import host
from opsctl.cli import interrupts
from tests.functional.cli import ROOT

# A command that waits, with a program that it started, and what it does when it is told to leave.
COMMAND = """
import subprocess, sys, time
from opsctl import leaving
from opsctl.cli import interrupts

interrupts.prepare()
quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
child = subprocess.Popen(["sleep", "60"], **quiet)
apart = subprocess.Popen(["sleep", "60"], start_new_session=True, **quiet)
try:
    with leaving.on_abrupt_end(lambda: print("given back", flush=True)):
        try:
            print(child.pid, apart.pid, flush=True)
            time.sleep(60)
        except KeyboardInterrupt:
            print("leaving", flush=True)
            {then}
finally:
    print("left", flush=True)
    interrupts.leave(130)
    apart.kill()
    child.kill()
    sys.exit(130)
"""


def started(then: str, *wrapper: str) -> subprocess.Popen[str]:
    hearing = ("env", "--default-signal=HUP")  # the tests themselves may run under nohup
    process = subprocess.Popen(
        [*(wrapper or hearing), sys.executable, "-c", COMMAND.replace("{then}", then)],
        cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    return process


def children(process: subprocess.Popen[str]) -> tuple[int, int]:
    assert process.stdout is not None
    child, apart = process.stdout.readline().split()
    return int(child), int(apart)


def runs(pid: int) -> bool:
    """Whether it still runs seconds later; what ended counts as ended, waited for or not (a container's first process
    may wait for nobody)."""
    for _ in range(100):
        if not host.start_time(pid):
            return False
        time.sleep(0.02)
    return True


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_each_signal_lets_the_command_leave_in_order(number: signal.Signals) -> None:
    process = started("pass")
    children(process)
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out.split(), err) == (130, ["leaving", "left"], "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_programs_that_were_started_end_with_it_but_not_those_that_stand_alone(number: signal.Signals) -> None:
    process = started("child.wait(); print(apart.poll(), flush=True)")
    child, _ = children(process)
    process.send_signal(number)
    out, _ = process.communicate(timeout=20)
    assert out.split() == ["leaving", "None", "left"]
    assert not runs(child)


def test_a_second_signal_gives_back_what_is_held_and_ends_everything_at_once() -> None:
    process = started("time.sleep(60)")
    child, apart = children(process)
    process.send_signal(signal.SIGINT)
    assert process.stdout is not None
    assert process.stdout.readline() == "leaving\n"
    time.sleep(interrupts._SAME_SECONDS)
    before = time.monotonic()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert time.monotonic() - before < 6
    assert (process.returncode, out) == (130, "given back\n")
    assert err == "\nEnded at once; `opsctl status` shows what goes on.\n"
    assert not runs(child)
    os.kill(apart, signal.SIGKILL)


def test_what_cannot_be_given_back_delays_the_end_by_seconds_only() -> None:
    process = started("leaving.on_abrupt_end(lambda: time.sleep(60)).__enter__(); time.sleep(60)")
    children(process)
    process.send_signal(signal.SIGTERM)
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(interrupts._SAME_SECONDS)
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=10)
    assert (process.returncode, out) == (130, "given back\n")


def test_the_same_wish_that_comes_twice_within_a_moment_counts_once() -> None:
    process = started("time.sleep(0.5)")
    children(process)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGTERM):
        process.send_signal(number)
        time.sleep(0.1)
    out, _ = process.communicate(timeout=20)
    assert (process.returncode, out.split()) == (130, ["leaving", "left"])


def test_a_hang_up_that_was_ignored_stays_ignored() -> None:
    process = started("pass", "nohup")
    children(process)
    process.send_signal(signal.SIGHUP)
    time.sleep(0.3)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=20)
    assert (process.returncode, out.split()) == (130, ["leaving", "left"])


PSQL = """
import os, sys
from opsctl.cli import interrupts
from opsctl.operate.login import _wait_for

interrupts.prepare()
try:
    code = _wait_for(["sh", "-c", "trap 'echo int' INT; echo $$; while :; do sleep 0.1; done"], os.environ)
except KeyboardInterrupt:
    code = 130
sys.exit(code)
"""


def test_ctrl_c_stays_with_a_program_that_has_the_terminal_and_sigterm_ends_both() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", PSQL], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True, start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    shell = int(process.stdout.readline())
    os.killpg(process.pid, signal.SIGINT)
    assert process.stdout.readline() == "int\n"
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode == 130
    assert not runs(shell)
