"""Registering resource types that ministack lacks."""

from __future__ import annotations

from typing import Any

from opsctl.local.emulator.resources import RECORD_ONLY, ResourceTypes
from tests.unit.local.ministack import Ministack


def registered(known: dict[str, Any] | None = None) -> tuple[dict[str, Any], tuple[str, ...]]:
    handlers = dict(known or {})
    ministack = Ministack()
    ministack.modules["services.cloudformation.provisioners"]._RESOURCE_HANDLERS = handlers

    names = ResourceTypes(ministack.whole).install()
    return handlers, names


def test_it_registers_every_type_with_all_three_operations() -> None:
    handlers, names = registered()

    assert set(RECORD_ONLY) < set(names) == set(handlers)
    assert all({"create", "update", "delete"} <= set(handler) for handler in handlers.values())


def test_it_leaves_a_type_alone_that_ministack_has() -> None:
    mine = {"create": object()}

    handlers, names = registered({"AWS::EC2::EIP": mine})

    assert handlers["AWS::EC2::EIP"] is mine
    assert "AWS::EC2::EIP" not in names


def test_it_answers_the_ref_of_a_scalable_target_as_aws_does() -> None:
    handlers, _ = registered()
    props = {"ResourceId": "service/c/s", "ScalableDimension": "ecs:service:DesiredCount", "ServiceNamespace": "ecs"}

    found = handlers["AWS::ApplicationAutoScaling::ScalableTarget"]["create"]("Target", props, "stack")

    assert found[0] == "service/c/s|ecs:service:DesiredCount|ecs"


def test_it_updates_a_recorded_type_in_place() -> None:
    handlers, _ = registered()
    handler = handlers["AWS::GuardDuty::Detector"]
    physical_id, _attributes = handler["create"]("Detector", {"Enable": True}, "stack")

    assert handler["update"](physical_id, {"Enable": True}, {"Enable": False}, "stack", "Detector")[0] == physical_id


def test_it_says_what_each_recorded_type_does_not_do() -> None:
    assert all(RECORD_ONLY.values())
