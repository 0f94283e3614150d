"""Free loopback ports, kept from one start to the next so that URLs stay the same."""

from __future__ import annotations

import random
import socket
from collections.abc import Collection

from opsctl.errors import OpsctlError

LOOPBACK = "127.0.0.1"
# Below every common ephemeral range (Linux starts at 32768), so that no outgoing connection sits on a kept port.
_RANGE = range(20000, 32000)


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Whether a server could listen on `port` now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def registry(emulator: int) -> str:
    """The address at which the emulated ECR's registry answers: the emulator's own."""
    return f"{LOOPBACK}:{emulator}"


def choose(preferred: int | None, taken: Collection[int] = ()) -> int:
    """`preferred` when it is free, else another free port that is not in `taken`."""
    if preferred and preferred not in taken and is_free(preferred):
        return preferred
    for port in random.sample(_RANGE, 200):
        if port not in taken and is_free(port):
            return port
    raise OpsctlError(
        f"None of 200 ports tried between {_RANGE.start} and {_RANGE.stop} on {LOOPBACK} is free.",
        code="no-free-port",
        hint="Stop other local servers and try again.",
    )
