"""Another user of this machine, who reaches loopback as everybody does."""

from __future__ import annotations

import http.client
import multiprocessing
import os
import pwd
from collections.abc import Callable, Mapping
from typing import Any


def as_stranger(attempt: Callable[[], Any]) -> Any:
    """What `attempt` returns when nobody makes it. Only root can become somebody else: others try as themselves, and
    then must not read files.
    """
    fork = multiprocessing.get_context("fork")
    receiver, sender = fork.Pipe(duplex=False)
    child = fork.Process(target=_attempt, args=(sender, attempt))
    child.start()
    sender.close()
    try:
        result, failure = receiver.recv()
    finally:
        child.join()
    if failure:
        raise failure
    return result


def _attempt(sender: Any, attempt: Callable[[], Any]) -> None:
    if os.geteuid() == 0:
        user = pwd.getpwnam("nobody")
        os.setgroups([])
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)
    try:
        sender.send((attempt(), None))
    except Exception as error:
        sender.send((None, error))


def status(address: str, method: str, path: str, headers: Mapping[str, str] | None = None) -> int:
    """The status of an answer."""
    connection = http.client.HTTPConnection(address, timeout=10)
    try:
        connection.request(method, path, headers=headers or {})
        return connection.getresponse().status
    finally:
        connection.close()
