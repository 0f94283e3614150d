"""Who asks AWS, from where, and by which clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from opsctl.aws.errors import redirections
from opsctl.operate.doctor.finding import Finding

if TYPE_CHECKING:
    from opsctl.aws.session import Aws, Identity

# AWS refuses what is signed five minutes off; half of that is on the way there.
_CLOCK_WRONG, _CLOCK_WARNING = 300.0, 60.0
_SHORT = 30 * 60.0


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
