"""Figures as people write them: `R$ 4.001`, `USD 85k`, `50k–75k`, `acima de 40.001`; and what they are a month.

Only sources with a mapping are read this way; other files follow the narrower rules of `rules.sql`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from salaries.ingest.words import spellings

# 40 hours in each of 52 weeks.
HOURS_A_YEAR = 2080
MONTHS = 12
TO_MONTH: dict[str, tuple[int, int]] = {"month": (1, 1), "year": (1, MONTHS), "hour": (HOURS_A_YEAR, MONTHS)}
"""Period -> (times, divided by): what makes a figure of the period one of a month."""
FACTORS = f"a year's / {MONTHS}, an hour's × {HOURS_A_YEAR:,} / {MONTHS}"
TWO_READINGS = "can be read in two ways, with thousands or with decimals; its source needs 'decimal'"
DOTTED = re.compile(r"[1-9]\d{0,2}[.]\d{3}")
_CENT = Decimal("0.01")
_BLANKS = re.compile(r"[\s\u00a0\u2007\u2009\u202f']+")
_FIGURE = re.compile(
    r"(?P<before>[^\d\s.,+-]{0,12})(?P<digits>[+-]?[\d.,]*\d)(?P<unit>k|mil|thousand)?(?P<after>[^\d\s.,]{0,12}?)[+]?",
    re.IGNORECASE,
)
_BETWEEN = re.compile(r"\s*(?:[–—]|-(?=\s*[^\d]*\d)|\b(?:a|at[eé]|to|e|and)\b)\s*", re.IGNORECASE)
_ABOVE = re.compile(r"^\s*(?:(?:acima|mais)\s+de|a\s+partir\s+de|above|over|more\s+than|from|>=?)\s*", re.IGNORECASE)
_BELOW = re.compile(r"^\s*(?:at[eé]|menos\s+de|abaixo\s+de|up\s+to|under|below|less\s+than|<=?)\s*", re.IGNORECASE)
_LEAD = re.compile(r"^\s*(?:de|entre|between|from)\s+", re.IGNORECASE)
_TAIL = re.compile(r"\s*(?:/|\bper\b|\bpor\b|\ba\b)\s*(?:m[eê]s|month|ano|year|yr|mo|hora|hour|h)\s*$", re.IGNORECASE)


class FigureError(ValueError):
    """A figure that can't be read; its text is the reason of a reject."""


@dataclass(frozen=True)
class Figure:
    """A value, and the currency that stands with it, if one does."""

    value: Decimal
    currency: str = ""


def read_figure(text: str, *, decimal: str, unit: str = "") -> Figure:
    """Return the figure that `text` stands for.

    Args:
        text: such as `R$ 12.500,00`, `85k` or `1 200`.
        decimal: "," or "."; "" when that is not known, so that a figure of two readings is refused.
        unit: what stands behind another figure of the same band, for one that has none of its own.

    Raises:
        FigureError: it is none, or can be read in two ways.
    """
    bare = _BLANKS.sub("", _TAIL.sub("", text))
    found = _FIGURE.fullmatch(bare)
    if not found:
        raise FigureError("not a number")
    currency = _currency(found["before"]) or _currency(found["after"])
    if not currency and (found["before"] or found["after"]):
        raise FigureError("not a number")
    value = _value(found["digits"], decimal)
    if found["unit"] or unit:
        value *= 1000
    if value < 0:
        raise FigureError("negative figure")
    return Figure(value, currency)


def read_band(text: str, *, decimal: str) -> tuple[Figure | None, Figure | None]:
    """Return the least and the most of a band; None where it is open.

    Raises:
        FigureError: one of its figures can't be read, or it is no band.
    """
    text = text.strip()
    if above := _ABOVE.match(text):
        ends = [part for part in _BETWEEN.split(text[above.end() :]) if part]
        if len(ends) == 1:
            return read_figure(ends[0], decimal=decimal), None
    elif below := _BELOW.match(text):
        return None, read_figure(text[below.end() :], decimal=decimal)
    ends = [part for part in _BETWEEN.split(_LEAD.sub("", text)) if part]
    if len(ends) == 1:
        one = read_figure(ends[0], decimal=decimal)
        return one, (None if ends[0].endswith("+") else one)
    if len(ends) != 2:
        raise FigureError("not a band of figures")
    # In 50-75k both are thousands.
    unit = "k" if re.search(r"\d\s*(k|mil)\b", ends[1], re.IGNORECASE) and not re.search(r"\d{4}", ends[0]) else ""
    low = read_figure(ends[0], decimal=decimal, unit=unit)
    high = read_figure(ends[1], decimal=decimal)
    return Figure(low.value, low.currency or high.currency), Figure(high.value, high.currency or low.currency)


def a_month(value: Decimal, period: str) -> Decimal:
    """Return what `value` a `period` is a month, to the cent."""
    times, divided = TO_MONTH[period]
    return to_cent(value * times / divided) if times != divided else value


def to_cent(value: Decimal) -> Decimal:
    """Return `value` to the cent, halves away from zero."""
    return value.quantize(_CENT, ROUND_HALF_UP)


@dataclass(frozen=True)
class Rates:
    """Someone's own rates: how much of the currency `to` one unit of another was worth, by day (`YYYY-MM-DD`)."""

    to: str
    by_currency: dict[str, dict[str, Decimal]]

    def on(self, currency: str, day: str) -> tuple[Decimal, str]:
        """Return the rate of a day, which is the last one before it, and the day that rate is of.

        The newest counts for a row without a day.

        Raises:
            FigureError: there is none.
        """
        known = self.by_currency.get(currency, {})
        wanted = day_of(day) if day else "9999"
        before = [each for each in known if each <= wanted]
        if not before:
            raise FigureError("no rate for its currency and day")
        return known[max(before)], max(before)


def day_of(text: str) -> str:
    """Return a date of a row as `YYYY-MM-DD`, "" when it is none; the rules judge it later."""
    if re.match(r"\d{4}-\d{2}-\d{2}", text):
        return text[:10]
    if found := re.fullmatch(r"(\d{1,2})/(\d{1,2})/(\d{4})", text):
        return f"{found[3]}-{int(found[2]):02}-{int(found[1]):02}"
    return ""


def plain(value: Decimal) -> str:
    """Return `value` as a plain decimal, as the rules of the dataset take it."""
    return f"{value:f}"


def _currency(text: str) -> str:
    return spellings("currency", "mapped").get(text.lower(), "") if text else ""


def _value(digits: str, decimal: str) -> Decimal:
    body = digits.lstrip("+-")
    mark = decimal or sure_mark(body)
    if not mark:
        if DOTTED.fullmatch(body):
            raise FigureError(TWO_READINGS)
        mark = "."
    thousands = "," if mark == "." else "."
    whole, _, cents = body.partition(mark)
    grouped = rf"\d*|\d{{1,3}}(?:{re.escape(thousands)}\d{{3}})+"
    if not re.fullmatch(grouped, whole) or not re.fullmatch(r"\d*", cents):
        raise FigureError("decimal comma" if mark == "." and "," in body else "not a number")
    value = Decimal(f"{whole.replace(thousands, '') or 0}{'.' if cents else ''}{cents}")
    return -value if digits.startswith("-") else value


def sure_mark(body: str) -> str:
    """Return the mark before decimals that a figure tells beyond doubt by itself, or ""."""
    marks = [char for char in body if char in ".,"]
    if len({*marks}) == 2:
        return marks[-1]
    if len(marks) > 1:
        return "," if marks[0] == "." else "."
    return marks[0] if marks and not re.fullmatch(r"[1-9]\d{0,2}[.,]\d{3}", body) else ""
