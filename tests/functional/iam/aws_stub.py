"""As much of AWS as `opsctl db` asks about a deployed environment: outputs, sessions, and the DbInit function."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from opsctl.dbroles.handler import handler

SESSION_SECRET = "s3ssion-s3cret"


class FunctionContext:
    """Lambda's, of a function with all its time left."""

    def get_remaining_time_in_millis(self) -> int:
        return 120_000


_IDENTITY = b"""<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
<Arn>arn:aws:iam::123456789012:user/alice</Arn><UserId>AIDAALICE</UserId><Account>123456789012</Account>
</GetCallerIdentityResult></GetCallerIdentityResponse>"""


@dataclass
class AwsStub:
    """`requests` are the bodies of SSM calls by operation, in order."""

    url: str
    requests: list[tuple[str, Mapping[str, object]]] = field(default_factory=list)


@contextmanager
def serve_aws(stacks: Mapping[str, Mapping[str, str]]) -> Iterator[AwsStub]:
    """An endpoint with stacks of these outputs. The function runs here, with this process's environment."""
    stub = AwsStub("")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            operation = self.headers.get("X-Amz-Target", "").rpartition(".")[2]
            if self.path.endswith("/invocations"):
                self._reply(json.dumps(handler(json.loads(body), FunctionContext())).encode())
            elif operation:
                stub.requests.append((operation, json.loads(body)))
                self._reply(json.dumps(_session() if operation == "StartSession" else {}).encode())
            elif b"Action=GetCallerIdentity" in body:
                self._reply(_IDENTITY)
            else:
                self._reply(_stacks(stacks).encode())

        def _reply(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in the base class
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    stub.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield stub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _session() -> dict[str, str]:
    return {"SessionId": "alice-1", "TokenValue": SESSION_SECRET, "StreamUrl": "wss://session.example.com/alice-1"}


def _stacks(stacks: Mapping[str, Mapping[str, str]]) -> str:
    members = "".join(_stack(name, outputs) for name, outputs in stacks.items())
    return (
        '<DescribeStacksResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"><DescribeStacksResult>'
        f"<Stacks>{members}</Stacks></DescribeStacksResult></DescribeStacksResponse>"
    )


def _stack(name: str, outputs: Mapping[str, str]) -> str:
    members = "".join(
        f"<member><OutputKey>{key}</OutputKey><OutputValue>{value}</OutputValue></member>"
        for key, value in outputs.items()
    )
    return (
        f"<member><StackName>{name}</StackName>"
        f"<StackId>arn:aws:cloudformation:us-east-1:123456789012:stack/{name}/1</StackId>"
        "<CreationTime>2026-01-01T00:00:00Z</CreationTime><StackStatus>CREATE_COMPLETE</StackStatus>"
        f"<Outputs>{members}</Outputs></member>"
    )
