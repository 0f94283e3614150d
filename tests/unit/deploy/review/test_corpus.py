"""Pairs of templates with what a person who read AWS's documentation says of them; no label was taken from opsctl."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from opsctl.deploy.planning.compare import parse
from opsctl.deploy.planning.plan import StackPlan
from opsctl.deploy.planning.statuses import Action
from opsctl.deploy.review.changes import Changes, describe

FILES = sorted((Path(__file__).parent / "corpus").glob("*.yaml"))
CASES = [case for path in FILES for case in parse(path.read_text(encoding="utf-8"))["cases"]]


def pair(case: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Resources before and after, put together from what a case writes short."""
    if "rules" in case:
        made = [{"Group": _resource("AWS::EC2::SecurityGroup", SecurityGroupIngress=rules)} for rules in case["rules"]]
    elif "trust" in case:
        made = [{"Role": _resource("AWS::IAM::Role", AssumeRolePolicyDocument=_document(s))} for s in case["trust"]]
    elif "resource" in case:
        kind, key = case["resource"]
        made = [{"Thing": _resource(kind, **{key: _document(found)})} for found in case["statements"]]
    elif "statements" in case:
        made = [
            {"Role": _resource("AWS::IAM::Role", Policies=[{"PolicyName": "p", "PolicyDocument": _document(found)}])}
            for found in case["statements"]
        ]
    else:
        made = [case["before"], case["after"]]
    return made[0], made[1]


def _resource(kind: str, **properties: Any) -> dict[str, Any]:
    return {"Type": kind, "Properties": properties}


def _document(statements: list[dict[str, Any]]) -> dict[str, Any]:
    defaults = [{"Effect": "Allow", **({} if "NotResource" in each else {"Resource": "*"})} for each in statements]
    return {"Statement": [{**default, **each} for default, each in zip(defaults, statements, strict=True)]}


def described(case: dict[str, Any]) -> Changes:
    """What opsctl says of the pair."""
    values: dict[str, list[str | None]] = case.get("parameters", {})
    secret = {name: {"Type": "String", "NoEcho": True} for name in case.get("secret", ())}
    templates = [
        {"Resources": resources, "Conditions": case.get("conditions", {}), "Parameters": secret}
        for resources in pair(case)
    ]
    before = {name: old for name, (old, _) in values.items() if old is not None}
    after = {name: None if new == "?" else new for name, (_, new) in values.items()}
    return describe(templates[0], templates[1], before, after)


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_it_says_what_the_documentation_says(case: dict[str, Any]) -> None:
    found = described(case)
    named = {f"{each.logical_id}.{each.path}": each for each in found.properties}
    if "properties" in case:
        assert {name: each.effect for name, each in named.items()} == case["properties"]
        assert {name: each.cause for name, each in named.items() if each.cause} == case.get("causes", {})
        assert [each.logical_id for each in found.interruptions if each.interrupts] == case.get("interrupts", [])
        plan = StackPlan("app", "dev-app", "UPDATE_COMPLETE", Action.UPDATE, changes=found.resources,
                         interruptions=found.interruptions)  # fmt: skip
        assert [each.kind for each in plan.reasons] == case.get(
            "asks", ["interrupted" for _ in case.get("interrupts", [])]
        )
    for name, (before, after) in case.get("values", {}).items():
        assert (named[name].before, named[name].after) == (before, after)
    if "says" in case and not case["says"]:
        assert found.interruptions == ()
    elif "says" in case:
        assert any(case["says"] in each.text for each in found.interruptions)
    for direction in ("wider", "narrower"):
        rows = [f"{each.logical_id} {each.what}" for each in found.access if each.direction == direction]
        assert rows == case.get(direction, [])
    if "losses" in case or "properties" not in case:
        assert [f"{each.logical_id} {each.text}" for each in found.losses] == case.get("losses", [])


def test_nothing_of_a_secret_is_in_what_is_told() -> None:
    text = " ".join(str(described(case)) for case in CASES if "(secret)" in str(case.get("values", "")))
    assert text
    assert [
        word for word in ("old-and-secret", "new-and-secret", "hunter", "u:p@", "u:q@", "Value: p}") if word in text
    ] == []


def test_there_are_enough_pairs_and_none_twice() -> None:
    assert len({case["name"] for case in CASES}) == len(CASES) >= 60
