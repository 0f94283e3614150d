"""What holds for every command: it has help, and under --json it fails in JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from opsctl.cli import app

BROKEN = "default_environment: dev\nenvironments:\n  dev:\n    servce: x\n"


def commands(group: Any = None, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command and group as typed, with its click object."""
    found = group or typer.main.get_command(app.build())
    yield path, found
    for name, item in getattr(found, "commands", {}).items():
        yield from commands(item, (*path, name))


ALL = list(commands())
LEAVES = [(path, item) for path, item in ALL if not hasattr(item, "commands")]
WITH_JSON = [path for path, item in LEAVES if any("--json" in option.opts for option in item.params)]
# What they print is a document or a log in itself, or another program takes the terminal over.
WITHOUT_JSON = {("env", "policy"), ("env", "schema"), ("local", "logs"), ("db", "shell")}


def ids(paths: list[tuple[str, ...]]) -> list[str]:
    return [" ".join(path) or "opsctl" for path in paths]


@pytest.mark.parametrize("path", [path for path, _ in ALL], ids=ids([path for path, _ in ALL]))
def test_it_has_help(path: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run([*path, "--help"]) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith(f"Usage: {' '.join(['opsctl', *path])} ")
    assert shown.err == ""


@pytest.mark.parametrize("path", [path for path, _ in ALL], ids=ids([path for path, _ in ALL]))
def test_help_fits_a_narrow_terminal_and_no_argument_is_bracketed_twice(
    path: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    app.run([*path, "--help"])
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if len(line) > 80] == []
    assert [line for line in lines if line.endswith(("...", "…")) and not line.startswith("Usage: ")] == []
    assert not any(twice in lines[0] for twice in ("[[", "]]", "{{", "......", "...}", "]...]"))


@pytest.mark.parametrize(("path", "item"), LEAVES, ids=ids([path for path, _ in LEAVES]))
def test_every_option_says_what_it_does(path: tuple[str, ...], item: Any) -> None:
    assert item.help
    silent = [option.name for option in item.params if not getattr(option, "help", None)]
    assert silent == []


def test_every_command_with_a_result_can_print_json() -> None:
    assert {path for path, _ in LEAVES} - set(WITH_JSON) == WITHOUT_JSON


# To it a missing file is a line of the result, not a failure.
LOOKS = ("doctor",)


@pytest.mark.parametrize("path", [each for each in WITH_JSON if each != LOOKS], ids=" ".join)
def test_without_a_configuration_it_fails_in_json(
    path: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    code = app.run([*path, "--json"])
    shown = capsys.readouterr()
    error = json.loads(shown.out)["error"]
    # A command that takes an argument misses that first; one that asks, asks first.
    started = {(4, "config-missing"), (1, "no-project"), (2, "usage"), (2, "confirmation-needed")}
    assert (code, error["code"]) in started
    assert error["message"]
    assert error["hint"]
    assert "Traceback" not in shown.err
    assert list(tmp_path.iterdir()) == []


# `local` needs to know only where the file is, and `init` writes it.
CONFIGURED = [path for path in WITH_JSON if path[0] not in {"local", "init"} and path != LOOKS]


@pytest.mark.parametrize("path", CONFIGURED, ids=ids(CONFIGURED))
def test_with_a_broken_configuration_it_fails_in_json_before_it_touches_anything(
    path: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "environments.yaml").write_text(BROKEN)
    monkeypatch.chdir(tmp_path)
    code = app.run([*path, "--json"])
    error = json.loads(capsys.readouterr().out)["error"]
    assert (code, error["code"]) in {(4, "invalid-config"), (2, "usage")}
    assert [item.name for item in tmp_path.iterdir()] == ["environments.yaml"]
