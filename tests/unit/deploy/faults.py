"""What can go wrong at one call to AWS, for `test_faults`: each kind at a chosen call of a deploy."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from opsctl.aws.errors import AwsError, AwsRefusedError
from opsctl.config.naming import lock_key
from opsctl.errors import BusyError

from .fakes import Operation
from .world import FOLDER, World

SERVICES = ("cloudformation", "s3", "ecr", "ecs", "logs")
# Far more than a deploy makes: whoever comes that far asks for ever.
_TOO_MANY = 3_000
_CREDENTIALS_SECONDS = 120.0


class Killed(BaseException):
    """The process is gone: nothing of it runs any more, and so raises every further call."""


class Stuck(BaseException):
    """The deploy asks and asks."""


@dataclass
class Call:
    """One call that is about to be served; `serve` serves it."""

    serve: Callable[[], Any]
    faulty: Faulty


class Faulty:
    """Counts the calls of all services of a world, and lets `fault` have the one with number `at`, from 1."""

    def __init__(self, world: World, at: int = 0, fault: Callable[[Call], Any] | None = None) -> None:
        self.world = world
        self.count = 0
        self.met = False
        self.names: list[str] = []
        self.dead: BaseException | None = None
        self.expired_until = 0.0
        self._at = at
        self._fault = fault
        self._apart = threading.local()  # what another deploy does meanwhile counts for nothing

    def serve(self, name: str, serve: Callable[[], Any]) -> Any:
        if getattr(self._apart, "on", False):
            return serve()
        if self.dead is not None:
            raise self.dead
        self.count += 1
        self.names.append(name)
        if self.count > _TOO_MANY:
            self.dead = Stuck(name)
            raise self.dead
        if self.world.clock() < self.expired_until:
            raise expired()
        if self.count == self._at and self._fault is not None:
            self.met = True
            return self._fault(Call(serve, self))
        return serve()

    def apart(self, work: Callable[[], Any]) -> Any:
        """Do something else in the account, as somebody else."""
        self._apart.on = True
        try:
            return work()
        finally:
            self._apart.on = False


class Service:
    """A fake whose calls go through `faulty`."""

    def __init__(self, fake: Any, name: str, faulty: Faulty) -> None:
        self._fake = fake
        self._name = name
        self._faulty = faulty

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._fake, name)
        if not callable(value) or name == "url":
            return value

        def call(*args: Any, **kwargs: Any) -> Any:
            def serve() -> Any:
                answer = value(*args, **kwargs)
                return iter(list(answer)) if isinstance(answer, Iterator) else answer

            return self._faulty.serve(f"{self._name}.{name}", serve)

        return call


def install(faulty: Faulty) -> None:
    """Put it between the world's deploys and its services."""
    for name in SERVICES:
        fake = getattr(faulty.world.aws, name)
        setattr(faulty.world.aws, name, Service(getattr(fake, "_fake", fake), name, faulty))


def remove(world: World) -> None:
    """Nothing goes wrong any more."""
    for name in SERVICES:
        setattr(world.aws, name, getattr(world.aws, name)._fake)


def expired() -> AwsRefusedError:
    return AwsRefusedError("AWS does not accept these credentials (ExpiredToken).", aws_code="ExpiredToken")


# -- the kinds ---------------------------------------------------------------------------------------------------------


def _killed_before(call: Call) -> Any:
    call.faulty.dead = Killed()
    raise call.faulty.dead


def _killed_after(call: Call) -> Any:
    call.serve()
    return _killed_before(call)


def _failing(make: Callable[[], AwsError], *, served: bool = False) -> Callable[[Call], Any]:
    def fault(call: Call) -> Any:
        if served:
            call.serve()
        raise make()

    return fault


def _expired(call: Call) -> Any:
    call.faulty.expired_until = call.faulty.world.clock() + _CREDENTIALS_SECONDS
    raise expired()


def _signal(number: signal.Signals, *, served: bool = False) -> Callable[[Call], Any]:
    """`served`: it comes when AWS has done the work, and the answer is lost to a caller in the main thread."""

    def fault(call: Call) -> Any:
        answer = call.serve() if served else None
        os.kill(os.getpid(), number)
        if threading.current_thread() is not threading.main_thread():
            time.sleep(0.02)  # in which the main thread hears it
        return answer if served else call.serve()

    return fault


def _hanging(call: Call) -> Any:
    call.faulty.world.clock.sleep(600)
    raise AwsError("AWS can't be reached: Read timeout.", aws_code="ReadTimeoutError")


def _clock_jumps(call: Call) -> Any:
    call.faulty.world.clock.sleep(3600)
    return call.serve()


def _second_deploy(call: Call) -> Any:
    def deploy() -> None:
        with suppress(BusyError):
            call.faulty.world.deploy()

    call.faulty.apart(deploy)
    return call.serve()


def _operation(create: str, update: str) -> Callable[[Call], Any]:
    """The next operation that CloudFormation begins ends like this."""

    def fault(call: Call) -> Any:
        script = call.faulty.world.aws.cloudformation.script
        for verb, end in (("CREATE", create), ("UPDATE", update)):
            failure = [("Topic", f"{verb}_FAILED", "no capacity")]
            script.setdefault(f"execute:{verb}", []).insert(0, Operation([f"{verb}_IN_PROGRESS", end], failure))
        return call.serve()

    return fault


KINDS: dict[str, Callable[[Call], Any]] = {
    "killed before": _killed_before,
    "killed after": _killed_after,
    "reset": _failing(lambda: AwsError("AWS can't be reached.", aws_code="ConnectionClosedError")),
    "lost answer": _failing(lambda: AwsError("AWS can't be reached.", aws_code="ReadTimeoutError"), served=True),
    "throttled": _failing(lambda: AwsError("AWS throttled it.", aws_code="Throttling", status=400)),
    "5xx": _failing(lambda: AwsError("It failed.", aws_code="InternalFailure", status=503)),
    "expired token": _expired,
    "denied": _failing(lambda: AwsRefusedError("AWS denied it.", aws_code="AccessDenied", status=403)),
    "SIGINT": _signal(signal.SIGINT),
    "SIGTERM": _signal(signal.SIGTERM, served=True),
    "SIGHUP": _signal(signal.SIGHUP),
    "hang": _hanging,
    "garbage": _failing(lambda: AwsError("What came is no answer of AWS.", aws_code="NotAws", status=200)),
    "clock jumps": _clock_jumps,
    "second deploy": _second_deploy,
    "resource failure": _operation("ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"),
    "stuck rollback": _operation("ROLLBACK_FAILED", "UPDATE_ROLLBACK_FAILED"),
}
KILLS = ("killed before", "killed after")


def bury(world: World) -> None:
    """The process that held the lock has ended, as a killed one has."""
    key = lock_key(FOLDER)
    stored = world.aws.s3.objects.get(key)
    if stored is not None and stored.notes:
        world.aws.s3.objects[key] = replace(stored, notes={**stored.notes, "holder-started": "0"})
