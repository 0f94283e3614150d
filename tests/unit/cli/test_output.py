"""Results on stdout, the rest on stderr; what is asked, and what nobody can be asked."""

from __future__ import annotations

import io
import json
import sys

import pytest

from opsctl.cli import output
from opsctl.errors import ExitCode, OpsctlError, UsageError
from tests.unit.cli.terminal import Terminal


def test_a_result_is_text_for_people_and_json_for_scripts(capsys: pytest.CaptureFixture[str]) -> None:
    output.result({"ü": 1}, "text\n\n", as_json=False)
    output.result({"ü": 1}, "text", as_json=True)
    assert capsys.readouterr().out == 'text\n{\n  "ü": 1\n}\n'


def test_a_result_without_text_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    output.result({"a": 1}, "", as_json=False)
    assert capsys.readouterr().out == ""


def test_a_failure_ends_with_the_cause_and_then_the_next_step(capsys: pytest.CaptureFixture[str]) -> None:
    output.failure(OpsctlError("It failed.", hint="Do this.", detail=("log 1", "log 2")), as_json=False)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == ["  log 1", "  log 2", "Error: It failed.", "Next: Do this."]


def test_a_failure_without_a_next_step_ends_with_its_cause(capsys: pytest.CaptureFixture[str]) -> None:
    output.failure(OpsctlError("It failed."), as_json=False)
    assert capsys.readouterr().err == "Error: It failed.\n"


def test_what_was_typed_can_not_break_a_failure_into_lines_or_colour_it(capsys: pytest.CaptureFixture[str]) -> None:
    output.failure(UsageError("No `a\nb\x1b[31m\udcff`.", hint="Not `\r`."), as_json=True)
    captured = capsys.readouterr()
    assert captured.err == "Error: No `a\\nb\\x1b[31m\\udcff`.\nNext: Not `\\r`.\n"
    assert json.loads(captured.out)["error"]["message"] == "No `a\\nb\\x1b[31m\\udcff`."


def test_under_json_a_failure_is_an_object_on_stdout_as_well(capsys: pytest.CaptureFixture[str]) -> None:
    output.failure(UsageError("Bad.", hint="Good.", code="bad", detail=("x",)), as_json=True)
    captured = capsys.readouterr()
    expected = {"error": {"code": "bad", "message": "Bad.", "hint": "Good.", "detail": ["x"]}}
    assert json.loads(captured.out) == expected
    assert "Error: Bad." in captured.err


def test_colour_is_for_terminals_that_want_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR")
    assert output.style("Error:", "1;31") == "\x1b[1;31mError:\x1b[0m"
    monkeypatch.setenv("NO_COLOR", "1")
    assert output.style("Error:", "1;31") == "Error:"
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert output.style("Error:", "1;31") == "Error:"


def test_columns_are_as_wide_as_their_widest_value_and_lines_have_no_tail() -> None:
    rows = [("platform", "CREATE_COMPLETE"), ("app", "")]
    assert output.table(("STACK", "STATUS"), rows).splitlines() == [
        "STACK     STATUS", "platform  CREATE_COMPLETE", "app"
    ]  # fmt: skip
    assert output.table(("A", "B"), []) == "A  B"


def test_a_value_that_is_too_long_for_its_row_stands_whole_on_the_next_line() -> None:
    arn = "arn:aws:ecs:us-east-1:123456789012:task-definition/shop-dev-acme-release:1"
    rows = [("jobs", "MigrateTaskDefinitionArn", arn), ("app", "Url", "http://a")]
    assert output.table(("STACK", "OUTPUT", "VALUE"), rows).splitlines() == [
        "STACK  OUTPUT                    VALUE",
        "jobs   MigrateTaskDefinitionArn",
        f"    {arn}",
        "app    Url                       http://a",
    ]


def asked(
    answer: str, monkeypatch: pytest.MonkeyPatch, *, terminal: bool = True, yes: bool = False, as_json: bool = False
) -> str:
    """Ask `Go on?` with this on stdin; returns what was written to stderr."""
    kind = Terminal if terminal else io.StringIO
    err = kind()
    monkeypatch.setattr(sys, "stdin", kind(answer))
    monkeypatch.setattr(sys, "stderr", err)
    output.confirm("Go on?", yes=yes, as_json=as_json, flag="--yes")
    return err.getvalue()


@pytest.mark.parametrize("answer", ["y\n", "Y\n", "yes\n"])
def test_a_yes_goes_on(answer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert asked(answer, monkeypatch) == "Go on? [y/N] "


@pytest.mark.parametrize("answer", ["\n", "n\n", "", "yep\n"])
def test_anything_else_changes_nothing(answer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OpsctlError, match="Nothing was changed") as caught:
        asked(answer, monkeypatch)
    assert (caught.value.code, caught.value.exit_code) == ("declined", ExitCode.FAILED)


@pytest.mark.parametrize(("terminal", "as_json"), [(False, False), (True, True), (False, True)])
def test_in_a_pipe_and_under_json_nobody_is_asked_and_the_flag_is_named(
    terminal: bool, as_json: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(OpsctlError, match=r"Go on\? Nobody can be asked here") as caught:
        asked("y\n", monkeypatch, terminal=terminal, as_json=as_json)
    assert (caught.value.code, caught.value.exit_code) == ("confirmation-needed", ExitCode.USAGE)
    assert "--yes" in caught.value.hint


def test_the_flag_answers_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    assert asked("", monkeypatch, terminal=False, yes=True, as_json=True) == ""


def test_what_others_wrote_reaches_the_terminal_through_no_result_note_or_question(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    forged = "v1\x1b]0;owned\x07\x1b[8m\x9b2J\r"
    output.result({}, f"a\tb\nby {forged}", as_json=False)
    output.result({"by": forged}, "", as_json=True)
    output.note(f"first\nby {forged}")
    output.notes([forged])
    monkeypatch.setattr(output, "can_ask", lambda **_: True)
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    output.confirm(f"Roll back to {forged}?", yes=False, as_json=False)
    out, err = capsys.readouterr()
    assert out.startswith("a\tb\nby v1\\x1b]0;owned")
    assert json.loads(out[out.index("{") :]) == {"by": forged}
    assert err.startswith("first\nby v1\\x1b")
    assert [each for each in out + err if (ord(each) < 32 and each not in "\t\n") or 127 <= ord(each) < 160] == []


def test_what_turns_a_line_around_or_ends_it_is_escaped() -> None:
    assert output.one_line("ok \u202egnp.exe\u2066 a\u2028b") == "ok \\u202egnp.exe\\u2066 a\\u2028b"
    assert output.one_line("שלום 日本 🎉") == "שלום 日本 🎉"


# -- how wide what is said gets ----------------------------------------------------------------------------------------

ARN = f"arn:aws:secretsmanager:us-east-1:123456789012:secret:opsctl/dev/{'shop-' * 6}/SMTP_TOKEN-AbCdEf"
SENTENCE = (
    f"The execution role may not read the secret {ARN} which the web, the worker and the release of this environment "
    "all name, so none of them starts."
)
COMMAND = "`opsctl secret set SMTP_TOKEN --env dev --config /home/ann/shop/environments.yaml`"


def said(monkeypatch: pytest.MonkeyPatch, kind: type[io.StringIO] = Terminal) -> io.StringIO:
    """What stderr gets, of a terminal of 80 columns or a pipe."""
    err = kind()
    monkeypatch.setattr(sys, "stderr", err)
    monkeypatch.setenv("COLUMNS", "80")
    return err


def test_at_a_terminal_sentences_are_wrapped_and_what_is_copied_stays_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    err = said(monkeypatch)
    output.note(SENTENCE)
    problem = f"environments.yaml:12: defaults.application.secrets: {SENTENCE}"
    hint = f"Give it a value that the mail server takes, then deploy: {COMMAND} asks."
    output.failure(OpsctlError(SENTENCE, hint=hint, detail=(problem,)), as_json=False)
    text = err.getvalue()
    assert [line for line in text.splitlines() if len(line) > 80 and ARN not in line and COMMAND not in line] == []
    assert (text.count(ARN), text.count(COMMAND)) == (3, 1)
    assert " ".join(text.split()) == " ".join(f"{SENTENCE} {problem} Error: {SENTENCE} Next: {hint}".split())
    assert all(line.startswith(("  ", "The", "Error:", "Next:")) for line in text.splitlines())


def test_sentences_of_a_result_and_a_question_are_wrapped_at_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    err = said(monkeypatch)
    assert output.sentences(SENTENCE) == SENTENCE  # in a pipe
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setattr(sys, "stdin", Terminal("y\n"))
    output.confirm(SENTENCE, yes=False, as_json=False)
    for text in (output.sentences(f"{SENTENCE}\nEnd."), err.getvalue()):
        assert [line for line in text.splitlines() if len(line) > 80 and ARN not in line] == []
        assert len(text.splitlines()) > 2
    assert err.getvalue().endswith(" [y/N] ")


def test_in_a_pipe_nothing_is_wrapped(monkeypatch: pytest.MonkeyPatch) -> None:
    err = said(monkeypatch, io.StringIO)
    output.note(SENTENCE)
    output.failure(OpsctlError(SENTENCE, hint=SENTENCE), as_json=False)
    assert err.getvalue().splitlines() == [SENTENCE, f"Error: {SENTENCE}", f"Next: {SENTENCE}"]


def test_logs_code_and_what_has_its_form_are_left_alone_at_a_terminal_too(monkeypatch: pytest.MonkeyPatch) -> None:
    err = said(monkeypatch)
    log, code = f"| {'word ' * 30}end", f"    {'x = 1; ' * 20}pass"
    output.note(f"{'cell ' * 20}end\nsecond line")
    output.line('{"a": "' + "b " * 60 + '"}')
    output.failure(OpsctlError("No.", detail=(log, code)), as_json=False)
    lines = err.getvalue().splitlines()
    assert len(lines) == 6
    assert lines[3:5] == [f"  {log}", f"  {code}"]


def test_the_colour_of_the_heading_takes_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    err = said(monkeypatch)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    output.failure(OpsctlError(f"{'a' * 36} {'b' * 36}"), as_json=False)
    assert err.getvalue() == f"\x1b[1;31mError:\x1b[0m {'a' * 36} {'b' * 36}\n"
