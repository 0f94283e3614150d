"""Controls, and the assertions that prove them: which resources, which place, which value, in which environments."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from tests.golden.controls.expectations import Expectation, contains, text
from tests.golden.controls.tree import Location, locations, read

EnvironmentName = Literal["dev", "hml", "prd"]
Pillar = Literal["Security", "Reliability", "Operations"]
Count = Literal["one", "some", "none"]
# Stack name -> parsed template; see `rendered.py` for what is added to it.
Templates = dict[str, dict[str, Any]]

EVERYWHERE: tuple[EnvironmentName, ...] = ("dev", "hml", "prd")
DEV: tuple[EnvironmentName, ...] = ("dev",)
HML: tuple[EnvironmentName, ...] = ("hml",)
PRD: tuple[EnvironmentName, ...] = ("prd",)
STRICT: tuple[EnvironmentName, ...] = ("hml", "prd")
ANY_STACK = "*"
SKIPS = "/Metadata/checkov/skip"


@dataclass(frozen=True)
class Select:
    """Resources of one type whose logical id matches `name` and not `but`. `count` says how many there must be.

    With `by`, what is asserted is not the resource but the one of type `by[0]` that names it in its property `by[1]`,
    such as a bucket's policy.
    """

    kind: str | None = None
    name: str = ".*"
    but: str = "(?!)"
    count: Count = "some"
    by: tuple[str, str] | None = None


def one(name: str, kind: str | None = None) -> Select:
    """Exactly one resource with this logical id (a pattern)."""
    return Select(kind, name, count="one")


def every(kind: str, *, name: str = ".*", but: str = "(?!)") -> Select:
    """Each resource of a type, of which there is at least one."""
    return Select(kind, name, but)


def no(kind: str, *, name: str = ".*", but: str = "(?!)") -> Select:
    """No resource of a type."""
    return Select(kind, name, but, count="none")


def belonging_to(kind: str, owner: str, path: str) -> Select:
    """For each `owner`, the resource of type `kind` that refers to it at `path`."""
    return Select(owner, by=(kind, path))


WHOLE = Select(kind="", count="one")  # a template itself, not one of its resources


@dataclass(frozen=True)
class Target:
    """A selected resource and, with `Select.by`, the place that ties what is asserted to it."""

    base: Location
    tie: Location | None = None
    found: bool = True


@dataclass(frozen=True)
class Assertion:
    """At `path` of each selected resource stands what is expected. Paths start at Properties, or with `/` at the
    resource.

    Nothing here can declare a mutation equivalent: what is a default of AWS's must be said in the template, too.
    """

    ids: tuple[str, ...]
    stack: str
    select: Select
    path: str
    expect: Expectation | None
    on: tuple[EnvironmentName, ...] = EVERYWHERE

    def targets(self, templates: Templates) -> list[Target]:
        """What the selector finds."""
        names = list(templates) if self.stack == ANY_STACK else [self.stack]
        return [target for name in names if name in templates for target in self._in_stack(templates, name)]

    def places(self, templates: Templates, target: Target) -> list[Location]:
        """The places that are asserted in one target."""
        path = self.path if self.path.startswith("/") or self.select is WHOLE else f"Properties/{self.path}"
        return locations(templates, target.base, path)

    def failures(self, templates: Templates) -> Iterator[str]:
        """What is not as expected, each in a sentence; nothing when all is well."""
        targets = self.targets(templates)
        if self.select.count == "none":
            yield from (f"{_spelled(target.base)} should not be there" for target in targets)
            return
        if not targets or (self.select.count == "one" and len(targets) != 1):
            yield f"{self.stack}: {len(targets)} resources are {self.select}"
        assert self.expect is not None
        for target in targets:
            if not target.found:
                yield f"{_spelled(target.base)} has none of {self.select.by}"
                continue
            for place in self.places(templates, target):
                value = read(templates, place)
                if not self.expect.holds(value):
                    yield f"{_spelled(place)} is {value!r}, expected {self.expect}"

    def _in_stack(self, templates: Templates, stack: str) -> Iterator[Target]:
        if self.select is WHOLE:
            yield Target((stack,))
            return
        resources = templates[stack]["Resources"]
        for name, resource in resources.items():
            if not _selected(self.select, name, resource):
                continue
            if self.select.by is None:
                yield Target((stack, "Resources", name))
            else:
                yield _tied(self.select.by, stack, name, resources)


def _selected(select: Select, name: str, resource: dict[str, Any]) -> bool:
    if select.kind is not None and resource.get("Type") != select.kind:
        return False
    return re.fullmatch(select.name, name) is not None and re.fullmatch(select.but, name) is None


def _tied(by: tuple[str, str], stack: str, owner: str, resources: dict[str, Any]) -> Target:
    kind, path = by
    for name, resource in resources.items():
        if resource.get("Type") == kind:
            for place in locations(resources, (name,), f"Properties/{path}"):
                if read(resources, place) == {"Ref": owner}:
                    return Target((stack, "Resources", name), tie=(stack, "Resources", *place))
    return Target((stack, "Resources", owner), found=False)


def _spelled(location: Location) -> str:
    return "/".join(str(key) for key in location)


def check(
    ids: str,
    stack: str,
    select: Select,
    path: str,
    expect: Expectation,
    *,
    on: tuple[EnvironmentName, ...] = EVERYWHERE,
) -> Assertion:
    """One assertion; `ids` are separated by blanks."""
    return Assertion(tuple(ids.split()), stack, select, path, expect, on)


def none(ids: str, stack: str, select: Select, *, on: tuple[EnvironmentName, ...] = EVERYWHERE) -> Assertion:
    """What must not be there at all."""
    return Assertion(tuple(ids.split()), stack, select, "/", None, on)


def skipped(ids: str, stack: str, select: Select, *, on: tuple[EnvironmentName, ...] = DEV) -> list[Assertion]:
    """The checkov checks among `ids` are left out on purpose, and each says why where it would fail."""
    found = []
    for one_id in ids.split():
        found.append(check(one_id, stack, select, SKIPS, contains(({"id": one_id},)), on=on))
        found.append(check(one_id, stack, select, f"{SKIPS}[id={one_id}]/comment", text(), on=on))
    return found


@dataclass(frozen=True)
class Control:
    """One row of the table: what it is, what each environment does about it, and the assertions."""

    key: str
    pillar: Pillar
    what: str
    dev: str
    prd: str
    assertions: tuple[Assertion, ...]
    hml: str = ""  # empty: as prd

    def column(self, environment: EnvironmentName) -> str:
        """What the table says about an environment."""
        return {"dev": self.dev, "hml": self.hml or self.prd, "prd": self.prd}[environment]


def control(key: str, pillar: Pillar, what: str, *checks: Assertion | list[Assertion], **columns: str) -> Control:
    """A control; lists of assertions are flattened."""
    flat = tuple(each for item in checks for each in (item if isinstance(item, list) else [item]))
    return Control(key, pillar, what, assertions=flat, **columns)


def ref(name: str) -> dict[str, str]:
    """`!Ref name`."""
    return {"Ref": name}


def att(name: str) -> dict[str, list[str]]:
    """`!GetAtt Resource.Attribute`."""
    return {"Fn::GetAtt": name.split(".", 1)}


def sub(words: str) -> dict[str, str]:
    """`!Sub words`."""
    return {"Fn::Sub": words}
