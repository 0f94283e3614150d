"""Expectations about policy statements, in the vocabulary of IAM."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.golden.controls.expectations import Expectation
from tests.golden.controls.tree import ABSENT, Location, read
from tests.golden.controls.wrong import wrong_values

EVERYTHING = "*"


def listed(value: Any) -> list[Any]:
    """One item or several, as a list; nothing is an empty list."""
    if value is ABSENT:
        return []
    return value if isinstance(value, list) else [value]


@dataclass(frozen=True)
class contains_statement(Expectation):  # noqa: N801  # reads as a word in the tables
    """Statements, one of which has all named parts (`Effect`, `Action`, …), exactly."""

    named: dict[str, Any] = field(hash=False)

    def holds(self, value: Any) -> bool:
        return self._index(value) is not None

    def parts(self, value: Any) -> Iterable[Location]:
        index = self._index(value)
        assert index is not None
        yield (index,)
        yield from ((index, key) for key in self.named)

    def wrong(self, value: Any, part: Location) -> Iterator[Any]:
        here = read(value, part)
        if len(part) == 1:
            return
        yield from wrong_values(here)
        if part[-1] in {"Action", "Principal", "Resource"} and here != EVERYTHING:
            yield EVERYTHING

    def _index(self, value: Any) -> int | None:
        for index, statement in enumerate(listed(value)):
            if isinstance(statement, dict) and all(
                listed(statement.get(key, ABSENT)) == listed(wanted) for key, wanted in self.named.items()
            ):
                return index
        return None


@dataclass(frozen=True)
class named_actions(Expectation):  # noqa: N801
    """Actions spelt out: no `*` anywhere. With `prefixes`, those few may end in one, since AWS names a family so."""

    prefixes: tuple[str, ...] = ()

    def holds(self, value: Any) -> bool:
        actions = listed(value)
        return bool(actions) and all(
            isinstance(action, str) and ":" in action and ("*" not in action or action in self.prefixes)
            for action in actions
        )

    def wrong(self, value: Any, part: Location) -> Iterable[Any]:
        return (
            EVERYTHING,
            "s3:*",
            [*listed(value), EVERYTHING],
            [*listed(value), "kms:*"],
            [*listed(value), "s3:Get*"],
            [],
        )


@dataclass(frozen=True)
class without_actions(Expectation):  # noqa: N801
    """Actions, none of which starts so."""

    start: str

    def holds(self, value: Any) -> bool:
        actions = listed(value)
        return bool(actions) and not any(str(action).startswith((self.start, EVERYTHING)) for action in actions)

    def wrong(self, value: Any, part: Location) -> Iterable[Any]:
        return ([*listed(value), f"{self.start}Planted"], EVERYTHING)


@dataclass(frozen=True)
class scoped(Expectation):  # noqa: N801
    """A statement on named resources; on all only if each of its actions is one of the exceptions."""

    exceptions: tuple[str, ...]

    def holds(self, value: Any) -> bool:
        if not isinstance(value, dict) or not {"Action", "Resource"} <= set(value):
            return False
        resources = listed(value["Resource"])
        excepted = all(action in self.exceptions for action in listed(value["Action"]))
        return bool(resources) and (excepted or not any(_is_everything(resource) for resource in resources))

    def parts(self, value: Any) -> Iterable[Location]:
        return (("Resource",), ("Action",))

    def wrong(self, value: Any, part: Location) -> Iterable[Any]:
        if self.holds({**value, "Resource": EVERYTHING}):  # an exception: other actions must not slip in beside it
            return ([*listed(value["Action"]), "s3:GetObject"],) if part == ("Action",) else ([],)
        if part == ("Action",):
            return ()
        planted = (EVERYTHING, "arn:aws:s3:::*", "arn:aws:iam::*:role/*", "arn:aws:logs:*:*:log-group:*")
        wide = [{"Fn::Sub": resource.replace("aws:", "${AWS::Partition}:", 1)} for resource in planted]
        return ([], *planted, *wide, *([*listed(value["Resource"]), each] for each in planted))


def _is_everything(resource: Any) -> bool:
    """`*`, or an ARN that names no more than a service or a type of resource: `…:role/*`, `…:log-group:*`."""
    named = next(iter(resource.values())) if isinstance(resource, dict) else resource
    if isinstance(named, list):
        named = named[0]
    parts = re.sub(r"\$\{[^}]*\}", "$", str(named)).split(":", 5)
    return named == EVERYTHING or (len(parts) == 6 and re.fullmatch(r"\*|[a-z-]+[:/]\*", parts[5]) is not None)


@dataclass(frozen=True)
class named_principal(Expectation):  # noqa: N801
    """Somebody in particular."""

    def holds(self, value: Any) -> bool:
        if not isinstance(value, dict) or not value:
            return False
        return all(each != EVERYTHING for who in value.values() for each in listed(who))

    def wrong(self, value: Any, part: Location) -> Iterable[Any]:
        return (EVERYTHING, {"AWS": EVERYTHING}, {**value, "AWS": [EVERYTHING]}, {})


@dataclass(frozen=True)
class for_this_account(Expectation):  # noqa: N801
    """A statement by which a service acts for this account only, or for one of the `unnamed`, which tell no source."""

    unnamed: tuple[Any, ...] = field(hash=False)

    def holds(self, value: Any) -> bool:
        who = _service(value)
        return who is None or who in self.unnamed or any("AWS::AccountId" in str(each) for each in _sources(value))

    def parts(self, value: Any) -> Iterable[Location]:
        if _service(value) is not None:
            yield ("Principal", "Service")
        if _sources(value):
            yield ("Condition", _operator(value))

    def wrong(self, value: Any, part: Location) -> Iterable[Any]:
        if part[0] == "Condition":
            return ({}, {"aws:SourceAccount": "999999999999"}, {"aws:SourceArn": "arn:aws:s3:::another"})
        return () if _sources(value) else ("another.amazonaws.com",)

    def needed(self, part: Location) -> bool:
        return part[0] == "Condition"


def _service(statement: Any) -> Any:
    principal = statement.get("Principal") if isinstance(statement, dict) else None
    return principal.get("Service") if isinstance(principal, dict) else None


def _operator(statement: dict[str, Any]) -> str:
    """Lambda and ECS's agent are not documented to tell an account: if they do, it has to be this one."""
    perhaps = _service(statement) in ("lambda.amazonaws.com", "ecs-tasks.amazonaws.com")
    return "StringEqualsIfExists" if perhaps and "StringEqualsIfExists" in _conditions(statement) else "StringEquals"


def _conditions(statement: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = statement.get("Condition", {})
    return found


def _sources(statement: dict[str, Any]) -> list[Any]:
    exactly = _conditions(statement).get(_operator(statement), {})
    return [value for key, value in exactly.items() if key.lower() in {"aws:sourceaccount", "aws:sourcearn"}]
