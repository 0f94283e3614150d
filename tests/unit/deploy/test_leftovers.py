"""What a removed environment leaves: each with its price, where one is known, and a command."""

from __future__ import annotations

import re
import shlex
from datetime import UTC, datetime

import pytest

from opsctl.cli.render_left import before_lines, left_lines
from opsctl.cost.prices import packaged
from opsctl.deploy.leftovers import SECRET, SNAPSHOT, Left, leftovers
from opsctl.deploy.planning import compare
from opsctl.stacks import catalog
from opsctl.stacks.model import StackTemplate
from tests.unit.cli.terminal import Terminal
from tests.unit.stacks.reading import NAMES, environment

FOUND = [
    Left(SNAPSHOT, "final-db-run1", "us-east-1"), Left("AWS::ECR::Repository", "shop", "us-east-1"),
    Left("AWS::S3::Bucket", "media", "us-east-1"), Left(SECRET, "arn:aws:secretsmanager:x:1:secret:a b", "us-east-1"),
    Left("AWS::KMS::Key", "key-1", "us-east-1"), Left("AWS::ECR::Repository", "shop", "us-east-1"),
]  # fmt: skip


def kept_types(stack: StackTemplate) -> set[str]:
    kept = {"Retain", "RetainExceptOnCreate", "Snapshot"}
    return {
        each["Type"] for each in compare.parse(stack.body)["Resources"].values() if each.get("DeletionPolicy") in kept
    }


def test_each_is_told_once_with_its_price_and_a_command() -> None:
    told = leftovers(FOUND, packaged())
    assert [(each.kind, each.cost) for each in told] == [
        ("final snapshot", "0.095 per GB"), ("image repository", "0.10 per GB"), ("bucket", "0.023 per GB"),
        ("secret", "0.40"), ("key", "1.00"),
    ]  # fmt: skip
    assert told[0].command == "aws rds delete-db-snapshot --db-snapshot-identifier final-db-run1 --region us-east-1"
    assert "arn:aws:secretsmanager:x:1:secret:a b" in shlex.split(told[3].command)


def test_a_price_that_is_not_known_is_left_out() -> None:
    (told,) = leftovers([Left(SNAPSHOT, "final-db", "sa-east-1")], packaged())
    assert told.cost == ""
    assert "Costs" not in "\n".join(left_lines([told]))


def test_of_the_last_environment_the_accounts_own_stack_is_told_too() -> None:
    assert [each.name for each in leftovers([], packaged(), last="us-east-1")] == ["opsctl-bootstrap"]
    assert leftovers([], packaged()) == []


def test_on_this_machine_nothing_costs_and_one_command_takes_it_all() -> None:
    told = leftovers(FOUND, None)
    assert {each.command for each in told} == {"opsctl local reset"}
    assert left_lines(told)[-1] == "`opsctl local reset` removes all of it."


def test_the_text_names_the_date_of_the_prices_and_every_command() -> None:
    told = leftovers(FOUND, packaged())
    lines = left_lines(told)
    assert re.search(r"list prices of \d{4}-\d\d to \d{4}-\d\d in US dollars a month", lines[1])
    assert [each.command for each in told] == [line.strip() for line in lines if line.startswith("    ")]
    assert left_lines([]) == []


def test_at_a_terminal_a_line_is_broken_at_blanks_and_a_command_never(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", Terminal())
    monkeypatch.setenv("COLUMNS", "60")
    lines = "\n".join(left_lines(leftovers(FOUND, packaged()))).split("\n")
    commands = [each.command for each in leftovers(FOUND, packaged())]
    assert [each for each in commands if f"    {each}" in lines] == commands
    assert [each for each in lines if len(each) > 60 and " " in each.strip() and each.strip() not in commands] == []


@pytest.mark.parametrize("name", NAMES)
def test_whatever_a_stack_keeps_has_a_kind_and_a_command(name: str) -> None:
    """Databases are deleted before their stack, with a snapshot."""
    types = set().union(*(kept_types(each) for each in catalog.templates(environment(name))))
    for kind in types - {"AWS::RDS::DBInstance"}:
        (told,) = leftovers([Left(kind, "it", "us-east-1")], packaged())
        assert told.kind != kind, f"{kind} has no words of its own"
        assert told.command


def test_what_another_run_removed_is_said_with_when_and_that_its_remains_are_not_listed() -> None:
    assert before_lines({}) == []
    (line,) = before_lines({"app": datetime(2026, 3, 2, 12, tzinfo=UTC), "front": datetime(2026, 3, 2, 11, tzinfo=UTC)})
    assert line.startswith("Another run removed app, front before, the last at 2026-03-02 12:00:00 UTC; ")
    assert "not listed here" in line
