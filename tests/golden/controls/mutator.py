"""Breaks a template at the places that an assertion is about, one mutation at a time. It knows no control.

For each asserted place: removed, and set to each wrong value. For each resource that must exist: removed. For each
that must not: planted. A mutation that an assertion does not notice is a survivor.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.golden.controls.language import WHOLE, Assertion, Target, Templates
from tests.golden.controls.tree import ABSENT, Location, read, settable, with_value
from tests.golden.controls.wrong import wrong_values


@dataclass(frozen=True)
class Mutation:
    """One change of an environment's templates; the value ABSENT removes."""

    where: Location
    value: Any

    def __str__(self) -> str:
        place = "/".join(str(key) for key in self.where)
        return f"{place} removed" if self.value is ABSENT else f"{place} = {self.value!r}"

    def applied(self, templates: Templates) -> Templates:
        """A broken copy."""
        changed: Templates = with_value(templates, self.where, self.value)
        return changed


def mutations(assertion: Assertion, templates: Templates) -> Iterator[Mutation]:
    """Everything that `assertion` must notice in these templates, for which it holds."""
    if assertion.select.count == "none":
        stack = next(iter(templates)) if assertion.stack == "*" else assertion.stack
        yield Mutation(
            (stack, "Resources", _matching_name(assertion)), {"Type": assertion.select.kind, "Properties": {}}
        )
        return
    for target in assertion.targets(templates):
        yield from _of_resource(assertion, templates, target)
        for place in assertion.places(templates, target):
            yield from _of_place(assertion, templates, place)


def _of_resource(assertion: Assertion, templates: Templates, target: Target) -> Iterator[Mutation]:
    must_exist = assertion.select.count == "one" or target.tie is not None
    if must_exist and assertion.select is not WHOLE:
        yield Mutation(target.base, ABSENT)
    if target.tie is not None:
        yield from (Mutation(target.tie, value) for value in wrong_values(read(templates, target.tie)))


def _of_place(assertion: Assertion, templates: Templates, place: Location) -> Iterator[Mutation]:
    value = read(templates, place)
    assert assertion.expect is not None
    for part in assertion.expect.parts(value):
        here = (*place, *part)
        if not settable(templates, here):
            continue
        if read(templates, here) is not ABSENT and assertion.expect.needed(part):
            yield Mutation(here, ABSENT)
        yield from (Mutation(here, wrong) for wrong in assertion.expect.wrong(value, part))


def _matching_name(assertion: Assertion) -> str:
    """A logical id that the selector takes: patterns here are `.*` or a plain start of a name."""
    return assertion.select.name.replace(".*", "Planted")
