"""Session Manager: a port on this machine that leads through an instance to a private address."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from opsctl.aws.translation import translated

_DOCUMENT = "AWS-StartPortForwardingSessionToRemoteHost"


@dataclass(frozen=True, slots=True)
class ForwardSession:
    """An open session, as `session-manager-plugin` wants to be told of it. `response` holds a secret."""

    id: str
    response: str
    request: str
    region: str
    endpoint_url: str

    def __repr__(self) -> str:
        return f"ForwardSession({self.id})"


class Sessions:
    """Calls of one region. Every method raises AwsError."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def forward(self, instance: str, *, host: str, port: int, local_port: int) -> ForwardSession:
        """Open a session that leads from `local_port` of this machine through `instance` to `host`:`port`."""
        request = {
            "Target": instance,
            "DocumentName": _DOCUMENT,
            "Parameters": {"host": [host], "portNumber": [str(port)], "localPortNumber": [str(local_port)]},
        }
        with translated():
            answer = self._client.start_session(**request)
        wanted = {name: answer[name] for name in ("SessionId", "TokenValue", "StreamUrl")}
        meta = self._client.meta
        return ForwardSession(
            answer["SessionId"], json.dumps(wanted), json.dumps(request), meta.region_name, meta.endpoint_url
        )

    def end(self, session_id: str) -> None:
        """Close a session."""
        with translated():
            self._client.terminate_session(SessionId=session_id)
