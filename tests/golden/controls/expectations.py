"""What a place in a template is expected to hold, as values that can be printed, checked and mutated.

Each says whether a value is right, which parts of it that depends on, and what would be wrong there. "Wrong" follows
from the type (see `wrong.py`), or, for a bound or a prohibition, from the bound or what is prohibited.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.golden.controls.tree import ABSENT, Location, read
from tests.golden.controls.wrong import wrong_values


class Expectation:
    """Base: the whole value counts, and what is wrong follows from its type."""

    def holds(self, value: Any) -> bool:
        """Whether `value` (ABSENT when the place is empty) is right."""
        raise NotImplementedError

    def parts(self, value: Any) -> Iterable[Location]:
        """Places inside a right value that must neither be removed nor set wrong."""
        return ((),)

    def wrong(self, value: Any, part: Location) -> Iterable[Any]:
        """Values that must not stand at `part` of a right value."""
        return wrong_values(read(value, part))

    def needed(self, part: Location) -> bool:
        """Whether what stands at `part` must not be removed."""
        return True


@dataclass(frozen=True)
class equals(Expectation):  # noqa: N801  # reads as a word in the tables
    """Exactly this."""

    wanted: Any

    def holds(self, value: Any) -> bool:
        return type(value) is type(self.wanted) and bool(value == self.wanted)


@dataclass(frozen=True)
class one_of(Expectation):  # noqa: N801
    """One of a few values."""

    wanted: tuple[Any, ...]

    def holds(self, value: Any) -> bool:
        return value in self.wanted


@dataclass(frozen=True)
class none_of(Expectation):  # noqa: N801
    """Said, and none of these."""

    refused: tuple[Any, ...]

    def holds(self, value: Any) -> bool:
        return value is not ABSENT and value not in self.refused

    def wrong(self, value: Any, part: Location) -> Iterable[Any]:
        return self.refused


@dataclass(frozen=True)
class at_least(Expectation):  # noqa: N801
    """A number not below the bound."""

    bound: int

    def holds(self, value: Any) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and value >= self.bound

    def wrong(self, value: Any, part: Location) -> Iterable[Any]:
        return (self.bound - 1, str(value))


@dataclass(frozen=True)
class at_most(Expectation):  # noqa: N801
    """A number above zero and not beyond the bound."""

    bound: int

    def holds(self, value: Any) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= self.bound

    def wrong(self, value: Any, part: Location) -> Iterable[Any]:
        return (self.bound + 1, 0)


@dataclass(frozen=True)
class absent(Expectation):  # noqa: N801
    """Nothing there."""

    def holds(self, value: Any) -> bool:
        return value is ABSENT

    def wrong(self, value: Any, part: Location) -> Iterable[Any]:
        return ("planted", True)


@dataclass(frozen=True)
class text(Expectation):  # noqa: N801
    """Words, not only blanks."""

    def holds(self, value: Any) -> bool:
        return isinstance(value, str) and bool(value.strip())

    def wrong(self, value: Any, part: Location) -> Iterable[Any]:
        return ("", " ", None)


@dataclass(frozen=True)
class matches(Expectation):  # noqa: N801
    """Text, or the target of a reference, in which the pattern is found."""

    pattern: str

    def holds(self, value: Any) -> bool:
        if isinstance(value, dict) and len(value) == 1:
            value = next(iter(value.values()))
        return isinstance(value, str) and re.search(self.pattern, value, re.DOTALL) is not None


@dataclass(frozen=True)
class lacks(Expectation):  # noqa: N801
    """Text in which the pattern is not found; `example` is one in which it is."""

    pattern: str
    example: str

    def holds(self, value: Any) -> bool:
        return isinstance(value, str) and re.search(self.pattern, value) is None

    def wrong(self, value: Any, part: Location) -> Iterable[Any]:
        return (self.example,)


@dataclass(frozen=True)
class contains(Expectation):  # noqa: N801
    """A list with at least these items. An item that is a mapping may hold more keys than are named."""

    items: tuple[Any, ...]

    def holds(self, value: Any) -> bool:
        return isinstance(value, list) and all(self._index(value, item) is not None for item in self.items)

    def parts(self, value: Any) -> Iterable[Location]:
        for item in self.items:
            index = self._index(value, item)
            assert index is not None
            yield (index,)
            if isinstance(item, dict):
                yield from ((index, key) for key in item)

    def wrong(self, value: Any, part: Location) -> Iterable[Any]:
        return () if isinstance(read(value, part), dict) else wrong_values(read(value, part))

    @staticmethod
    def _index(value: list[Any], wanted: Any) -> int | None:
        for index, item in enumerate(value):
            same = item == wanted
            if isinstance(wanted, dict) and isinstance(item, dict):
                same = all(item.get(key, ABSENT) == each for key, each in wanted.items())
            if same:
                return index
        return None


@dataclass(frozen=True)
class items(Expectation):  # noqa: N801
    """A list of at least so many different items."""

    number: int

    def holds(self, value: Any) -> bool:
        return isinstance(value, list) and len({repr(item) for item in value}) >= self.number

    def wrong(self, value: Any, part: Location) -> Iterable[Any]:
        return (value[: self.number - 1], [value[0]] * len(value), [])


@dataclass(frozen=True)
class only(Expectation):  # noqa: N801
    """A list, perhaps not there, with none but these items."""

    allowed: tuple[Any, ...]

    def holds(self, value: Any) -> bool:
        return value is ABSENT or (isinstance(value, list) and all(item in self.allowed for item in value))

    def wrong(self, value: Any, part: Location) -> Iterable[Any]:
        return ([*([] if value is ABSENT else value), "planted"], ["planted"])

    def needed(self, part: Location) -> bool:
        return False


@dataclass(frozen=True)
class never_mentions(Expectation):  # noqa: N801
    """A tree in which no key and no value holds the word."""

    word: str

    def holds(self, value: Any) -> bool:
        return not any(self.word in str(leaf) for leaf in _leaves(value))

    def wrong(self, value: Any, part: Location) -> Iterable[Any]:
        return ({**value, "Planted": {"Fn::GetAtt": ["Vpc", self.word]}},)


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    else:
        yield value
