"""The README tells what the program tells."""

from __future__ import annotations

import re
from collections.abc import Iterator

from typer.main import get_command

from opsctl.cli.app import build
from opsctl.config import naming
from opsctl.deploy.planning.statuses import ACTIONS
from opsctl.errors import ExitCode
from opsctl.stacks import catalog
from tests.functional.cli import ROOT
from tests.unit.stacks.reading import environments

README = (ROOT / "README.md").read_text()


def commands(command: object, prefix: str) -> Iterator[tuple[str, str]]:
    """Every leaf command with the first sentence of its help."""
    inner = getattr(command, "commands", None)
    if inner is None:
        text = str(getattr(command, "help", "") or "")
        yield prefix, re.split(r"(?<=[.])\s", text.strip().replace("\n", " "), maxsplit=1)[0]
        return
    for name, item in inner.items():
        yield from commands(item, f"{prefix} {name}")


def table() -> dict[str, str]:
    block = README.split("<!-- commands -->")[1].split("<!-- /commands -->")[0]
    return dict(re.findall(r"^\| `([^`]+)` \| (.+) \|$", block, re.MULTILINE))


def test_the_command_table_is_what_help_says() -> None:
    assert table() == dict(commands(get_command(build()), "opsctl"))


def test_every_command_explains_itself() -> None:
    assert [name for name, text in commands(get_command(build()), "opsctl") if len(text) < 10] == []


def test_every_option_explains_itself() -> None:
    def silent(command: object, prefix: str) -> Iterator[str]:
        for name, item in getattr(command, "commands", {}).items():
            yield from silent(item, f"{prefix} {name}")
        for option in getattr(command, "params", []):
            if getattr(option, "param_type_name", "") == "option" and not getattr(option, "help", ""):
                yield f"{prefix} {option.name}"

    assert list(silent(get_command(build()), "opsctl")) == []


def test_all_exit_codes_are_listed() -> None:
    paragraph = README.split("Exit codes:")[1].split("\n\n")[0]
    assert {int(code) for code in re.findall(r"(?:^|· )\s*(\d+) ", paragraph)} == {int(code) for code in ExitCode}


def test_linked_files_exist() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert links
    assert [link for link in links if "://" not in link and not (ROOT / link).exists()] == []


def test_the_status_table_of_the_documentation_is_the_programs() -> None:
    text = (ROOT / "docs" / "deploys.md").read_text()
    rows = dict(re.findall(r"^\| ([A-Z_]+) \| (.+) \|$", text, re.MULTILINE))
    assert rows == {status: action.value for status, action in ACTIONS.items()}


def test_the_captured_demo_and_the_table_name_every_stack() -> None:
    shown = set(re.findall(r"^✓ (\w+)", README, re.MULTILINE)) - {"image", "migrate"}
    local = {template.stack for template in catalog.templates(environments()["local"])}
    assert shown == local
    assert set(re.findall(r"^\| (\w+) \|", README, re.MULTILINE)) >= set(naming.STACKS)


def test_make_clean_removes_all_that_git_ignores_but_data() -> None:
    """What is ignored was made here; README promises that a clean checkout is left."""
    recipe = re.search(
        r"^clean:.*?(?=^\S|\Z)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    assert recipe is not None
    removed = recipe[0].split()
    ignored = [each.rstrip("/") for each in (ROOT / ".gitignore").read_text(encoding="utf-8").split()]
    data = {"data/raw", "data/rejects.csv", "*.sqlite3*"}
    assert set(ignored) - set(removed) - data == {"*.py[cod]"}  # goes with __pycache__
