"""What `opsctl init` says, on a terminal and in a pipe."""

from __future__ import annotations

import sys

import pytest

from opsctl.cli.render_init import text
from opsctl.project.initialise import Initialised
from tests.unit.cli.terminal import Terminal

ADD = f"git add {' '.join(f'folder-{number}/environments.yaml' for number in range(6))}"
DONE = Initialised(
    written=("environments.yaml",),
    assumed=("opsctl collects and serves static files, as shop/settings/production.py names no place where they were",),
    next_steps=("opsctl deploy --env local", ADD, "Before the first deploy to AWS, write who gets alarms into " * 2),
)


def test_on_a_terminal_sentences_are_wrapped_and_commands_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setenv("COLUMNS", "80")
    lines = text(DONE).splitlines()
    assert f"  {ADD}" in lines
    assert [line for line in lines if len(line) > 80] == [f"  {ADD}"]
    assert sum(line.startswith("    ") for line in lines) == 2


def test_in_a_pipe_each_is_one_line() -> None:
    assert f"  {DONE.assumed[0]}" in text(DONE).splitlines()
