"""Who asks AWS, from where, and by which clock."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING
from urllib.request import getproxies

from opsctl.aws.errors import redirections
from opsctl.operate.doctor.finding import Finding

if TYPE_CHECKING:
    from opsctl.aws.session import Aws, Identity

# AWS refuses what is signed five minutes off; half of that is on the way there.
_CLOCK_WRONG, _CLOCK_WARNING = 300.0, 60.0
_SHORT = 30 * 60.0
_SECONDS = 5.0


def network(region: str) -> Finding:
    """Whether AWS's front door opens. Clients try for a minute before they say that it does not; this takes seconds.

    Behind a proxy, or where calls are sent elsewhere, only they can tell.
    """
    if redirections() or getproxies().get("https"):
        return Finding("network", "ok", "left to the proxy, or to the endpoint that is set")
    host = f"sts.{region}.amazonaws.com{'.cn' if region.startswith('cn-') else ''}"
    try:
        with socket.create_connection((host, 443), timeout=_SECONDS):
            return Finding("network", "ok", f"{host} can be reached")
    except OSError as error:
        why = error.strerror or str(error)
        todo = "See this machine's network; behind a proxy set HTTPS_PROXY."
        return Finding("network", "wrong", f"{host} can't be reached: {why}", todo)


def access(aws: Aws, identity: Identity, now: Callable[[], float] = time.time) -> Iterator[Finding]:
    """What the answer to `who am I` says."""
    yield Finding("credentials", "ok", f"account {identity.account_id}, {identity.arn}, region {aws.region}")
    yield from _lifetime(aws.credentials_end(), now())
    if identity.answered is not None:
        yield _clock(now() - identity.answered)
    for each in redirections():
        todo = "Unset it, unless an emulator of your own is meant."
        yield Finding("endpoint", "warning", f"{each} sends calls elsewhere than to AWS", todo)


def _lifetime(ends: float | None, now: float) -> Iterator[Finding]:
    if ends is not None and ends - now < _SHORT:
        minutes = max(0, int((ends - now) // 60))
        todo = "Sign in again before a deploy: a first one takes up to forty minutes."
        yield Finding("credentials", "warning", f"they end in {minutes} minutes", todo)


def _clock(ahead: float) -> Finding:
    seconds = abs(ahead)
    how = f"{seconds:.0f} seconds {'ahead of' if ahead > 0 else 'behind'} AWS's"
    todo = "Set this machine's clock (`timedatectl set-ntp true`; a virtual machine: that of its host)."
    if seconds >= _CLOCK_WRONG:
        return Finding("clock", "wrong", f"this machine's clock is {how}", todo)
    if seconds >= _CLOCK_WARNING:
        return Finding("clock", "warning", f"this machine's clock is {how}", todo)
    return Finding("clock", "ok", "right to the minute")
