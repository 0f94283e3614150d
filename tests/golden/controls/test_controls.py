"""Every row of the table holds in every environment, and no mutation of what it asserts goes unnoticed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.golden.controls.language import EVERYWHERE, Control, EnvironmentName
from tests.golden.controls.mutator import mutations
from tests.golden.controls.rendered import templates
from tests.golden.controls.table.all import CONTROLS
from tests.golden.controls.table.rows import ACCOUNT_LEVEL, ROWS


@dataclass
class Tally:
    """What one run over an environment saw."""

    assertions: int = 0
    mutations: int = 0
    survivors: tuple[str, ...] = ()
    idle: tuple[str, ...] = ()


@pytest.mark.parametrize("name", EVERYWHERE)
@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.key)
def test_the_templates_show_what_the_row_says(control: Control, name: EnvironmentName) -> None:
    failures = [
        f"{'/'.join(assertion.ids)}: {failure}"
        for assertion in control.assertions
        if name in assertion.on
        for failure in assertion.failures(templates(name))
    ]
    assert failures == []


def test_every_mutation_of_what_is_asserted_is_caught(capsys: pytest.CaptureFixture[str]) -> None:
    tallies = {name: _tally(name) for name in EVERYWHERE}
    with capsys.disabled():
        sys.stdout.write("\n".join(["", *_summary(tallies), ""]))
    assert [line for tally in tallies.values() for line in tally.idle] == []
    assert [line for tally in tallies.values() for line in tally.survivors] == []


def _summary(tallies: dict[EnvironmentName, Tally]) -> Iterator[str]:
    yield f"{len(CONTROLS)} controls, {sum(len(control.assertions) for control in CONTROLS)} assertions"
    for name, tally in tallies.items():
        yield f"  {name}: {tally.assertions} assertions, {tally.mutations} mutations, {len(tally.survivors)} survivors"
    assertions = sum(tally.assertions for tally in tallies.values())
    yield f"  in all: {assertions} assertions, {sum(tally.mutations for tally in tallies.values())} mutations"


def _tally(name: EnvironmentName) -> Tally:
    """Mutate whatever the assertions of one environment are about. `idle` assertions have nothing to mutate."""
    tally, rendered = Tally(), templates(name)
    for control in CONTROLS:
        for assertion in control.assertions:
            if name not in assertion.on or any(True for _ in assertion.failures(rendered)):
                continue  # the other test tells about failures
            tally.assertions += 1
            label, tried = f"{name} {control.key} {'/'.join(assertion.ids)}", 0
            for mutation in mutations(assertion, rendered):
                tried += 1
                if next(assertion.failures(mutation.applied(rendered)), None) is None:
                    tally.survivors += (f"{label}: {mutation}",)
            tally.mutations += tried
            tally.idle += () if tried else (label,)
    return tally


def test_the_assertions_cover_every_id_of_every_row_and_no_other() -> None:
    covered = {
        control.key: {one_id for assertion in control.assertions for one_id in assertion.ids} for control in CONTROLS
    }
    assert covered == {key: set(ids.split()) for key, ids in ROWS.items()}
    assert not set(ACCOUNT_LEVEL) & {one_id for ids in covered.values() for one_id in ids}


@pytest.mark.parametrize("name", EVERYWHERE)
def test_every_id_is_asserted_in_the_column_of_every_environment(name: EnvironmentName) -> None:
    """Where a column says off or not used, that is asserted too."""
    for control in CONTROLS:
        assert control.column(name), control.key
        asserted = {one_id for assertion in control.assertions if name in assertion.on for one_id in assertion.ids}
        assert asserted == set(ROWS[control.key].split()), f"{control.key} in {name}"
