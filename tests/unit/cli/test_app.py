"""The boundary: whatever happens in a command, a person gets a sentence and a script gets JSON and an exit code."""

from __future__ import annotations

import json
import re
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from opsctl import __version__
from opsctl.aws import orders
from opsctl.cli import app
from opsctl.errors import BusyError, ConfigError, ExitCode, OpsctlError
from opsctl.operate.target import Workspace

Fail = Callable[[BaseException], None]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Commands run in an empty folder, and crash reports stay below it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.delenv("OPSCTL_DEBUG", raising=False)
    return tmp_path


@pytest.fixture
def fail(monkeypatch: pytest.MonkeyPatch) -> Fail:
    """Make every command that opens the configuration raise this."""

    def raising(error: BaseException) -> None:
        def opened(config: Path | None, **person: object) -> Workspace:
            raise error

        monkeypatch.setattr(Workspace, "open", opened)

    return raising


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OpsctlError("It failed."), 1),
        (ConfigError("Bad file."), 4),
        (BusyError("Locked."), 75),
        (OpsctlError("Wrong account.", exit_code=ExitCode.AWS_REFUSED), 5),
    ],
)
def test_an_error_of_ours_ends_with_its_sentence_and_exit_code(
    error: OpsctlError, code: int, fail: Fail, capsys: pytest.CaptureFixture[str]
) -> None:
    fail(error)
    assert app.run(["status"]) == code
    assert capsys.readouterr().err == f"Error: {error.message}\n"


@pytest.mark.parametrize("error", [KeyboardInterrupt(), typer.Abort()])
def test_an_interrupted_command_exits_130_with_json_when_asked_for(
    error: BaseException, fail: Fail, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orders, "_given", {})
    fail(error)
    assert app.run(["status", "--json"]) == 130
    captured = capsys.readouterr()
    assert json.loads(captured.out)["error"]["code"] == "interrupted"
    assert captured.err == "Error: Interrupted. Nothing was changed in AWS.\n"


def test_what_aws_was_told_before_an_interruption_is_named(
    fail: Fail, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orders, "_given", {})
    for operation in ("DescribeStacks", "GetObject", "CreateChangeSet", "PutSecretValue", "CreateChangeSet"):
        if orders.is_order(operation, {}):
            orders.note(operation)
    assert not orders.is_order("PutObject", {"Key": "locks/dev.json"})
    fail(KeyboardInterrupt())
    assert app.run(["status"]) == 130
    assert capsys.readouterr().err.splitlines() == [
        "Error: Interrupted. AWS was told before: CreateChangeSet, PutSecretValue.",
        "Next: AWS goes on with that; `opsctl status` shows it, and the same command again does the rest.",
    ]


def test_a_bug_is_one_sentence_and_its_traceback_lies_in_a_file(
    folder: Path, fail: Fail, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "environments.yaml").touch()
    fail(KeyError("ClusterName"))
    assert app.run(["status"]) == 1
    first, second = capsys.readouterr().err.splitlines()
    assert first == "Error: opsctl stopped because of a bug of its own (KeyError: 'ClusterName')."
    (report,) = (folder / ".opsctl").glob("crash-*.log")
    assert str(report) in second
    assert "OPSCTL_DEBUG=1" in second
    text = report.read_text()
    assert text.startswith(f"opsctl {__version__}, Python 3.")
    assert "Traceback (most recent call last)" in text
    assert "KeyError: 'ClusterName'" in text
    assert stat.S_IMODE(report.stat().st_mode) == 0o600


def test_outside_a_project_the_report_goes_to_the_folder_for_temporary_files(
    folder: Path, fail: Fail, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "tmp").mkdir()
    fail(ZeroDivisionError())
    assert app.run(["status"]) == 1
    err = capsys.readouterr().err
    assert "(ZeroDivisionError)." in err
    (report,) = (folder / "tmp").glob("crash-*.log")
    assert str(report) in err
    assert not (folder / ".opsctl").exists()


def test_a_report_that_can_not_be_written_changes_nothing_else(
    folder: Path, fail: Fail, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "environments.yaml").touch()
    (folder / ".opsctl").write_text("a file in the folder's place")
    monkeypatched = folder / "tmp"
    monkeypatched.mkdir()
    fail(RuntimeError("first line\nsecond line"))
    assert app.run(["status"]) == 1
    err = capsys.readouterr().err
    assert "(RuntimeError: first line)." in err
    assert str(monkeypatched) in err


def test_with_the_debug_variable_the_traceback_is_shown_above_the_sentence(
    folder: Path, fail: Fail, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPSCTL_DEBUG", "1")
    (folder / "environments.yaml").touch()
    fail(RuntimeError("odd"))
    assert app.run(["status"]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].strip() == "Traceback (most recent call last):"
    assert lines[-1] == "Error: opsctl stopped because of a bug of its own (RuntimeError: odd)."
    assert not (folder / ".opsctl").exists()


def test_a_bug_under_json_is_json_too(fail: Fail, capsys: pytest.CaptureFixture[str]) -> None:
    fail(RuntimeError("odd"))
    assert app.run(["status", "--json"]) == 1
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["code"] == "internal-error"
    assert re.search(r"crash-\d{8}-\d{6}-\d+\.log|could not be written", error["hint"])


def test_a_wrong_command_line_exits_2_and_points_to_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["deploy", "--no-such-option", "--json"]) == 2
    captured = capsys.readouterr()
    assert json.loads(captured.out)["error"]["code"] == "usage"
    assert captured.err.endswith("Next: See --help.\n")


def test_a_group_without_a_command_shows_its_help_and_exits_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["env"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Usage: opsctl env" in captured.err


def test_the_version_is_told_without_building_the_commands(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert app.run(["--version", "status"]) == 0
    monkeypatch.setattr(app, "build", lambda: pytest.fail("the command tree is built"))
    assert app.run(["--version"]) == 0
    assert capsys.readouterr().out == f"opsctl {__version__}\n" * 2


def test_a_push_loads_neither_the_builders_nor_the_deploy_engine() -> None:
    """Half a push is what Python reads at its start."""
    unused = (
        "boto3", "troposphere", "opsctl.stacks", "opsctl.images.build.native", "opsctl.images.build.engines",
        "opsctl.images.workshop", "opsctl.deploy.stackrun", "opsctl.deploy.planning.plan", "opsctl.cli.commands.deploy",
    )  # fmt: skip
    code = (
        "import sys, opsctl.cli.progress, opsctl.cli.render_images, opsctl.operate.image\n"
        "from opsctl.cli.app import build\n"
        "build('image')\n"
        f"print([name for name in {unused!r} if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
