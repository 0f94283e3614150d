"""Lambda: calling a function and reading its answer."""

from __future__ import annotations

import json
from typing import Any

from opsctl.aws.errors import AwsError, translated


class Functions:
    """Calls of one region. Every method raises AwsError."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def invoke(self, name: str, event: dict[str, Any]) -> dict[str, Any]:
        """Call synchronously. Raises AwsError with the function's own message when it failed."""
        with translated():
            answer = self._client.invoke(FunctionName=name, Payload=json.dumps(event).encode())
            payload = json.loads(answer["Payload"].read() or b"null")
        if answer.get("FunctionError"):
            message = payload.get("errorMessage", "") if isinstance(payload, dict) else str(payload)
            raise AwsError(f"The function {name} failed: {message}", aws_code=str(answer["FunctionError"]))
        return payload if isinstance(payload, dict) else {"result": payload}
