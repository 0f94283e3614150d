"""Lambda: calling a function and reading its answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from opsctl.aws.errors import AwsError
from opsctl.aws.translation import translated

_WAKING_SECONDS = 5.0
_WAKING_QUESTIONS = 72


class Functions:
    """Calls of one region. Every method raises AwsError."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def wake(self, name: str, pause: Callable[[float], object]) -> None:
        """Have a function that sleeps attached to its VPC again: it takes no call before, which takes minutes.

        Lambda lets one sleep that was not called for weeks, and answers the next call by an error, which wakes it.
        `pause` waits a number of seconds. What can't be asked is left to the call itself.
        https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html
        """
        with suppress(AwsError):
            state = self._state(name)
            if state == "Inactive":
                with suppress(AwsError):
                    self.invoke(name, {"Action": "wake"})
            for _ in range(_WAKING_QUESTIONS):
                if state not in {"Inactive", "Pending"}:
                    return
                pause(_WAKING_SECONDS)
                state = self._state(name)

    def _state(self, name: str) -> str:
        with translated():
            return str(self._client.get_function_configuration(FunctionName=name).get("State", ""))

    def invoke(self, name: str, event: dict[str, Any]) -> dict[str, Any]:
        """Call synchronously. Raises AwsError with the function's own message when it failed."""
        with translated():
            answer = self._client.invoke(FunctionName=name, Payload=json.dumps(event).encode())
            payload = json.loads(answer["Payload"].read() or b"null")
        if answer.get("FunctionError"):
            message = payload.get("errorMessage", "") if isinstance(payload, dict) else str(payload)
            raise AwsError(f"The function {name} failed: {message}", aws_code=str(answer["FunctionError"]))
        return payload if isinstance(payload, dict) else {"result": payload}
