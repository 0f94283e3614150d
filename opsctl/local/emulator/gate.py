"""What stands before ministack: who may ask what, and the few questions that are opsctl's own to answer.

| path | who may |
|---|---|
| `/_opsctl/…` | opsctl, by a proof that is derived from the target's key |
| `/v2/…` of the registry | an engine, with ECR's login |
| `/v2/credentials/…` | a task, with the token that ECS gave it |
| `/v4/…`, `/_ministack/cfn-response/…` | who was told the random path: a task; a custom resource that is waited for |
| everything else | who signs it with a key of the target; a task's is good for what `rights` says |
"""

from __future__ import annotations

import base64
import hmac
import json
import re
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import replace

from opsctl.local.emulator.asgi import (
    BodyRoom,
    BodyTooLargeError,
    Receive,
    Scope,
    Send,
    headers_of,
    raw_path,
    read_body,
    with_body,
)
from opsctl.local.emulator.guard import refusal
from opsctl.local.emulator.names import IssuedNames
from opsctl.local.emulator.request import Request
from opsctl.local.emulator.rights import TaskRights
from opsctl.local.emulator.seams import Modules
from opsctl.local.emulator.signatures import Refusal, Verifier
from opsctl.local.keys import ANSWER_PROOF, Keys
from opsctl.local.state import Json
from opsctl.local.tasks.credentials import TaskCredentials

Answer = Callable[[Scope], Awaitable[tuple[int, Json]]]

# Whoever knows one was told. Nothing but the path gets through, so that nothing else is asked under its cover.
_TOLD = {"GET": re.compile(r"/v4/[\w-]{40,}(/\w+)*"), "PUT": re.compile(r"/_ministack/cfn-response/[0-9a-f-]{36}")}
_TOLD_BYTES = 1024 * 1024
# Without a code of its own: each service has its own word for it.
_NOT_A_TASKS = Refusal("", "A task of the local target may not ask this: docs/local.md says what it may.")
_HARMLESS = ("host", "content-length", "content-type")


class Gate:
    """An ASGI application in front of ministack's; `answer` is asked what stands under `/_opsctl/`."""

    def __init__(
        self,
        modules: Modules,
        keys: Keys,
        verifier: Verifier,
        tasks: TaskCredentials,
        names: IssuedNames,
        answer: Answer,
    ) -> None:
        self._app = modules.app
        self._awaited = modules.custom_resource._pending
        self._own = keys.own
        self._verifier = verifier
        self._rights = TaskRights(modules)
        self._tasks = tasks
        self._names = names
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = headers_of(scope)
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        elif reason := refusal(headers, self._names.answers):
            await self._app._send_response(send, 403, {"Content-Type": "text/plain"}, f"{reason}\n".encode())
        else:
            await self._admit(scope, headers, receive, send)

    async def _admit(self, scope: Scope, headers: dict[str, str], receive: Receive, send: Send) -> None:
        path, authorization = scope["path"], headers.get("authorization", "")
        if path.startswith("/_opsctl/"):
            asked = raw_path(scope) + (f"?{query}" if (query := scope["query_string"].decode("latin-1")) else "")
            known = self._own.proves(authorization, scope["method"], asked, time.time())
            status, value = await self._answer(scope) if known else _unknown()
            proof = self._own.answer_proof(authorization, _json(value)) if known else ""
            await self._send_json(send, status, value, {ANSWER_PROOF: proof})
        elif path.startswith("/v2/credentials/"):
            found = self._tasks.answer(path, authorization)
            await self._send_json(send, *((200, found) if found else _unknown()))
        elif self._app._is_ecr_registry_path(path):
            await self._admit_engine(scope, authorization, receive, send)
        elif self._was_told(scope["method"], path):
            await self._admit_told(scope, headers, receive, send)
        else:
            await self._admit_signed(scope, headers, receive, send)

    def _was_told(self, method: str, path: str) -> bool:
        found = _TOLD[method].fullmatch(path) if method in _TOLD else None
        return bool(found) and (method != "PUT" or path.rpartition("/")[2] in self._awaited)

    async def _admit_told(self, scope: Scope, headers: dict[str, str], receive: Receive, send: Send) -> None:
        raw = [(name, value) for name, value in scope["headers"] if name.decode("latin-1").lower() in _HARMLESS]
        try:
            with BodyRoom(_TOLD_BYTES).hold(headers, receive) as held:
                await self._app.app({**scope, "headers": raw, "query_string": b""}, held, send)
        except BodyTooLargeError:
            await self._send_json(send, 413, {"message": "Too large."})

    async def _admit_engine(self, scope: Scope, authorization: str, receive: Receive, send: Send) -> None:
        login = base64.b64encode(f"AWS:{self._own.registry_password}".encode()).decode()
        if _same(authorization, f"Basic {login}"):
            await self._app.app(scope, receive, send)
        else:
            error = {"code": "UNAUTHORIZED", "message": "authentication required"}
            await self._send_json(send, 401, {"errors": [error]}, {"WWW-Authenticate": 'Basic realm="opsctl local"'})

    async def _admit_signed(self, scope: Scope, headers: dict[str, str], receive: Receive, send: Send) -> None:
        raw_query = scope["query_string"].decode("utf-8", "replace")
        unread = Request(scope["method"], raw_path(scope), raw_query, headers, b"")
        if refused := self._verifier.refusal_unread(unread):
            await self._refuse(unread, scope["path"], refused, send)
            return
        body = await read_body(receive)
        if body is None:
            return
        request = replace(unread, body=body)
        if refused := self._verifier.refusal(request):
            await self._refuse(request, scope["path"], refused, send)
            return
        admitted, query = self._verifier.admitted(request)
        if self._verifier.is_of_task(request):
            asked = Request(request.method, request.raw_path, query, admitted, body)
            if not self._rights.allow(self._service_of(asked, scope["path"]), asked, scope["path"]):
                await self._refuse(asked, scope["path"], _NOT_A_TASKS, send)
                return
        raw = [(name.encode("latin-1"), value.encode()) for name, value in admitted.items()]
        await self._app.app({**scope, "headers": raw, "query_string": query.encode()}, with_body(body, receive), send)

    async def _refuse(self, request: Request, path: str, refused: Refusal, send: Send) -> None:
        """In the form of the service that was meant."""
        service = self._service_of(request, path)
        answer = self._app._credential_failure(service, "", str(uuid.uuid4()), refused, request.headers)
        await self._app._send_response(send, 403, *answer[1:])

    def _service_of(self, request: Request, path: str) -> str:
        parameters = self._app._routing_params(request.method, path, request.headers, request.body, request.query)
        return str(self._app.detect_service(request.method, path, request.headers, parameters))

    async def _send_json(self, send: Send, status: int, value: Json, headers: dict[str, str] | None = None) -> None:
        plain = {"Content-Type": "application/json", "Cache-Control": "no-store", **(headers or {})}
        await self._app._send_response(send, status, plain, _json(value))


def _json(value: Json) -> bytes:
    return json.dumps(value).encode()


def _unknown() -> tuple[int, Json]:
    return 403, {"message": "Not with what stands in Authorization."}


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode(), wanted.encode())
