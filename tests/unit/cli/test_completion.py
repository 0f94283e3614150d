"""What shells are told when somebody presses TAB."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from opsctl.cli import app
from opsctl.config.naming import STACKS
from opsctl.local.target import LocalTarget
from opsctl.operate.known_releases import Known, known, remember, remember_new

ENVIRONMENTS = ["local", "dev", "prd"]
# `servce` would be refused: what is half written is completed all the same.
FILE = "default_environment: dev\nenvironments:\n  local: {target: local}\n  dev: {servce: x}\n  prd:\n"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "environments.yaml").write_text(FILE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def offered(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """What a shell gets for a line of which the last word is being typed."""

    monkeypatch.setattr("typer.rich_utils.MAX_WIDTH", None)  # put back afterwards

    def ask(line: str, shell: str = "bash") -> str:
        word = line.rpartition(" ")[2]
        monkeypatch.setenv("_OPSCTL_COMPLETE", f"complete_{shell}")
        if shell == "bash":
            monkeypatch.setenv("COMP_WORDS", line)
            monkeypatch.setenv("COMP_CWORD", str(line.count(" ")))
        else:
            monkeypatch.delenv("COMP_WORDS", raising=False)
            monkeypatch.setenv("_TYPER_COMPLETE_ARGS", line)
            monkeypatch.setenv("_TYPER_COMPLETE_FISH_ACTION", "get-args")
            monkeypatch.setenv("_TYPER_COMPLETE_WORD_TO_COMPLETE", word)
        with pytest.raises(SystemExit) as left:
            app.run([])
        shown = capsys.readouterr()
        assert (left.value.code, shown.err) == (0, "")
        return shown.out

    return ask


@pytest.mark.parametrize(
    ("shell", "told"),
    [
        ("bash", "local\ndev\nprd\n"),
        ("zsh", """_arguments '*: :(("local":"local"\n"dev"\n"prd"))'\n"""),
        ("fish", "local\tlocal\ndev\nprd\n"),
        ("powershell", "local:::local\ndev::: \nprd::: \n"),
    ],
)
def test_four_shells_get_the_environments_of_the_file(
    root: Path, offered: Callable[..., str], shell: str, told: str
) -> None:
    assert offered("opsctl deploy --env ", shell) == told


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("opsctl de", "destroy\tRemove an environment; the database and what belongs to it stay, unless --delete-data "
         "says so."),
        ("opsctl deploy --wa", "--wait\tWait this long for another command on the environment to end, then go on with "
         "what it left."),
    ],
)  # fmt: skip
def test_what_a_word_means_is_told_to_the_end_and_in_its_line(
    root: Path, offered: Callable[..., str], monkeypatch: pytest.MonkeyPatch, line: str, told: str
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = offered(line, "fish").splitlines()
    assert told in lines
    assert [each for each in lines if "\t" not in each or each.endswith("...")] == []  # fish takes a line for a word


@pytest.mark.parametrize("line", ["opsctl synth -e p", "opsctl local logs --env p", "opsctl db status --env p"])
def test_what_was_begun_narrows_it(root: Path, offered: Callable[..., str], line: str) -> None:
    assert offered(line) == "prd\n"


def test_commands_and_stacks_that_are_not_typed_yet(root: Path, offered: Callable[..., str]) -> None:
    assert offered("opsctl dep") == "deploy\n"
    assert offered("opsctl db st") == "status\n"
    assert offered("opsctl deploy app ").split() == [each for each in STACKS if each != "app"]


def test_releases_are_those_that_this_machine_saw_of_the_environment_on_the_line(
    root: Path, offered: Callable[..., str]
) -> None:
    remember(
        root, "dev", [Known(12, "2026-11-30T09:00:00+00:00", "9f2c"), Known(11, "2026-11-29T09:00:00+00:00", "1a")]
    )
    remember(root, "prd", [Known(3, "2026-11-30T09:00:00+00:00", "9f2c")])
    assert offered("opsctl rollback ") == "12\n11\n"
    assert offered("opsctl rollback --env prd ") == "3\n"
    assert offered("opsctl logs --env prd --release ") == "3\n"
    assert offered("opsctl rollback 1", "fish").splitlines()[0] == "12\t2026-11-30T09:00:00+00:00 9f2c"


def test_releases_of_this_machine_are_offered_until_a_reset(root: Path, offered: Callable[..., str]) -> None:
    remember(root, "local", [Known(1, "a")])  # when the environment was on AWS
    remember_new(root, "local", Known(2, "b"), local=True)
    assert offered("opsctl rollback --env local ") == "2\n1\n"
    LocalTarget(root).reset()
    assert offered("opsctl rollback --env local ") == "\n"


@pytest.mark.parametrize("line", ["opsctl rollback ", "opsctl deploy --env "])
def test_what_cant_be_read_has_no_names_and_says_nothing(root: Path, offered: Callable[..., str], line: str) -> None:
    (root / "environments.yaml").write_bytes(b"\xff{")
    assert offered(line) == "\n"
    (root / "environments.yaml").unlink()
    assert offered(line) == "\n"


def test_a_release_of_an_environment_made_anew_drops_those_of_the_one_before(root: Path) -> None:
    remember(root, "dev", [Known(2, "b"), Known(1, "a")])
    remember_new(root, "dev", Known(3, "c"))
    assert [each.number for each in known(root, "dev")] == [3, 2, 1]
    remember_new(root, "dev", Known(1, "d"))
    assert known(root, "dev") == [Known(1, "d")]
    (root / ".opsctl" / "releases" / "dev.json").write_text("[{}]")
    assert known(root, "dev") == []


def test_no_completion_loads_what_talks_to_aws(root: Path) -> None:
    code = (
        "import os, sys\nfrom opsctl.cli import app\n"
        "for line in ('opsctl deploy --env ', 'opsctl rollback ', 'opsctl deploy '):\n"
        "    os.environ |= {'_OPSCTL_COMPLETE': 'complete_bash', 'COMP_WORDS': line,"
        " 'COMP_CWORD': str(line.count(' '))}\n"
        "    try: app.run([])\n"
        "    except SystemExit: pass\n"
        "print('loaded:', sorted({'boto3', 'botocore', 'urllib3', 'troposphere'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "loaded: []"


def test_no_color_counts_for_what_typer_prints(monkeypatch: pytest.MonkeyPatch) -> None:
    assert typer.main.get_command(app.build()).context_settings["color"] is False  # as all tests run with NO_COLOR
    monkeypatch.delenv("NO_COLOR")
    assert typer.main.get_command(app.build()).context_settings["color"] is None
