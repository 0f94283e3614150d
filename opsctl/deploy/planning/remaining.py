"""How long a deploy still takes, from what is left of its work and how long such work took before.

Many possible futures are drawn, with durations as they were; what runs already is drawn among those that took longer
than it has so far. How far earlier predictions were off widens, or shifts, the answer. Pure: knows no clock, and the
same seed draws the same futures.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter

from opsctl.deploy.planning.history import History, quantile
from opsctl.deploy.planning.work import Item, Work

_FUTURES = 200
_TRIES = 12
# With fewer deploys nobody can tell what one of ten exceeds.
_ENOUGH = 9
# A length that was never seen is drawn around those that were; few of them tell less.
_SPREAD_OF_FEW = 0.5
_SLOW_SHARE = 0.95
_SLOW_ENOUGH = 5
_SLOW_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Left:
    """Seconds that are `likely` left, and those that nine of ten such deploys do not exceed. `earlier`: how many of
    this environment's deploys that is learned from; with 0 it is published experience alone.
    """

    likely: float
    at_most: float
    earlier: int


@dataclass(frozen=True, slots=True)
class Slow:
    """Something that takes longer than nearly all of its past."""

    name: str
    seconds: float
    earlier: int


class Remaining:
    """The work of one deploy as it goes on. Times are seconds of any one clock."""

    def __init__(self, work: Work, history: History, *, seed: int = 1) -> None:
        known = {name: tuple(other for other in item.after if other in work) for name, item in work.items()}
        self._order = tuple(TopologicalSorter(known).static_order())
        self._after = known
        self._work = work
        self._history = history
        self._seed = seed
        self._begun: dict[str, float] = {}
        self._ended: dict[str, float] = {}
        self._told: set[str] = set()

    def begin(self, name: str, at: float) -> None:
        """A piece of work begins; one that nobody expected is none."""
        if name in self._work:
            self._begun.setdefault(name, at)

    def fail(self, name: str) -> None:
        """It ended as nothing to learn from."""
        self._begun.pop(name, None)

    def end(self, name: str, at: float) -> None:
        """It has ended. The end of a step ends all of it."""
        if name in self._work:
            self._ended.setdefault(name, at)
            for other, item in self._work.items():
                if item.step == name and not (item.logical_id == "" and other == name):
                    self._ended.setdefault(other, at)

    @property
    def is_done(self) -> bool:
        """Whether nothing is left."""
        return len(self._ended) == len(self._work)

    def drawn(self, now: float) -> tuple[float, float]:
        """Median and ninetieth percentile of what is left as drawn, whatever earlier predictions were worth."""
        draw = random.Random(self._seed)
        ends = [self._future(draw, now) for _ in range(_FUTURES)]
        return quantile(ends, 0.5), quantile(ends, 0.9)

    def left(self, now: float) -> Left:
        """What is left at this moment."""
        likely, at_most = self.drawn(now)
        ratios = self._history.ratios
        if len(ratios) >= _ENOUGH:
            at_most = likely * quantile(ratios, 0.9)
        elif ratios:
            at_most = max(at_most, likely * max(ratios))
        if len(ratios) >= 3:
            likely *= quantile(ratios, 0.5)
        return Left(likely, max(likely, at_most), len(ratios))

    def _future(self, draw: random.Random, now: float) -> float:
        ends: dict[str, float] = {}
        for name in self._order:
            if name in self._ended:
                ends[name] = 0.0
                continue
            begins = max((ends[other] for other in self._after[name]), default=0.0)
            begun = self._begun.get(name)
            if not self._work[name].kind:  # the end of a stack, which takes no time by itself
                ends[name] = begins
            elif begun is None:
                ends[name] = begins + self._drawn(draw, self._work[name])
            else:
                ends[name] = max(begins, self._longer_than(draw, self._work[name], max(0.0, now - begun)))
        return max(ends.values(), default=0.0)

    def _drawn(self, draw: random.Random, item: Item) -> float:
        """One length that it might have."""
        known = self._history.of(item.kind)
        if not known:
            return item.seconds * math.exp(draw.gauss(0.0, item.spread))
        return draw.choice(known) * math.exp(draw.gauss(0.0, _SPREAD_OF_FEW / (1 + len(known))))

    def _longer_than(self, draw: random.Random, item: Item, so_far: float) -> float:
        """What is left of a length that exceeds what has passed; where none is so long, as much again by a tenth or
        half.
        """
        for _ in range(_TRIES):
            length = self._drawn(draw, item)
            if length > so_far:
                return length - so_far
        return so_far * draw.uniform(0.1, 0.5)

    def slow(self, now: float) -> list[Slow]:
        """Resources at work that are slower than nearly all of their past, each once."""
        found = []
        for name, begun in self._begun.items():
            item, known = self._work[name], self._history.of(self._work[name].kind)
            passed = now - begun
            if name in self._ended or name in self._told or not item.logical_id or len(known) < _SLOW_ENOUGH:
                continue
            if passed >= _SLOW_SECONDS and passed > quantile(known, _SLOW_SHARE):
                self._told.add(name)
                found.append(Slow(item.logical_id, passed, len(known)))
        return found

    def took(self) -> Mapping[str, list[float]]:
        """By kind, how long what was seen from its begin to its end took."""
        found: dict[str, list[float]] = {}
        for name, ended in self._ended.items():
            kind = self._work[name].kind
            if name in self._begun and kind:
                found.setdefault(kind, []).append(ended - self._begun[name])
        return found
