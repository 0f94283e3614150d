"""An instance that comes into a stack: the emulator's event loop goes on while its server is waited for."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from opsctl.local.emulator import imports
from tests.unit.local.ministack import Ministack

INSTANCE = "AWS::RDS::DBInstance"


class Stack:
    """ministack's way of an import: a coroutine that adopts without waiting for anything."""

    def __init__(self, failure: str = "") -> None:
        made = Ministack()
        self.modules = made.whole
        self.released = threading.Event()
        self.updated: list[str] = []
        self.failure = failure
        rds, stacks = self.modules.rds, self.modules.stacks
        rds._instances = {"old": {"DBInstanceIdentifier": "old", "DBSubnetGroup": {"DBSubnetGroupName": "g"}}}
        rds._subnet_groups, rds._ACTION_MAP = {}, {"ModifyDBInstance": None}
        self.modules.changesets._IMPORT_LOOKUPS = {}
        self.handlers = self.modules.provisioners._RESOURCE_HANDLERS
        self.handlers["AWS::RDS::DBSubnetGroup"] = {}
        self.handlers[INSTANCE]["update"] = self.update
        stacks._with_stack_tags = lambda kind, props, *_: props
        stacks._adopt_resource = lambda _id, _stack, _logical, _kind, identifier: ("old", identifier)

        async def deploy(*_: Any, imports: dict[str, Any]) -> None:
            stacks._with_stack_tags(INSTANCE, {"DBInstanceIdentifier": "old"}, None, "s", "i", "Db")
            stacks._adopt_resource("i", "s", "Db", INSTANCE, imports["Db"])

        self.modules.changesets._deploy_stack_async = deploy
        imports.install(self.modules, self.make_ready)

    def update(self, name: str, *_: Any) -> tuple[str, dict[str, Any]]:
        """Bring it to its template."""
        self.updated.append(name)
        return name, {}

    def make_ready(self, name: str) -> str:
        """Ends only when something else ran on the loop meanwhile."""
        assert name == "old"
        return self.failure if self.released.wait(3) else "the loop stood still"

    async def run(self) -> None:
        asyncio.get_running_loop().call_later(0, self.released.set)
        await self.modules.changesets._deploy_stack_async("s", "i", imports={"Db": {"DBInstanceIdentifier": "old"}})


def test_the_loop_goes_on_while_the_server_is_waited_for() -> None:
    stack = Stack()
    asyncio.run(stack.run())
    assert stack.updated == ["old"]


def test_a_server_that_does_not_run_fails_the_import_without_another_wait() -> None:
    stack = Stack("no room")
    with pytest.raises(ValueError, match="The local PostgreSQL does not run: no room"):
        asyncio.run(stack.run())
    assert stack.updated == []
