"""What scripts may build on is written down, and can't go without a new version."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.json_outputs import ERROR, Output, faults, output_of, outputs, read
from tests.unit.cli.test_commands import WITH_JSON, WITHOUT_JSON

# The table as it was at the last release, or, before the first one, when it was begun. Written anew with each release.
RELEASED = Path(__file__).parent / "json_released.md"


def test_every_command_that_takes_json_has_a_row_and_no_other() -> None:
    named = {each.split(" --")[0] for each in outputs()} - {ERROR}
    assert named == {" ".join(path) for path in WITH_JSON}


def test_commands_without_json_are_named_with_the_reason() -> None:
    last = (Path(__file__).parents[3] / "docs" / "json.md").read_text().split("Without `--json`, and why:")[1]
    assert [each for each in WITHOUT_JSON if f"`{' '.join(each)}`" not in last] == []


@pytest.mark.parametrize("before", read(RELEASED.read_text()), ids=lambda each: each.command)
def test_keys_go_only_with_a_new_version(before: Output) -> None:
    now = outputs()[before.command]
    if now.version == before.version:
        assert before.known <= now.known
        assert (now.keys is None, now.is_list) == (before.keys is None, before.is_list)
        always = {each for each in before.keys or () if not each.endswith("?")}
        assert always <= set(now.keys or ())
    else:
        assert now.version == before.version + 1


def test_an_output_is_held_against_the_row_that_names_most_of_its_line() -> None:
    def row(line: str) -> str | None:
        found = output_of(line.split())
        return found.command if found else None

    assert row("deploy --env dev --json") == "deploy"
    assert row("deploy --env dev --dry-run --json") == "deploy --dry-run"
    assert row("dataset raw list --json") == "dataset raw list"
    assert row("nothing --json") is None
    assert outputs()["deploy --dry-run"].keys == outputs()["diff"].keys


def test_a_key_too_few_or_too_many_is_told() -> None:
    whole = {"environment": "dev", "restarted": ["web"]}
    assert faults(["restart", "--json"], whole) == []
    assert faults(["restart", "--json"], {"environment": "dev"}) == ["`restart` lacks: restarted"]
    assert faults(["restart", "--json"], {**whole, "task": ""}) == ["`restart` has more: task"]
    assert faults(["env", "list", "--json"], [{"name": "dev"}]) == [
        "`env list` lacks: account_id, default, region, target"
    ]
    assert faults(["env", "list", "--json"], whole) == ["`env list` is no list"]
    assert faults(["nothing"], whole) == ["docs/json.md has no row for nothing"]
    error = {"error": {"code": "usage", "message": "No."}}
    assert faults(["restart", "--json"], error) == []
    assert faults(["restart", "--json"], {"error": {"code": "usage"}}) == [f"`{ERROR}` lacks: message"]
