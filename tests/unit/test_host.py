"""Which machine this is, and whether a process that was seen before still runs."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from opsctl import host


def test_a_machine_has_one_name_that_does_not_tell_what_it_is_made_of() -> None:
    assert host.identity() == host.identity()
    assert len(host.identity()) == 20


@pytest.mark.skipif(not Path("/proc/self/ns/pid").exists(), reason="Linux tells a container by its namespace")
@pytest.mark.parametrize("part", ["_text", "_namespace"])
def test_another_machine_boot_or_container_has_another_name(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    here = host.identity()
    monkeypatch.setattr(host, part, lambda *_: "other")
    assert host.identity() not in {here, ""}


def test_another_name_in_the_network_makes_another_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    here = host.identity()
    monkeypatch.setattr("socket.gethostname", lambda: "other")
    assert host.identity() != here


@pytest.mark.skipif(not Path("/proc/self/ns/pid").exists(), reason="Linux alone may hide what a name is made of")
def test_where_processes_can_not_be_told_apart_the_machine_has_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "_namespace", lambda: "")
    assert host.identity() == ""


def test_a_process_is_gone_when_it_ended_or_another_has_its_number() -> None:
    child = subprocess.Popen(["sleep", "60"])
    started = host.start_time(child.pid)
    assert started
    assert not host.is_gone(child.pid, started)
    assert host.is_gone(child.pid, "1")
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and nobody took note of it yet
    assert host.is_gone(child.pid, started)
    child.wait()
    assert host.is_gone(child.pid, started)


def test_what_can_not_be_seen_is_not_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some systems hide the processes of other users."""
    monkeypatch.setattr(host, "_seen", lambda _: None)
    assert not host.is_gone(os.getpid(), "1")
