"""Checks that are skipped on purpose: each has a reason, is in its environment's budget, and belongs to a row."""

from __future__ import annotations

import pytest

from scripts.run_checkov import BUDGET
from tests.golden.controls.document import skips
from tests.golden.controls.language import EVERYWHERE, SKIPS, EnvironmentName
from tests.golden.controls.rendered import templates
from tests.golden.controls.table.all import CONTROLS

# Check ids that may be skipped, in numbers. scripts/run_checkov.py proves that none of them is unused.
MOST = {"dev": 16, "hml": 16, "prd": 2}


@pytest.mark.parametrize("name", EVERYWHERE)
def test_every_skip_says_why_in_a_sentence(name: EnvironmentName) -> None:
    assert skips(name)
    for skip in skips(name):
        assert len(skip.reason.split()) > 3, skip
        assert skip.reason.endswith("."), skip


@pytest.mark.parametrize("name", EVERYWHERE)
def test_skips_stay_within_the_budget_of_their_environment(name: EnvironmentName) -> None:
    used = {skip.check for skip in skips(name)}
    assert used <= BUDGET[name]
    assert len(used) <= MOST[name]


@pytest.mark.parametrize("name", EVERYWHERE)
def test_every_skip_is_asserted_by_a_row_and_stands_on_the_resource_that_would_fail(name: EnvironmentName) -> None:
    rendered = templates(name)
    asserted = {
        (one_id, target.base[0], target.base[2])
        for control in CONTROLS
        for assertion in control.assertions
        if name in assertion.on and assertion.path == SKIPS
        for one_id in assertion.ids
        for target in assertion.targets(rendered)
    }
    assert asserted == {(skip.check, skip.stack, skip.resource) for skip in skips(name)}


def test_a_check_is_skipped_once_on_a_resource() -> None:
    for name in EVERYWHERE:
        found = [(skip.check, skip.stack, skip.resource) for skip in skips(name)]
        assert len(found) == len(set(found))
