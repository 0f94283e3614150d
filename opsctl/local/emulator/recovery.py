"""Stack operations: keep them off the event loop, and settle the ones that a killed emulator left unfinished.

NOTE: ministack runs an operation in memory only, so a stack whose emulator was killed would say `..._IN_PROGRESS`
for ever. At the next start such an operation is rolled back by ministack's own roll-back, as if it had failed at
that moment; the next deploy then goes on from there as it would after any failure.
"""

from __future__ import annotations

import asyncio
import copy
import logging
from collections.abc import Callable
from typing import Any

from opsctl.local.emulator.seams import Modules
from opsctl.local.state import Json

logger = logging.getLogger("opsctl.recovery")

_BLOCKING_TYPES = frozenset({"AWS::ECS::Service", "AWS::RDS::DBInstance"})
_REASON = "The local emulator ended during this operation."
_PREVIOUS = "_opsctl_previous"
_ATTACHMENT = "AWS::SecretsManager::SecretTargetAttachment"


def run_blocking_types_off_the_loop(stacks: Any) -> None:
    """Types of ours wait (for a steady service, for PostgreSQL); the event loop must go on serving meanwhile."""
    runs_on_worker = stacks._runs_on_worker_thread
    stacks._runs_on_worker_thread = lambda name: name in _BLOCKING_TYPES or runs_on_worker(name)


def note_changes(ecs: Any, changed: Callable[[], None], logged: Callable[[], None]) -> None:
    """Tasks change, and log, without any request: those changes are worth a snapshot as well."""
    ecs._bump_task_version = _noting(ecs._bump_task_version, changed)
    ecs._emit_awslogs_event = _noting(ecs._emit_awslogs_event, logged)


def _noting(original: Callable[..., Any], note: Callable[[], None]) -> Callable[..., Any]:
    def noting(*arguments: Any) -> Any:
        note()
        return original(*arguments)

    return noting


class Recovery:
    """Works on ministack's store of stacks."""

    def __init__(self, modules: Modules) -> None:
        self._modules = modules
        self._stacks = modules.stacks
        self._records = modules.cloudformation._stacks
        self._scope = modules.responses.request_scope
        self._tasks: set[asyncio.Task[None]] = set()

    def install(self) -> None:
        """Remember on the stack what an update has to go back to."""
        deploy = self._stacks._deploy_stack_async

        async def remembering(stack_name: str, stack_id: str, *arguments: Any, **options: Any) -> None:
            stack = self._records.get(stack_name) or {}
            if options.get("is_update"):
                stack[_PREVIOUS] = copy.deepcopy(options.get("previous_stack"))
            try:
                await deploy(stack_name, stack_id, *arguments, **options)
            finally:
                stack.pop(_PREVIOUS, None)

        self._stacks._deploy_stack_async = remembering
        # Both have the function by an import of their own.
        self._modules.changesets._deploy_stack_async = self._modules.handlers._deploy_stack_async = remembering

    def busy(self) -> bool:
        """Whether a stack operation is running, so that its progress is worth writing."""
        return any(_running(stack.get("StackStatus", "")) for _key, stack in list(self._records.all_items()))

    def restate(self, db_id: str, attributes: Json) -> None:
        """Bring what stacks say of a DB instance in step with what it is after a start: attributes, the outputs that
        are made of them, and the login secret that is attached to it.

        Parameters of the stacks that use those outputs stay as they were, so that the next deploy sees what moved.
        """
        for (account, region, name), stack in list(self._records.all_items()):
            moved = _moved(stack, db_id, attributes)
            if not moved:
                continue
            logger.warning("Stack %s: %s of %s moved", name, ", ".join(key for _id, key in moved), db_id)
            outputs = self._template(stack).get("Outputs") or {}
            for output in stack.get("Outputs", []):
                told = (outputs.get(output["OutputKey"]) or {}).get("Value")
                source = told.get("Fn::GetAtt") if isinstance(told, dict) else None
                logical_id, key = (source.split(".", 1) if isinstance(source, str) else source) or ("", "")
                output["OutputValue"] = moved.get((logical_id, key), output["OutputValue"])
            with self._scope(account, region):
                self._attach_again(db_id)

    def _attach_again(self, db_id: str) -> None:
        attach = self._modules.provisioners._RESOURCE_HANDLERS[_ATTACHMENT]["update"]
        for (_account, _region, name), stack in list(self._records.all_items()):
            for record in (stack.get("_resources") or {}).values():
                props = record.get("Properties") or {}
                if record.get("ResourceType") == _ATTACHMENT and props.get("TargetId") == db_id:
                    attach(record["PhysicalResourceId"], props, props, name)

    def settle_interrupted_stacks(self) -> None:
        """Begin to roll back what was running; call it once, in the event loop, after the state was loaded."""
        for (account, region, name), stack in list(self._records.all_items()):
            status = stack.get("StackStatus", "")
            if _running(status):
                logger.warning("Stack %s was %s when the emulator ended", name, status)
                with self._scope(account, region):
                    # The task copies the context, and with it account and region.
                    task = asyncio.get_running_loop().create_task(self._settle(name, stack, status))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def _settle(self, name: str, stack: Json, status: str) -> None:
        if status == "DELETE_IN_PROGRESS":
            self._finish(name, stack, "DELETE_FAILED")
        elif status.endswith("_CLEANUP_IN_PROGRESS"):
            self._finish(name, stack, status.removesuffix("_CLEANUP_IN_PROGRESS"))
        else:
            try:
                await self._roll_back(name, stack)
            except Exception:
                logger.exception("Stack %s could not be rolled back", name)
                self._finish(
                    name, stack, "UPDATE_ROLLBACK_FAILED" if status.startswith("UPDATE") else "ROLLBACK_FAILED"
                )

    async def _roll_back(self, name: str, stack: Json) -> None:
        previous = stack.pop(_PREVIOUS, None)
        before = (previous or {}).get("_resources", {})
        touched = [each for each, record in stack.get("_resources", {}).items() if record != before.get(each)]
        operation = {
            "is_update": previous is not None,
            "previous_stack": previous,
            "created": touched,
            "template": self._template(stack),
            "param_values": stack.get("_resolved_params") or {},
            "stack_tags": stack.get("Tags") or [],
            "previous_tags": (previous or {}).get("Tags") or [],
        }
        await self._stacks._roll_back_operation(name, stack["StackId"], stack, operation, _REASON)

    def _template(self, stack: Json) -> Json:
        template = stack.get("_template")
        if template:
            return dict(template)
        parsed: Json = self._modules.handlers._parse_template(stack.get("_template_body") or "{}")
        return parsed

    def _finish(self, name: str, stack: Json, status: str) -> None:
        stack["StackStatus"], stack["StackStatusReason"] = status, _REASON
        kind = "AWS::CloudFormation::Stack"
        self._stacks._add_event(stack["StackId"], name, name, kind, status, _REASON, stack["StackId"])


def _moved(stack: Json, db_id: str, attributes: Json) -> dict[tuple[str, str], str]:
    """The attributes of this instance that differ, by logical id and name, taken over into the stack's record of it."""
    moved: dict[tuple[str, str], str] = {}
    for logical_id, record in (stack.get("_resources") or {}).items():
        if record.get("ResourceType") != "AWS::RDS::DBInstance" or record.get("PhysicalResourceId") != db_id:
            continue
        known = record.setdefault("Attributes", {})
        for key, value in attributes.items():
            if key in known and str(known[key]) != str(value):
                known[key] = value
                moved[logical_id, key] = str(value)
    return moved


def _running(status: str) -> bool:
    return status.endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS"
