"""Several first deploys at once: one does the work, the others follow it and say who is at it.

`make soak` lets eight meet fifty times, otherwise three times.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from opsctl.deploy import lock
from opsctl.deploy.planning.plan import Consent
from opsctl.deploy.stackrun import runner
from opsctl.errors import BusyError
from tests.soak import SAMPLED, rounds

from .bench import Clock
from .world import STACKS, World

AT_ONCE = 8


class Serial:
    """A fake of AWS that several threads use: each call is served whole, as AWS serves it."""

    def __init__(self, fake: Any, guard: Any) -> None:
        self._fake = fake
        self._guard = guard

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._fake, name)
        if not callable(value):
            return value

        def call(*args: Any, **kwargs: Any) -> Any:
            with self._guard:
                answer = value(*args, **kwargs)
                return iter(list(answer)) if isinstance(answer, Iterator) else answer

        return call


class Now(Clock):
    """The real time: threads wait for each other."""

    def __call__(self) -> float:
        return time.time()


@dataclass
class Outcomes:
    """How each of the deploys ended."""

    done: int = 0
    busy: list[str] = field(default_factory=list)
    others: list[BaseException] = field(default_factory=list)


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "_OVERTAKEN_SECONDS", 0.01)
    monkeypatch.setattr(runner, "_UNKNOWN_SECONDS", 0.2)
    monkeypatch.setattr(lock, "_ASK_SECONDS", 0.01)


def crowded() -> World:
    world = World(clock=Now())
    guard = threading.RLock()
    for name in ("cloudformation", "s3", "ecr", "ecs"):
        setattr(world.aws, name, Serial(getattr(world.aws, name), guard))
    return world


def meet(world: World, *, wait_seconds: float = 0.0) -> Outcomes:
    """All plan before any of them begins."""
    works = [world.deployment(wait_seconds=wait_seconds) for _ in range(AT_ONCE)]
    plans = [work.plan() for work in works]
    start, outcomes, guard = threading.Barrier(AT_ONCE), Outcomes(), threading.Lock()

    def run(index: int) -> None:
        start.wait()
        try:
            works[index].execute(plans[index], lambda _: None, Consent())
        except BusyError as error:
            with guard:
                outcomes.busy.append(error.message)
        except BaseException as error:
            with guard:
                outcomes.others.append(error)
        else:
            with guard:
                outcomes.done += 1

    threads = [threading.Thread(target=run, args=(index,), daemon=True) for index in range(AT_ONCE)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(60)
    assert not any(each.is_alive() for each in threads), "a deploy is stuck"
    return outcomes


def settled(world: World) -> None:
    """Each stack was made once, no lock stays, and another deploy has nothing to do."""
    made = Counter(name for call, name in world.aws.calls if call == "execute_change_set")
    assert made == dict.fromkeys((item.physical_name for item in STACKS), 1)
    assert not [key for key in world.aws.s3.objects if key.startswith("locks/")]
    assert world.deployment().plan().is_empty


@pytest.mark.parametrize("turn", [pytest.param(each, marks=SAMPLED) for each in range(rounds(sample=3, whole=50))])
def test_of_eight_first_deploys_one_does_it_and_the_others_name_it(turn: int) -> None:
    world = crowded()
    outcomes = meet(world)
    assert outcomes.others == []
    assert outcomes.done >= 1
    assert outcomes.done + len(outcomes.busy) == AT_ONCE
    assert all("ann@host (opsctl deploy) since" in message for message in outcomes.busy)
    settled(world)


@pytest.mark.parametrize("turn", [pytest.param(each, marks=SAMPLED) for each in range(rounds(sample=1, whole=10))])
def test_those_that_wait_all_end_well_and_do_nothing_twice(turn: int) -> None:
    world = crowded()
    outcomes = meet(world, wait_seconds=600)
    assert (outcomes.others, outcomes.busy, outcomes.done) == ([], [], AT_ONCE)
    settled(world)
