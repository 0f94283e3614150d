"""Two sets of IAM statements by what they allow, not by how they are written.

Order, one string or a list of one, and what a wildcard covers make no difference. A statement that other statements
cover only together counts as new: it is called wider rather than missed.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal

from opsctl.deploy.review.conditions import Condition, conditions_of, implied
from opsctl.deploy.review.values import is_intrinsic, render

# Characters of two patterns that are compared sign by sign, within Python's depth of calls.
_MOST = 600

Direction = Literal["wider", "narrower"]


@dataclass(frozen=True, slots=True)
class Names:
    """Patterns, or with `but` everything except them."""

    items: tuple[str, ...]
    but: bool = False

    def __str__(self) -> str:
        return ("all but " if self.but else "") + ", ".join(self.items)

    def folded(self) -> Names:
        """Without upper case: actions know none."""
        return Names(tuple(item.lower() for item in self.items), self.but)

    def single(self) -> Iterator[Names]:
        """In parts that are compared on their own."""
        if self.but:
            yield self
        else:
            yield from (Names((item,)) for item in self.items)


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement. `principals` is empty in a policy of a role or person."""

    effect: str
    principals: Names
    actions: Names
    resources: Names
    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """What of a statement is new or gone. `why` says what else there is to it."""

    direction: Direction
    statement: Statement
    why: str = ""


def statements_of(document: Any) -> tuple[Statement, ...]:
    """The statements of a policy document, also of one that is JSON in a string. One that can't be read is opaque."""
    if isinstance(document, str):
        try:
            document = json.loads(document)
        except ValueError:
            document = {"Fn::Text": document}
    if is_intrinsic(document) or not isinstance(document, dict):
        return (_opaque(document),)
    found = document.get("Statement", [])
    items = found if isinstance(found, list) else [found]
    return tuple(_opaque(item) if is_intrinsic(item) else _statement(item) for item in items if isinstance(item, dict))


def compare(before: Sequence[Statement], after: Sequence[Statement]) -> Iterator[Finding]:
    """What gets wider, then what gets narrower."""
    for statement in after:
        if statement.effect != "Deny" and (new := _uncovered(statement, before)) and not _denied(new, after):
            yield Finding("wider", new, _why(new, before, "now without", "with other conditions than before"))
    for statement in before:
        if statement.effect != "Allow" and (gone := _uncovered(statement, after)):
            yield Finding("wider", gone, _why(gone, after, "denied now only with", "denied with other conditions"))
    for statement in before:
        if statement.effect == "Allow" and (gone := _uncovered(statement, after)):
            yield Finding("narrower", gone, _why(gone, after, "now only with", "with other conditions now"))
    for statement in after:
        if statement.effect == "Deny" and (new := _uncovered(statement, before)):
            yield Finding("narrower", new, _why(new, before, "denied now without", "denied with other conditions"))


def _opaque(content: Any) -> Statement:
    """What nobody can read before it is deployed: the same as itself alone; it may allow, and may deny."""
    return Statement("Perhaps", Names(()), Names((f"what {render(content)} says",)), Names(("*",)))


def _statement(item: dict[str, Any]) -> Statement:
    return Statement(
        effect=render(item.get("Effect", "Allow")),
        principals=_principals(item),
        actions=_names(item, "Action"),
        resources=_names(item, "Resource"),
        conditions=conditions_of(item.get("Condition", {})),
    )


def _names(item: dict[str, Any], key: str) -> Names:
    """`Action` or `NotAction`; in a trust policy, and where it is left out, the resource is what has the policy."""
    if f"Not{key}" in item:
        return Names(_texts(item[f"Not{key}"]), but=True)
    return Names(_texts(item.get(key, "*")))


def _texts(value: Any) -> tuple[str, ...]:
    items = value if isinstance(value, list) else [value]
    return tuple(dict.fromkeys(render(item) for item in items))


def _principals(item: dict[str, Any]) -> Names:
    but = "NotPrincipal" in item
    found = item.get("NotPrincipal" if but else "Principal")
    if found is None:
        return Names(())
    if not isinstance(found, dict) or is_intrinsic(found):
        return Names((render(found),), but)
    names = [
        name if kind == "AWS" else f"{kind} {name}" for kind, value in found.items() for name in _texts(value)
    ]  # fmt: skip
    return Names(tuple(names), but)


def _uncovered(statement: Statement, others: Sequence[Statement]) -> Statement | None:
    """What of the statement none of the others says; None when they say all of it."""
    same = [other for other in others if other.effect == statement.effect]
    if statement in same:
        return None
    whose = [*statement.principals.single()] or [statement.principals]
    parts = itertools.product(whose, statement.actions.single(), statement.resources.single())
    left = [
        part for part in parts
        if not any(_covers(other, replace(statement, principals=part[0], actions=part[1], resources=part[2]))
                   for other in same)
    ]  # fmt: skip
    if not left:
        return None
    principals, actions, resources = (_joined([part[index] for part in left]) for index in range(3))
    return replace(statement, principals=principals, actions=actions, resources=resources)


def _joined(parts: Sequence[Names]) -> Names:
    return Names(tuple(dict.fromkeys(item for part in parts for item in part.items)), parts[0].but)


def _covers(outer: Statement, inner: Statement, *, whatever: bool = False) -> bool:
    """Whether `outer` says all that `inner` says; `whatever` the conditions."""
    names = (
        _includes(outer.actions.folded(), inner.actions.folded())
        and _includes(outer.resources, inner.resources)
        and _includes(outer.principals, inner.principals, _denies if inner.effect == "Deny" else _lets)
    )
    return names and (whatever or all(implied(each, inner.conditions) for each in outer.conditions))


def _denied(new: Statement, after: Sequence[Statement]) -> bool:
    """Whether a statement without conditions denies all of it."""
    return any(other.effect == "Deny" and not other.conditions and _covers(other, new) for other in after)


def _why(part: Statement, others: Sequence[Statement], fewer: str, other: str) -> str:
    """Which conditions make the difference, where nothing else does."""
    alike = [each for each in others if each.effect == part.effect and _covers(each, part, whatever=True)]
    if not alike:
        return ""
    mine, theirs = set(part.conditions), set(alike[0].conditions)
    lacks, has = theirs - mine, mine - theirs
    if lacks and not has:
        return f"{fewer} {'; '.join(sorted(map(str, lacks)))}"
    return f"{other}: {'; '.join(sorted(map(str, lacks)))}"


def _includes(outer: Names, inner: Names, covers: Any = None) -> bool:
    """Whether `outer` holds all that `inner` does."""
    covers = covers or matches
    if not outer.items and not inner.items:
        return True
    if not outer.but and not inner.but:
        return all(any(covers(one, other) for one in outer.items) for other in inner.items)
    if outer.but and not inner.but:
        return not any(_meet(one, other) for one in outer.items for other in inner.items)
    if outer.but:
        return all(any(covers(other, one) for other in inner.items) for one in outer.items)
    return "*" in outer.items


_ACCOUNT = re.compile(r"(?:arn:[^:]+:iam::)?(\d{12}|\$\{AWS::AccountId\})(?::root)?")


def _lets(outer: str, inner: str) -> bool:
    """Whether whom `inner` lets, `outer` lets too.

    An account lets its own policies say who of it may; a role or user of it that is named needs none of them.
    https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html
    """
    one, other = _ACCOUNT.fullmatch(outer), _ACCOUNT.fullmatch(inner)
    return outer in {"*", inner} or (one is not None and other is not None and one[1] == other[1])


def _denies(outer: str, inner: str) -> bool:
    """Whether `outer` denies whom `inner` denies: an account stands for all who belong to it."""
    account = _ACCOUNT.fullmatch(outer)
    return _lets(outer, inner) or (account is not None and f":{account[1]}:" in inner and inner.startswith("arn:"))


@lru_cache(maxsize=4096)
def _pattern(text: str) -> re.Pattern[str]:
    parts = (".*" if sign == "*" else "[^*]" if sign == "?" else re.escape(sign) for sign in text)
    return re.compile("".join(parts), re.DOTALL)


def matches(outer: str, inner: str) -> bool:
    """Whether the pattern `outer` takes everything that the pattern `inner` takes. `*` and `?` are wildcards."""
    if outer in {"*", inner}:
        return True
    return ("*" in outer or "?" in outer) and _pattern(outer).fullmatch(inner) is not None


@lru_cache(maxsize=65536)
def _meet(one: str, other: str) -> bool:
    """Whether two patterns have something in common; of very long ones it is supposed."""
    if len(one) + len(other) > _MOST:
        return True
    if not one or not other:
        return not (one or other).strip("*")
    if one[0] == "*":
        return _meet(one[1:], other) or _meet(one, other[1:])
    if other[0] == "*":
        return _meet(one, other[1:]) or _meet(one[1:], other)
    return (one[0] == other[0] or "?" in {one[0], other[0]}) and _meet(one[1:], other[1:])
