"""README and docs: what they let people type can be typed, what they link is there, and what they show is what is."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.main import get_command

import opsctl
from opsctl.cli.app import build
from opsctl.config.models import SET_BY_LOADER
from opsctl.config.schema import schema
from scripts import reference, settings_page
from tests.functional.cli import ROOT

from .test_from_cdk import settings

DOCS = ROOT / "docs"
TOP = [ROOT / f"{name}.md" for name in ("README", "CONTRIBUTING", "SECURITY", "CHANGELOG")]
PAGES = [*TOP, *sorted(DOCS.glob("*.md"))]
TREE: Any = get_command(build())
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
# Programs of others that a block may call; what they are asked is theirs to know.
OTHERS = {"cd", "export", "eval", "git", "pip", "source", "uv", "aws", "pg_dump"}
SCREENS = ROOT / "tests" / "golden" / "screens"
_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_SCREEN = re.compile(r"<!-- screen ([\w-]+) -->\n```\n(.*?)```\n<!-- /screen -->", re.DOTALL)


def lines(page: str) -> Iterator[str]:
    """Command lines of a page's shell blocks, without comments; a line that ends in a backslash goes on."""
    for block in _BLOCK.findall(page):
        for line in block.replace("\\\n", " ").splitlines():
            if line.strip() and not line.startswith("#"):
                yield line.strip()


def wrong(line: str) -> str:
    """Why a command line can't be typed; "" when it can."""
    words = [word for word in shlex.split(line, comments=True) if not word.startswith("<")]  # a file as stdin
    if words[0] == "make":
        unknown = [word for word in words[1:] if "=" not in word and word not in TARGETS]
        return f"no target {unknown[0]}" if unknown else ""
    if words[0] in OTHERS:
        inner = re.findall(r"\$\((opsctl [^)]+)\)", line)
        return next((why for each in inner if (why := wrong(each))), "")
    return parsed(words[1:]) if words[0] == "opsctl" else f"no program {words[0]}"


def parsed(words: list[str]) -> str:
    """What the parser says of the arguments of opsctl: commands, options, their values, what is missing."""
    command: Any = TREE
    name = "opsctl"
    while getattr(command, "commands", None) is not None:
        if not words or words[0] not in command.commands:
            return f"no command {' '.join(words[:1])}"
        name, *words = words
        command = command.commands[name]
    try:
        command.make_context(name, list(words))  # parses, and calls nothing
    except typer.TyperException as error:
        return error.format_message()
    return ""


@pytest.mark.parametrize("page", PAGES, ids=[path.name for path in PAGES])
def test_what_a_shell_block_says_can_be_typed(page: Path) -> None:
    assert [f"{line}: {why}" for line in lines(page.read_text(encoding="utf-8")) if (why := wrong(line))] == []


def test_a_line_that_can_not_be_typed_is_found() -> None:
    assert wrong("make fly") == "no target fly"
    assert wrong("fly --now") == "no program fly"
    assert wrong("opsctl fly") == "no command fly"
    assert wrong("opsctl deploy --fly").startswith("No such option")
    assert wrong("opsctl deploy --wait soon") != ""
    assert wrong("opsctl job run") != ""
    assert wrong('eval "$(opsctl local fly)"') == "no command fly"
    assert wrong("opsctl deploy --env dev --yes  # and wait") == ""


def test_commands_stand_in_shell_blocks() -> None:
    """A block that begins with a command is one; what shows a command with its answer begins with a prompt.

    The reference shows usages, made from the commands themselves.
    """
    for page in [each for each in PAGES if each.name != "commands.md"]:
        text = _BLOCK.sub("", page.read_text(encoding="utf-8"))
        begins = re.findall(r"^```\w*\n((?:opsctl|make|pip) .*)$", text, re.MULTILINE)
        assert begins == [], page.name


def slugs(page: Path) -> set[str]:
    """Anchors of a page's headings, as GitHub makes them."""
    text = _FENCED.sub("", page.read_text(encoding="utf-8"))
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", TOP, ids=[path.name for path in TOP])
def test_links_of_pages_outside_of_the_site_lead_somewhere(page: Path) -> None:
    """Building the site checks those of docs/."""
    links = re.findall(r"\]\(([^)\s]+)\)", _FENCED.sub("", page.read_text(encoding="utf-8")))
    for link in (each for each in links if "://" not in each):
        name, _, anchor = link.partition("#")
        target = (page.parent / name) if name else page
        assert target.exists(), link
        assert not anchor or anchor in slugs(target), link


def test_every_page_stands_in_the_navigation_once() -> None:
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    listed = re.findall(r"^- \[[^\]]+\]\(([\w-]+)\.md\)", index, re.MULTILINE)
    there = {path.stem for path in DOCS.glob("*.md")} - {"index"}
    assert sorted(set(listed)) == sorted(there)
    assert len(listed) == len(set(listed))


def test_every_setting_says_what_it_is() -> None:
    silent = [
        f"{name}.{key}"
        for name, block in schema()["$defs"].items()
        for key, item in block["properties"].items()
        if not item.get("description") and not any(settings_page.references(item))
    ]
    assert silent == []


def test_the_page_of_settings_has_every_one_of_them() -> None:
    page = settings_page.page()
    for dotted in settings() - {"name", *SET_BY_LOADER}:
        block, _, key = dotted.rpartition(".")
        title = f"\n## {block or 'An environment'}\n"
        assert title in page
        text = page.split(title)[1].split("\n## ")[0] + page.split("\n## every process\n")[1].split("\n## ")[0]
        assert f"| `{key}` |" in text, dotted


def test_what_the_page_for_users_of_copilot_names_there_is() -> None:
    page = (DOCS / "from-copilot.md").read_text(encoding="utf-8")
    rows = [row.split("|") for row in page.splitlines() if row.startswith("| ") and row.count("|") > 3]
    dotted = {key for row in rows for key in re.findall(r"`((?:application|ecs|vpc|rds|security|observability)"
                                                        r"\.[a-z_.]+)`", row[2])}  # fmt: skip
    assert len(dotted) > 10
    assert dotted - settings() - {"application.buckets", "application.jobs", "application.workers"} == set()


@pytest.mark.parametrize("page", PAGES, ids=[path.name for path in PAGES])
def test_screens_that_a_page_shows_are_what_is_printed(page: Path) -> None:
    """An excerpt has lines of the recorded screen in their order; `…` alone stands for some that are left out."""
    for name, shown in _SCREEN.findall(page.read_text(encoding="utf-8")):
        printed = iter((SCREENS / f"{name}.txt").read_text(encoding="utf-8").splitlines())
        for line in shown.splitlines():
            if line.strip() != "…":
                assert line in printed, f"{name}: {line}"


def test_the_reference_names_every_variable_of_the_shell_that_is_read() -> None:
    """Those that opsctl gives to tasks and programs of its own are named otherwise in the code."""
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "opsctl").rglob("*.py"))
    read = set(re.findall(r'^\w*VARIABLE = "(OPSCTL_\w+)"|envvar="(\w+)"', code, re.MULTILINE))
    assert {name for pair in read for name in pair if name} == {
        name for name, _ in reference.VARIABLES if name.startswith("OPSCTL_")
    }


def test_the_version_is_the_newest_release_of_the_changelog() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    titles = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert titles[0] == "Unreleased"
    version, day = re.fullmatch(r"(\S+) \((\d{4}-\d{2}-\d{2})\)", titles[1]).groups()  # type: ignore[union-attr]
    assert version == opsctl.__version__
    assert date.fromisoformat(day) >= date(2026, 12, 1)
