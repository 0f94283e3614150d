"""How the rows of one source are read: which header stands for which column, and what its words and figures mean.

A mapping is part of a source in the list of sources. It turns a row of the file into one of the dataset's own columns
before the rules judge it, so the rules know nothing of mappings.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain
from typing import NamedTuple

from salaries.ingest.columns import ALIASES, MONEY_COLUMNS, PAID
from salaries.ingest.currencies import FigureError, Rates, currency_of, one_currency, settled
from salaries.ingest.figures import (
    BAND,
    TWO_READINGS,
    Figure,
    a_month,
    is_band,
    is_mirrored,
    plain,
    read_band,
    read_figure,
    sure_marks,
    to_cent,
    unit_of,
)
from salaries.ingest.words import MISSING, spelled, spellings

MAPPED_HEADER = (*ALIASES, "paid", "problem_value")
"""The columns of a mapped record; `paid` has those of `PAID`, as the canonical file has them."""
SEPARATOR = "\x1f"
"""What stands before each field of a record."""
_WORDED = ("level", "work_model", "country", "currency")


class Batch(NamedTuple):
    """Records one after another, as UTF-8, and the number of the line on which each begins."""

    numbers: Sequence[int]
    texts: list[bytes]


@dataclass(frozen=True)
class Choice:
    """Where a value comes from: the first of some headers that is not blank, or a constant.

    `part` counts the pieces of the text between commas from 1; 0 takes all of it.
    """

    headers: tuple[str, ...] = ()
    constant: str = ""
    part: int = 0


@dataclass(frozen=True)
class Mapping:
    """What a source says of its rows; see docs/dataset.md for each key."""

    columns: dict[str, Choice] = field(default_factory=dict)
    values: dict[str, dict[str, str]] = field(default_factory=dict)
    defaults: dict[str, str] = field(default_factory=dict)
    period: Choice | None = None
    decimal: str = ""
    band: Choice | None = None
    several: str = ""  # the column that may hold several values
    several_separator: str = ";"
    several_each: bool = False
    skip_rows: int = 0
    sheet: str | int = 0
    rates: Rates | None = None
    only: dict[str, frozenset[str]] = field(default_factory=dict)

    @property
    def headers(self) -> frozenset[str]:
        """Return every header that is read, as headers are compared."""
        choices = [*self.columns.values(), *filter(None, (self.period, self.band))]
        return frozenset([name for choice in choices for name in choice.headers] + list(self.only))

    @property
    def keeps_figures(self) -> bool:
        """Tell whether the figures may become others, so that those of the file are kept beside them."""
        return self.rates is not None or (self.period is not None and self.period != Choice(constant="month"))

    def chosen(self, header: tuple[str, ...]) -> dict[str, Choice]:
        """Return what each column is read from: what the mapping says, else the aliases that are not taken."""
        taken = self.headers
        figures = bool(self.band) or any(name in self.columns for name in MONEY_COLUMNS)
        found = dict(self.columns)
        for name, aliases in ALIASES.items():
            if name not in found and not (figures and name in MONEY_COLUMNS):
                found[name] = Choice(tuple(alias for alias in aliases if alias in header and alias not in taken))
        return found


class MappedRows:
    """The rows of one file as a mapping reads them.

    `left_out` counts those that its filter took away, `timeless` those of whose figures nothing says the period.
    """

    def __init__(self, mapping: Mapping, header: tuple[str, ...], rows: Iterable[Batch], *, decimal: str = "") -> None:
        self._mapping = mapping
        self._places = {name: at for at, name in reversed(list(enumerate(header)))}
        self._width = len(header)
        self._rows = rows
        self._chosen = mapping.chosen(header)
        self._words = {name: self._spellings(name) for name in ALIASES}
        self._units = {name: _unit(self._chosen.get(name)) for name in MONEY_COLUMNS}
        self._band_unit = _unit(mapping.band)
        self._decimal = decimal or mapping.decimal
        self.left_out = self.timeless = 0

    def __iter__(self) -> Iterator[Batch]:
        """Yield the records; their fields are those of `MAPPED_HEADER`."""
        for batch in self._rows:
            texts = map(bytes.decode, batch.texts)
            found = [
                (at, record) for at, text in zip(batch.numbers, texts, strict=True) for record in self._records(text)
            ]
            yield Batch([at for at, _ in found], [record.encode() for _, record in found])

    def _records(self, text: str) -> Iterator[str]:
        problem, *fields = text.split(SEPARATOR)
        if not problem and any(field.strip() for field in fields[self._width :]):
            problem = "more fields than the header"
        if problem:
            yield _record(problem, {})
        elif self._wanted(fields):
            for values in self._split(self._texts(fields)):
                yield self._mapped(values, fields)
        else:
            self.left_out += 1

    def mark(self) -> str:
        """Return the mark before decimals that the file's figures tell beyond doubt, or ""."""
        choices = [*(self._chosen.get(name) for name in MONEY_COLUMNS), self._mapping.band]
        marks = set()
        for text in chain.from_iterable(batch.texts for batch in self._rows):
            fields = text.decode().split(SEPARATOR)[1:]
            for choice in choices:
                marks |= sure_marks(self._value(choice, fields))
        return marks.pop() if len(marks) == 1 else ""

    def _spellings(self, name: str) -> dict[str, str]:
        known = spellings(name, "mapped") if name in _WORDED else {}
        return known | {spelled(text): word for text, word in self._mapping.values.get(name, {}).items()}

    def _value(self, choice: Choice | None, fields: list[str]) -> str:
        for name in choice.headers if choice else ():
            at = self._places.get(name, len(fields))
            text = fields[at].strip() if at < len(fields) else ""
            if choice and choice.part:
                text = (text.split(",") + [""] * choice.part)[choice.part - 1].strip()
            if text and text.lower() not in MISSING:
                return text
        return choice.constant if choice else ""

    def _wanted(self, fields: list[str]) -> bool:
        return all(
            spelled(self._value(Choice((name,)), fields)) in wanted for name, wanted in self._mapping.only.items()
        )

    def _texts(self, fields: list[str]) -> dict[str, str]:
        values = {}
        for name, choice in self._chosen.items():
            text = self._value(choice, fields) or self._mapping.defaults.get(name, "")
            words = self._words[name]
            values[name] = words.get(spelled(text), text) if words and text else text
        return values

    def _split(self, values: dict[str, str]) -> list[dict[str, str]]:
        name = self._mapping.several
        if not name:
            return [values]
        parts = [part.strip() for part in values[name].split(self._mapping.several_separator) if part.strip()] or [""]
        words = self._words[name]
        each = parts if self._mapping.several_each else parts[:1]
        return [values | {name: words.get(spelled(part), part)} for part in each]

    def _mapped(self, values: dict[str, str], fields: list[str]) -> str:
        if _sums_up(values["role"]):
            return _record("a total of other rows", values | {"problem_value": values["role"]})
        try:
            return _record("", values | self._figures(values, fields))
        except _RefusedError as refused:
            return _record(refused.reason, values | {"problem_value": refused.text})

    def _figures(self, values: dict[str, str], fields: list[str]) -> dict[str, str]:
        figures: dict[str, Figure | None] = {}
        for name in MONEY_COLUMNS:
            figures[name] = self._figure(values.get(name, ""), self._units[name])
        if band := self._value(self._mapping.band, fields):
            self._check(band)
            try:
                figures["base_salary_min"], figures["base_salary_max"] = read_band(
                    band, decimal=self._decimal, unit=self._band_unit
                )
            except FigureError as error:
                raise _RefusedError(str(error), band) from error
        said = [each for each in figures.values() if each]
        if said and not any(each.value for each in said):
            # Who has no figure to show often writes 0.
            raise _RefusedError("no salary figure", "0")
        currency = self._currency(values.get("currency", ""), said)
        period = self._period(fields, said)
        found = {"currency": currency, **{name: plain(each.value) if each else "" for name, each in figures.items()}}
        if not self._mapping.keeps_figures and period == "month":
            return found
        paid = {paid: found[name] for paid, name in zip(PAID[2:5], MONEY_COLUMNS, strict=True)}
        paid |= {"paid_period": period, "paid_currency": currency}
        months = {name: a_month(each.value, period) for name, each in figures.items() if each}
        if (rates := self._mapping.rates) and currency.upper() != rates.to:
            try:
                rate, day = rates.on(currency.upper(), values.get("observed_at", ""))
            except FigureError as error:
                raise _RefusedError(str(error), f"{currency} {values.get('observed_at', '')}".strip()) from error
            months = {name: to_cent(value * rate) for name, value in months.items()}
            found["currency"] = rates.to
            paid |= {"paid_rate": plain(rate), "paid_rate_day": day}
        return (
            found
            | {name: plain(value) for name, value in months.items()}
            | {"paid": ",".join(paid.get(name, "") for name in PAID)}
        )

    def _figure(self, text: str, unit: int) -> Figure | None:
        if not text:
            return None
        self._check(text)
        try:
            return read_figure(text, decimal=self._decimal, unit=unit)
        except FigureError as error:
            raise _RefusedError(BAND if is_band(text) else str(error), text) from error

    def _check(self, text: str) -> None:
        """Refuse `12,500` where only the file's other figures, not its source, say that commas are before decimals."""
        if self._decimal == "," and not self._mapping.decimal and is_mirrored(text):
            raise _RefusedError(TWO_READINGS, text)

    def _currency(self, told: str, figures: list[Figure]) -> str:
        try:
            told = currency_of(told) if told else ""
        except FigureError as error:
            raise _RefusedError(str(error), told) from error
        known = {each.currency for each in figures if each.currency} | ({told} if told else set())
        try:
            found = one_currency(known)
        except FigureError as error:
            raise _RefusedError("figures in another currency than the row's", " ".join(sorted(known))) from error
        return settled(found)

    def _period(self, fields: list[str], figures: list[Figure]) -> str:
        """Return what time the figures are for: what stands with them counts more than what the source says."""
        told = {each.period for each in figures if each.period}
        if len(told) > 1:
            raise _RefusedError("figures of several periods", " ".join(sorted(told)))
        if told:
            return told.pop()
        if self._mapping.period is None:
            self.timeless += 1
            return "month"
        text = self._value(self._mapping.period, fields)
        words = spellings("period", "mapped") | {
            spelled(word): period for word, period in self._mapping.values.get("period", {}).items()
        }
        if (period := words.get(spelled(text))) is None:
            raise _RefusedError("the period of its figures is not known", text)
        return period


class _RefusedError(Exception):
    """A row that can't be mapped: why, and the text that is wrong."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(reason)
        self.reason, self.text = reason, text


@lru_cache(maxsize=10_000)
def _sums_up(role: str) -> bool:
    """Tell whether a row stands for others, as `Total` does."""
    return spelled(role) in spellings("role", "mapped")


def _unit(choice: Choice | None) -> int:
    """Return what the figures of a column are counted in, by its header."""
    found = {unit_of(name) for name in choice.headers} if choice else set()
    return found.pop() if len(found) == 1 else 1


def _record(problem: str, values: dict[str, str]) -> str:
    return SEPARATOR.join([problem, *(values.get(name, "") for name in MAPPED_HEADER)])
