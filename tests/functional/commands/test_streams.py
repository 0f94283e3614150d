"""stdout, stderr and the locale as a machine may have them: closed, full, without our signs. Never a traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.functional.cli import ROOT

ASCII = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C"}
FULL, CLOSED = ">/dev/full", ">&-"
LIST = "-m opsctl env list"
MISSING = f"{LIST} --config none.yaml"
PRINT = "from opsctl.cli import output, streams; streams.prepare(); "


@dataclass(frozen=True)
class Said:
    code: int
    out: bytes
    err: str


def shell(arguments: str, redirections: str = "", **environment: str) -> Said:
    """Python with these arguments in a shell that redirects, in the checkout."""
    done = subprocess.run(
        ["bash", "-c", f'"{sys.executable}" {arguments} {redirections}'],
        cwd=ROOT, env={**os.environ, **environment}, capture_output=True, check=False, timeout=60,
    )  # fmt: skip
    return Said(done.returncode, done.stdout, done.stderr.decode())


def printing(code: str, **environment: str) -> Said:
    """Run `code`, with its signs as escapes: an interpreter without UTF-8 would not take them."""
    escaped = (PRINT + code).encode("ascii", "backslashreplace").decode("ascii")
    done = subprocess.run(
        [sys.executable, "-c", escaped], cwd=ROOT, env={**os.environ, **environment}, capture_output=True, check=False
    )
    return Said(done.returncode, done.stdout, done.stderr.decode())


@pytest.mark.parametrize(
    "arguments", [LIST, f"{LIST} --json", f"{LIST} --help", "-m opsctl --version", "-m opsctl env schema"]
)
@pytest.mark.parametrize(
    ("redirection", "reason"), [(FULL, "No space left on device"), (CLOSED, "Bad file descriptor")]
)
def test_a_stdout_that_takes_nothing_is_one_sentence(arguments: str, redirection: str, reason: str) -> None:
    said = shell(arguments, redirection)
    assert said.code == 1
    assert said.err.splitlines()[0] == f"Error: The result could not be written to stdout: {reason}."
    assert len(said.err.splitlines()) == 2


@pytest.mark.parametrize("redirection", [FULL, CLOSED])
def test_a_failure_under_json_stays_itself_when_its_json_can_not_be_printed(redirection: str) -> None:
    said = shell(f"{MISSING} --json", redirection)
    assert said.code == 4
    assert said.err.splitlines()[0] == "Error: none.yaml does not exist."
    assert len(said.err.splitlines()) == 2


@pytest.mark.parametrize("redirection", ["2>/dev/full", "2>&-", ">/dev/full 2>/dev/full", ">&- 2>&- <&-"])
@pytest.mark.parametrize("option", ["", "--json"])
def test_a_stderr_that_takes_nothing_changes_no_exit_code(redirection: str, option: str) -> None:
    assert shell(f"{MISSING} {option}", redirection).code == 4


def test_a_result_is_printed_whatever_became_of_the_other_streams() -> None:
    said = shell(LIST, "2>&- <&-")
    assert (said.code, said.out.splitlines()[0].split()[0]) == (0, b"NAME")


def test_a_closed_stream_never_becomes_a_file_that_is_opened_later(tmp_path: Path) -> None:
    """Without care the first file opened gets number 1, and all that a program prints goes into it."""
    kept = tmp_path / "kept"
    code = f"import os; file = open('{kept}', 'w'); os.system('echo stray'); file.write(str(file.fileno()))"
    assert shell(f'-c "{PRINT}{code}"', ">&- 2>&-").code == 0
    assert int(kept.read_text(encoding="utf-8")) > 2


def test_a_reader_who_has_enough_ends_a_log_that_is_followed() -> None:
    said = shell(
        "-c \"from opsctl.cli import output; print(all(output.write('x' * 80) for _ in range(9999)))\"", "| head -c1"
    )
    assert (said.code, said.out, said.err) == (0, b"x", "")


def test_signs_that_an_encoding_lacks_become_plain_ones() -> None:
    said = printing("output.result({}, '… ✓ ✗ · ↗ → — ━─ 2 × 3 é \\udce9', as_json=False); output.note('✓ …')", **ASCII)
    assert said.code == 0
    assert said.out == b"... ok failed - -> -> - =- 2 x 3 \\xe9 \\xe9\n"
    assert said.err == "ok ...\n"


def test_with_an_encoding_that_has_them_they_stay() -> None:
    said = printing("output.result({}, '… ✓ é \\udce9', as_json=False)", PYTHONUTF8="1")
    assert said.out.decode() == "… ✓ é \\xe9\n"


@pytest.mark.parametrize("locale", [ASCII, {"PYTHONUTF8": "1"}], ids=["ASCII", "UTF-8"])
def test_json_says_the_same_in_every_encoding(locale: dict[str, str]) -> None:
    said = printing("output.result({'a': '… é \\U0001f600', 'file': '\\udce9'}, '', as_json=True)", **locale)
    assert json.loads(said.out) == {"a": "… é \U0001f600", "file": "\udce9"}


def test_a_terminal_that_lacks_the_signs_of_the_tree_gets_lines() -> None:
    code = (
        "import io, sys; from opsctl.cli import progress; "
        "terminal = io.TextIOWrapper(io.BytesIO(), encoding='ascii', errors=streams.PLAIN); "
        "terminal.isatty = lambda: True; sys.stderr = terminal\n"
        "from opsctl.deploy.events import StepFinished\n"
        "with progress.listening(as_json=False) as emit: emit(StepFinished('app', 'done', 'it serves…', 1.0))\n"
        "print(terminal.buffer.getvalue().decode('ascii'))"
    )
    assert printing(code, **ASCII, TERM="xterm").out == b"app: ok it serves... (1.0 s)\n\n"


def test_a_whole_command_runs_without_utf_8() -> None:
    said = shell("-m opsctl env show --env local", **ASCII)
    assert (said.code, said.err) == (0, "")


LIBRARIES = "import logging, warnings; logging.getLogger('urllib3').error('pool is full'); warnings.warn('old'); "


def test_what_libraries_say_by_themselves_stays_off_the_screen() -> None:
    said = printing(f"streams.quiet(); {LIBRARIES}output.note('ours')")
    assert (said.code, said.err) == (0, "ours\n")


def test_who_looks_for_a_bug_sees_it() -> None:
    said = printing(f"streams.quiet(); {LIBRARIES}", OPSCTL_DEBUG="1")
    assert "pool is full" in said.err
    assert "old" in said.err
