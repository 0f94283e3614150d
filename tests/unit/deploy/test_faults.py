"""Every kind of fault at the calls of a first deploy and of an update: no deploy hangs, and the next one mends all.

`make soak` kills and signals at every call and does all else at every fourth; otherwise a sample runs.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from opsctl import leaving
from opsctl.cli import interrupts
from opsctl.config.naming import lock_key
from opsctl.deploy import graph, lock
from opsctl.deploy.deployment import Deployment
from opsctl.deploy.planning.plan import Consent
from opsctl.deploy.stackrun.stream import Pace
from opsctl.errors import OpsctlError
from tests.soak import SAMPLED, WHOLE

from .bench import Detach
from .faults import KILLS, KINDS, Faulty, Killed, Stuck, bury, install, remove
from .world import FOLDER, SECOND, STACKS, World

pytestmark = SAMPLED

SCENARIOS = ("first", "update")
THIRD = "sha256:" + "3" * 64
AT_EVERY_CALL = (*KILLS, "SIGINT", "SIGTERM", "SIGHUP")
_SECONDS = 20  # of a cell, which takes a fraction of one


@dataclass
class Tally:
    """What came of all cells."""

    cells: int = 0
    stuck: list[str] = field(default_factory=list)
    tracebacks: list[str] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.cells} cells: {len(self.stuck)} stuck, {len(self.tracebacks)} tracebacks, {len(self.orphans)} "
            f"orphan locks, {len(self.unfinished)} unfinished"
        )


@pytest.fixture(scope="module")
def whole(request: pytest.FixtureRequest) -> Iterator[Tally]:
    """All cells of this run; printed when the last one has ended."""
    tally = Tally()
    yield tally
    manager: Any = request.config.pluginmanager.getplugin("capturemanager")
    with manager.global_and_fixture_disabled():
        sys.stderr.write(f"\n  {tally}")


@pytest.fixture(autouse=True)
def _one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Steps in one order, so that a number names the same call in each run; signals as the command hears them."""
    monkeypatch.setattr(graph, "ThreadPoolExecutor", lambda max_workers, **more: ThreadPoolExecutor(1, **more))
    monkeypatch.setattr(lock, "_ASK_SECONDS", 0.0)
    monkeypatch.setattr(leaving, "end_children", lambda: None)  # servers of other tests are children of this process
    monkeypatch.setattr(lock, "_RELEASE_PAUSES", (0.0, 0.0, 0.0))
    before = {number: signal.getsignal(number) for number in interrupts._SIGNALS}
    for number in before:
        signal.signal(number, interrupts._hear)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def prepared(scenario: str) -> World:
    """The world in which the deploy with the fault begins."""
    world = World()
    if scenario == "update":
        world.deploy()
        world.image.digest, world.image.migrations = SECOND, "m1 m2"
        world.stacks = tuple(replace(item, tags={"team": "two"}) for item in STACKS)
    return world


def deployment(world: World) -> Deployment:
    """A deploy whose waits move the world's clock."""
    work = world.deployment()
    work._detach = Detach(world.clock)
    work._pace = Pace(5.0, 3600.0)
    return work


def run(world: World) -> BaseException | None:
    """One deploy, and what ended it before its end."""
    interrupts._Heard.first = None
    try:
        work = deployment(world)
        work.execute(work.plan(), world.events.append, Consent(recreate_data=True))
    except BaseException as error:
        return error
    return None


def calls_of(scenario: str) -> int:
    """How many calls the deploy makes when nothing goes wrong."""
    world = prepared(scenario)
    faulty = Faulty(world)
    install(faulty)
    assert run(world) is None
    return faulty.count


CALLS = {scenario: calls_of(scenario) for scenario in SCENARIOS}


def numbers(scenario: str, kind: str) -> range:
    """At which calls this kind of fault is tried."""
    step = (1 if kind in AT_EVERY_CALL else 4) if WHOLE else (13 if kind in KILLS else 31)
    first = 1 + list(KINDS).index(kind) % step  # another phase for each kind
    return range(first, CALLS[scenario] + 1, step)


def _out_of_time(*_: object) -> None:
    raise Stuck("out of time")


def ended_badly(error: BaseException | None) -> bool:
    return error is not None and not isinstance(error, (OpsctlError, Killed, KeyboardInterrupt, Stuck))


def check(scenario: str, kind: str, at: int, tally: Tally) -> None:
    """One cell: the deploy with the fault, the next one, and the one after it."""
    name = f"{scenario}, {kind} at call {at}"
    world = prepared(scenario)
    faulty = Faulty(world, at, KINDS[kind])
    install(faulty)
    tally.cells += 1
    error = run(world)
    remove(world)
    assert faulty.met, f"{name}: the deploy made {faulty.count} calls only"
    held = lock_key(FOLDER) in world.aws.s3.objects
    if isinstance(error, Stuck):
        tally.stuck.append(name)
    if ended_badly(error):
        tally.tracebacks.append(f"{name}: {error!r}")
    if kind in KILLS or world.clock() < faulty.expired_until:  # without credentials nobody gives it back either
        bury(world)
    elif held:
        tally.orphans.append(f"{name}: {error!r}")
        world.aws.s3.objects.pop(lock_key(FOLDER))
    following = run(world)
    mark = len(world.aws.calls)
    after = run(world)
    if following is not None or after is not None or world.aws.calls[mark:]:
        tally.unfinished.append(f"{name}: {error!r}, {following!r}, {after!r}, {world.aws.calls[mark:]}")
    if lock_key(FOLDER) in world.aws.s3.objects:  # nothing was left to be done; a deploy that has work finds its way
        world.image.digest = THIRD
        if run(world) is not None or lock_key(FOLDER) in world.aws.s3.objects:
            tally.orphans.append(f"{name}: it blocks another deploy")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_whatever_goes_wrong_the_next_deploy_finishes_and_the_one_after_it_writes_nothing(
    scenario: str, kind: str, whole: Tally
) -> None:
    before = signal.signal(signal.SIGALRM, _out_of_time)
    found = Tally()
    try:
        for at in numbers(scenario, kind):
            signal.alarm(_SECONDS)
            check(scenario, kind, at, found)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
        whole.cells += found.cells
        for part in ("stuck", "tracebacks", "orphans", "unfinished"):
            getattr(whole, part).extend(getattr(found, part))
    assert found == Tally(found.cells)
