"""A custom resource whose function ended without an answer fails at once, with what the function ended of.

CloudFormation waits for the answer until the resource's time-out, and says no more than that it did not come: an
answer is all that it knows of a function. Here the emulator runs the function itself, so it knows; and where it could
not (a full disk, no more processes) there is nothing to wait for.
"""

from __future__ import annotations

import logging
import re
import tempfile
from typing import Any

from opsctl.local.emulator.seams import Modules
from opsctl.local.state import Json

_FULL = re.compile(r"(No space left on device|Disk quota exceeded)$")

logger = logging.getLogger("opsctl.functions")


def install(modules: Modules) -> None:
    """Answer for functions that did not."""
    lambda_svc, custom_resource = modules.lambda_svc, modules.custom_resource
    execute = lambda_svc._execute_function_with_config_scope

    def execute_and_answer(func: Json, event: Json) -> Any:
        token = str(event.get("ResponseURL", "")).rpartition("/")[2]
        try:
            result = execute(func, event)
        except Exception as error:
            _answer(custom_resource, token, event, f"{type(error).__name__}: {error}")
            raise
        if isinstance(result, dict) and result.get("error"):
            _answer(custom_resource, token, event, _said(result.get("body")))
        return result

    lambda_svc._execute_function_with_config_scope = execute_and_answer


def _answer(custom_resource: Any, token: str, event: Json, said: str) -> None:
    """Fail the resource that still waits for the answer with this token, if one does."""
    entry = custom_resource._pending.get(token)
    if entry is None or entry["result"] is not None:
        return
    if _FULL.search(said):  # no place is named when writing fails, and this is where functions' code is unpacked
        said += f": {tempfile.gettempdir()}"
    logger.error("%s: its function ended without an answer: %s", event.get("LogicalResourceId"), said)
    custom_resource.deliver_response(
        token, {"Status": "FAILED", "Reason": f"its function ended without an answer: {said}"}
    )


def _said(body: Any) -> str:
    """`OSError: [Errno 28] No space left on device`: what Lambda's error document tells."""
    if not isinstance(body, dict):
        return str(body)
    kind, message = str(body.get("errorType", "")), str(body.get("errorMessage", ""))
    return ": ".join(filter(None, (kind, message))) or "no reason given"
