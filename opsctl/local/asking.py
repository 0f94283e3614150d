"""Asking the emulator, over a plain socket: every command that needs it does so first, and most need nothing else.

Standard library and `opsctl.errors` only: `target` imports this on its fast path.
"""

from __future__ import annotations

import json
import socket
import time

from opsctl.local.keys import ANSWER_PROOF, AccessKey
from opsctl.local.ports import LOOPBACK
from opsctl.local.state import Json

_LONGEST_ANSWER = 16 * 1024 * 1024


def ask(port: int, method: str, path: str, key: AccessKey, timeout: float) -> Json:
    """One request to the emulator over a plain socket; `http.client` alone would cost more than the request.

    An answer counts when it proves that it comes from who has the key: anybody may sit at a port of loopback. All of it
    has to be here in `timeout` seconds, as nobody's drips may hold a command up.
    """
    if not key.secret:
        raise ValueError("it has no key")
    authorization = key.proof(method, path, int(time.time()))
    headers = f"Host: {LOOPBACK}:{port}\r\nAuthorization: {authorization}\r\nContent-Length: 0"
    request = f"{method} {path} HTTP/1.0\r\n{headers}\r\n\r\n"
    with socket.create_connection((LOOPBACK, port), timeout=timeout) as connection:
        connection.sendall(request.encode("ascii"))
        deadline, answer = time.monotonic() + timeout, bytearray()
        while chunk := connection.recv(65536):
            answer += chunk
            connection.settimeout(max(deadline - time.monotonic(), 0.001))
            if len(answer) > _LONGEST_ANSWER:
                raise ValueError("its answer has no end")
    head, _, body = bytes(answer).partition(b"\r\n\r\n")
    if b" 200" not in head.split(b"\r\n", 1)[0]:
        raise ValueError(head.split(b"\r\n", 1)[0].decode("latin-1") or "no answer")
    proof = f"\r\n{ANSWER_PROOF}: {key.answer_proof(authorization, body)}\r\n".lower().encode()
    if proof not in head.lower() + b"\r\n":
        raise ValueError("another program answers there")
    value = json.loads(body)
    if not isinstance(value, dict):
        raise ValueError("answer is not an object")  # noqa: TRY004  one error type for every unusable answer
    return value
