"""Which events an update of the emulator's CloudFormation has."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from opsctl.local.emulator.corrections import _what_an_update_leaves_alone_has_no_events


def update(*resources: tuple[str, dict[str, str], dict[str, str]], fails: str = "") -> list[tuple[str, str]]:
    """Update resources of a stack as ministack does, name, properties before and after; answers name and status of
    each event.
    """
    told: list[tuple[str, str]] = []
    in_work: list[list[tuple[str, str]]] = []

    def add(_id: str, _stack: str, logical_id: str, _type: str, status: str, *_more: str) -> None:
        told.append((logical_id, status))

    def change(*_arguments: Any) -> tuple[str, dict[str, str]]:
        in_work.append(list(told))
        return "id", {}

    stacks = SimpleNamespace(_add_event=add, _update_resource=change)
    _what_an_update_leaves_alone_has_no_events(stacks)
    stacks._add_event("arn", "app", "app", "AWS::CloudFormation::Stack", "UPDATE_IN_PROGRESS")
    for name, before, after in resources:
        stacks._add_event("arn", "app", name, "AWS::SNS::Topic", "UPDATE_IN_PROGRESS")
        stacks._update_resource("AWS::SNS::Topic", "id", before, after, "app", name, {})
        if before != after:
            assert (name, "UPDATE_IN_PROGRESS") in in_work[-1]  # told before the work, which may take minutes
        ended = "UPDATE_FAILED" if name == fails else "UPDATE_COMPLETE"
        stacks._add_event("arn", "app", name, "AWS::SNS::Topic", ended)
    stacks._add_event("arn", "app", "app", "AWS::CloudFormation::Stack", "UPDATE_COMPLETE")
    return [event for event in told if event[0] != "app"]


def test_only_what_an_update_changes_has_events() -> None:
    assert update(("Same", {"a": "1"}, {"a": "1"}), ("Other", {"a": "1"}, {"a": "2"})) == [
        ("Other", "UPDATE_IN_PROGRESS"), ("Other", "UPDATE_COMPLETE"),
    ]  # fmt: skip


def test_what_fails_is_told_whether_it_changed_or_not() -> None:
    for after in ("1", "2"):
        assert update(("One", {"a": "1"}, {"a": after}), fails="One") == [
            ("One", "UPDATE_IN_PROGRESS"), ("One", "UPDATE_FAILED"),
        ]  # fmt: skip
