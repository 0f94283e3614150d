"""What a task prints is the result of `opsctl run`, `job run` and `db migrate`: whole, in order, on stdout."""

from __future__ import annotations

import io
import json
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from opsctl.aws.logs import LogPage
from opsctl.cli import app, context
from opsctl.cli.progress import Tree, plain, printing
from opsctl.deploy.events import LogLine, StepStarted
from opsctl.operate.target import Target
from tests.unit.cli.terminal import Terminal, unstyled
from tests.unit.operate.shop import FakeLogs, Shop

SAID = [f"line {number} of what it says" for number in range(60)]
COMMANDS = [("run", "--", "manage.py", "check"), ("job", "run", "tidy"), ("db", "migrate")]


class Written(FakeLogs):
    """The log of every task, in pages of seven lines."""

    def page(self, group: str, stream: str, token: str | None = None) -> LogPage:
        first = int(token or 0)
        return LogPage(tuple(SAID[first : first + 7]), str(min(first + 7, len(SAID))))


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    made = Shop(tmp_path, logs=Written())
    monkeypatch.setattr(Target, "poll_seconds", 0.0)
    monkeypatch.setattr(context, "open_workspace", lambda *_: SimpleNamespace(target=lambda *_: made.target))
    return made


@pytest.mark.parametrize("exit_code", [0, 7])
@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_in_a_pipe_it_is_all_of_stdout(
    shop: Shop, words: tuple[str, ...], exit_code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    shop.exit_code = exit_code
    assert app.run(list(words)) == (exit_code and (7 if words[0] == "run" else 1))
    shown = capsys.readouterr()
    assert shown.out.splitlines() == SAID
    assert "of what it says" not in shown.err.partition("Error:")[0]


@pytest.mark.parametrize("exit_code", [0, 7])
@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_at_a_terminal_it_follows_the_live_display(
    shop: Shop, words: tuple[str, ...], exit_code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.exit_code = exit_code
    screen = Terminal()  # one for both, as they are one screen
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setattr(sys, "stderr", screen)
    app.run(list(words))
    # What is above the place to which the live display last went back is erased.
    below = unstyled(re.split(r"\x1b\[\d+A|\x1b\[2K", screen.getvalue())[-1])
    assert [line.rstrip() for line in below.splitlines() if line.startswith("line ")] == SAID


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_for_scripts_stdout_is_the_result_alone(
    shop: Shop, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    at = words.index("--") if "--" in words else len(words)
    assert app.run([*words[:at], "--json", *words[at:]]) == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out)["exit_code"] == 0
    events = [json.loads(line) for line in shown.err.splitlines()]
    assert [event["text"] for event in events if event["type"] == "log-line"] == SAID


@pytest.mark.parametrize(
    ("words", "handed_on", "is_json"),
    [
        (("tidy", "--json"), (), True),
        (("tidy", "--json", "--", "--all"), ("--all",), True),
        (("--json", "tidy", "30"), ("30",), True),
        (("tidy", "--", "--json"), ("--json",), False),
        (("tidy", "--", "--", "-x"), ("--", "-x"), False),
    ],
    ids=str,
)
def test_options_are_opsctls_before_the_dashes_and_the_jobs_after_them(
    shop: Shop, words: tuple[str, ...], handed_on: tuple[str, ...], is_json: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    assert app.run(["job", "run", *words]) == 0
    command = shop.ran[0]["command"]
    assert (None if command is None else command[-len(handed_on) :]) == (handed_on or None)
    shown = capsys.readouterr().out
    assert (shown.splitlines() == SAID) is not is_json
    assert not is_json or json.loads(shown)["job"] == "tidy"


def test_a_failure_is_no_json_for_a_json_that_is_the_jobs(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    shop.exit_code = 7
    assert app.run(["job", "run", "tidy", "--", "--json"]) == 1
    shown = capsys.readouterr()
    assert shown.out.splitlines() == SAID
    assert "`opsctl job run tidy -- --json` again" in shown.err, "what finds the same task again"


@pytest.mark.parametrize("words", [("job", "run", "tidy"), ("run",), ("db", "shell")], ids=" ".join)
def test_an_option_that_opsctl_does_not_have_may_be_meant_for_what_runs(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert app.run([*words, "--full"]) == 2
    assert capsys.readouterr().err.endswith("Next: Write --full after -- if it is not for opsctl. See --help.\n")


# -- line breaks in one event ------------------------------------------------------------------------------------------

# As a multi-line pattern keeps them together, or a progress bar writes them.
BROKEN = "one\r\n  two\n 10%|#   \r 50%|##  \r100%|####\r"


def test_each_line_of_an_event_is_a_row_of_the_tree_and_of_a_progress_bar_the_last_state() -> None:
    tree = Tree(lambda: 0.0)
    for event in (StepStarted("run", "python -c 'a\nb'"), LogLine("run", "zero"), LogLine("run", BROKEN)):
        tree(event)
    screen = io.StringIO()
    Console(file=screen, width=80).print(tree)
    head, *rows = [line.rstrip() for line in screen.getvalue().rstrip().split("\n")]
    assert head.endswith(r"python -c 'a\nb'")
    assert rows == ["    | zero", "    | one", "    |   two", "    | 100%|####"]


def test_each_line_of_an_event_tells_its_step_in_a_pipe() -> None:
    assert plain(LogLine("migrate", BROKEN)).splitlines() == ["migrate | one", "migrate |   two", "migrate | 100%|####"]
    assert plain(StepStarted("run", "python -c 'a\nb'")) == r"run: python -c 'a\nb'"


@pytest.mark.parametrize(("stream", "shown"), [(Terminal, "one\n  two\n100%|####\n"), (io.StringIO, f"{BROKEN}\n")])
def test_a_terminal_gets_what_it_would_keep_and_a_pipe_what_was_written(
    stream: type[io.StringIO], shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdout", out := stream())
    with printing(as_json=False) as emit:
        emit(LogLine("run", BROKEN))
    assert out.getvalue() == shown


def test_above_the_error_stands_the_last_state_of_a_progress_bar(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Written, "page", lambda *place: LogPage(() if place[-1] else ("Loading", " 10%\r 50%"), "1"))
    shop.exit_code = 7
    app.run(["job", "run", "tidy", "--json"])
    assert json.loads(capsys.readouterr().out)["error"]["detail"] == ["Loading", " 50%"]
