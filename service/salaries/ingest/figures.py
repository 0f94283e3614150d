"""Figures as people write them: `R$ 4.001`, `USD 85k`, `50k–75k`, `acima de 40.001`; and what they are a month.

Only sources with a mapping are read this way; other files follow the narrower rules of `rules.sql`.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import cache

from salaries.ingest.currencies import FigureError, one_currency, sign_of
from salaries.ingest.words import spelled, spellings

# 40 hours in each of 52 weeks.
HOURS_A_YEAR = 2080
MONTHS = 12
TO_MONTH: dict[str, tuple[int, int]] = {"month": (1, 1), "year": (1, MONTHS), "hour": (HOURS_A_YEAR, MONTHS)}
"""Period -> (times, divided by): what makes a figure of the period one of a month."""
FACTORS = f"a year's / {MONTHS}, an hour's × {HOURS_A_YEAR:,} / {MONTHS}"
TWO_READINGS = "can be read in two ways, with thousands or with decimals; its source needs 'decimal'"
BAND = "a range, no figure alone; its source needs 'band'"
_SEVERAL = "figures of several periods"
DOTTED = re.compile(r"[1-9]\d{0,2}[.]\d{3}")
_MIRRORED = re.compile(r"[1-9]\d{0,2},\d{3}")
_CENT = Decimal("0.01")
_MANY = 10_000  # thousands that nobody is paid
_MUCH = 100_000_000  # what no figure in lakhs or crores reaches: `5000 L` is none
_BLANK = r"[\s\u00a0\u2007\u2009\u202f'’]"
_BLANKS = re.compile(rf"{_BLANK}+")
_RUN = re.compile(rf"\d(?:[\d.,]|{_BLANK})*")
_GROUPED = re.compile(rf"\d{{1,3}}(?:{_BLANK}+\d{{3}})+(?:[.,]\d*)?")
_UNITS = {
    "k": 1000, "mil": 1000, "thousand": 1000, "lakh": 100_000, "lac": 100_000, "l": 100_000, "crore": 10_000_000,
    "cr": 10_000_000,
}  # fmt: skip
_FIGURE = re.compile(
    rf"(?P<before>[^\d\s.,+-]{{0,12}}(?:(?<=[^\W\d])[.])?)(?P<digits>[+-]?[\d.,]*\d)(?:(?P<unit>{'|'.join(_UNITS)})s?)?"
    r"(?P<after>[^\d\s.,]{0,12}?)[+]?",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"\d[\d.,]*\d|\d")
_BETWEEN = re.compile(r"\s*(?:[–—]|-(?=\s*[^\d]*\d)|(?<![.])\b(?:a|at[eé]|to|e|and)\b(?![.]))\s*", re.IGNORECASE)
_ABOVE = re.compile(r"^\s*(?:(?:acima|mais)\s+de|a\s+partir\s+de|above|over|more\s+than|from|>=?)\s*", re.IGNORECASE)
_BELOW = re.compile(r"^\s*(?:at[eé]|menos\s+de|abaixo\s+de|up\s+to|under|below|less\s+than|<=?)\s*", re.IGNORECASE)
_OR_MORE = re.compile(r"\s*\b(?:(?:or|and)\s+(?:more|above|over)|ou\s+mais|e\s+acima)\b", re.IGNORECASE)
_OR_LESS = re.compile(r"\s*\b(?:or\s+(?:less|below|under)|ou\s+menos)\b", re.IGNORECASE)
_LEAD = re.compile(r"^\s*(?:de|entre|between|from)\s+", re.IGNORECASE)
_TAIL = re.compile(
    r"(?P<how>\s*/\s*|\s+(?:per|por|an?|ao)\s+|\s+)(?P<word>[^\W\d]+)\.?\s*$|\s*\b(?P<short>p\.?\s?[amh]\.?)\s*$",
    re.IGNORECASE,
)
_SHORT = {"a": "year", "m": "month", "h": "hour"}
_LAKHS_A_YEAR = re.compile(r"\bLPA\b", re.IGNORECASE)
_APART = re.compile(r"[\s()\[\],.:;/'’+=]+")
_SIGNS = re.compile(r"([$€£¥₹₽₺])")
# What stands beside a figure and is none of it: a label before it, a note in brackets, shares or other pay behind it,
# and the dash that stands for no cents.
_LABEL = re.compile(r"^\s*([^\W\d][^\W\d\s]+(?:\s+[^\W\d]+)*)\s*:\s*")
_NOTE = re.compile(r"\(((?:[^()\d]|(?<=[^\W\d])\d(?=[^\W\d]))*)\)")
_SHARES = re.compile(r"\s[•|][^%]*%[^•|]*$")
_BESIDES = re.compile(r"\s*(?:[,;+]|\bplus\b)\s*([^\W\d][^\d+]*)$", re.IGNORECASE)
_NO_CENTS = re.compile(r"(?<=\d)[.,][-–—](?=\s|$)")


@dataclass(frozen=True)
class Figure:
    """A value, and the currency and the period that stand with it, if they do."""

    value: Decimal
    currency: str = ""
    period: str = ""


def read_figure(text: str, *, decimal: str, unit: int = 1) -> Figure:
    """Return the figure that `text` stands for.

    Args:
        text: such as `R$ 12.500,00`, `85k`, `$15 an hour` or `1 200`.
        decimal: "," or "."; "" when that is not known, so that a figure of two readings is refused.
        unit: what another figure of the same band is counted in, for one that says nothing of it.

    Raises:
        FigureError: it is none, or can be read in two ways.
    """
    bare, period = _bare(text)
    found = _FIGURE.fullmatch(_BLANKS.sub("", bare))
    if not found or not all(map(_is_one, _RUN.findall(bare))):
        raise FigureError("not a number")
    own, after = (found["unit"] or "").lower(), found["after"]
    if own and sign_of(own + after):
        # The k of 25 000 Kč is no thousand.
        own, after = "", own + after
    currencies = {sign_of(beside) for beside in (found["before"], after) if beside}
    if "" in currencies:
        raise FigureError("not a number")
    value = _value(found["digits"], decimal)
    if unit > 1 and not own and value >= _MANY:
        raise FigureError("too large for what its header counts in")
    value *= _UNITS[own] if own else unit
    if own and _UNITS[own] > 1000 and value >= _MUCH:
        raise FigureError("not a number")
    if value < 0:
        raise FigureError("negative figure")
    return Figure(value, one_currency(currencies), period)


def read_band(text: str, *, decimal: str, unit: int = 1) -> tuple[Figure | None, Figure | None]:
    """Return the least and the most of a band; None where it is open. A figure alone is both.

    Args:
        text: such as `R$ 4.001 a R$ 6.000`.
        decimal: as for `read_figure`.
        unit: what a figure that says nothing of it is counted in.

    Raises:
        FigureError: one of its figures can't be read, or it is no band.
    """
    bare, period = _bare(text)
    opening = _ABOVE.match(bare) or _BELOW.match(bare)
    above, below = _ABOVE.match(bare) or _OR_MORE.search(bare), _BELOW.match(bare) or _OR_LESS.search(bare)
    bare = _OR_LESS.sub("", _OR_MORE.sub("", bare))
    ends = _BETWEEN.split(bare[opening.end() :] if opening else _LEAD.sub("", bare))
    if not all(ends):
        raise FigureError("negative figure" if bare.startswith("-") else "not a band of figures")
    if len(ends) == 2 and not below:
        # In 50-75k both are thousands, in 900-1k one is.
        high = read_figure(ends[1], decimal=decimal, unit=unit)
        low = read_figure(ends[0], decimal=decimal, unit=unit)
        times = next((times for word, times in _UNITS.items() if re.search(rf"\d\s*{word}", ends[1], re.IGNORECASE)), 0)
        if low.value * (times or 1) <= high.value:
            low = read_figure(ends[0], decimal=decimal, unit=times or _short_for(low.value, high.value) * unit)
        if len({period, high.period, low.period} - {""}) > 1:
            raise FigureError(_SEVERAL)
        currency, period = low.currency or high.currency, period or high.period or low.period
        return Figure(low.value, currency, period), Figure(high.value, high.currency or currency, period)
    if len(ends) != 1:
        raise FigureError("not a band of figures")
    one = read_figure(ends[0], decimal=decimal, unit=unit)
    one = Figure(one.value, one.currency, period or one.period)
    return (None if below else one), (None if above or ends[0].endswith("+") else one)


def _short_for(low: Decimal, high: Decimal) -> int:
    """Return what the least of a band is counted in: in 10-20,000 it is thousands, as nobody means ten to 20,000.

    Raises:
        FigureError: 1-5,000 may be either.
    """
    if not 1 <= low < 1000 or low * 1000 >= high:
        return 1
    if low >= 10 and low * 4000 >= high:
        return 1000
    raise FigureError(TWO_READINGS)


@cache
def unit_of(header: str) -> int:
    """Return what a header says that its figures count: 1000 in `Base (in thousands)`, 100,000 in `CTC (LPA)`."""
    words = " ".join(_APART.split(_SIGNS.sub(r" \1 ", spelled(header)))).strip()
    found = {int(unit) for spelling, unit in spellings("unit", "mapped").items() if f" {spelling} " in f" {words} "}
    return found.pop() if len(found) == 1 else 1


def is_band(text: str) -> bool:
    """Tell whether `text` says a least or a most, and is no figure alone."""
    for decimal in (",", "."):
        with contextlib.suppress(FigureError):
            low, high = read_band(text, decimal=decimal)
            return low != high
    return False


def period_of(text: str) -> str:
    """Return the period that stands with a figure, or a band, "" when none does."""
    try:
        return _bare(text)[1]
    except FigureError:
        return ""


def _bare(text: str) -> tuple[str, str]:
    """Return a text without what is no figure, and the period that it names."""
    asides: list[str] = []

    def taken(found: re.Match[str]) -> str:
        asides.append(found[1])
        return ""

    text = _SHARES.sub("", _NOTE.sub(taken, _LABEL.sub(taken, text))).strip()
    text = _LAKHS_A_YEAR.sub("lakh per annum", _NO_CENTS.sub("", _BESIDES.sub(taken, text)))
    if not _NUMBER.search(text):
        return text, ""
    known = spellings("period", "mapped")
    said = {_said(aside) for aside in asides} - {""}
    periods = {known[each] for each in said if each in known}
    tail = _TAIL.search(text)
    if tail and (tail["short"] or tail["how"].strip() or spelled(tail["word"]) in known):
        text = text[: tail.start()].rstrip()
        periods.add(
            _SHORT[re.sub(r"\W", "", tail["short"])[1].lower()]
            if tail["short"]
            else known.get(spelled(tail["word"]), "")
        )
    if "" in periods:
        raise FigureError("the period of its figures is not known")
    if len(periods) > 1:
        raise FigureError(_SEVERAL)
    return " ".join([text, *(each for each in said if each not in known)]), "".join(periods)


def _said(aside: str) -> str:
    """Return the period or the currency that a label or a note names, "" when it says nothing that matters.

    Raises:
        FigureError: it says something else, which may well be that the figure is a day's.
    """
    idle = spellings("aside", "mapped")
    words = spelled(re.sub("[,;/+]", " ", aside)).split()
    said = " ".join(word for word in words if word.rstrip(".") not in idle)
    if said and said not in spellings("period", "mapped") and not sign_of(said):
        raise FigureError("what stands beside its figure is not known")
    return said


def a_month(value: Decimal, period: str) -> Decimal:
    """Return what `value` a `period` is a month, to the cent."""
    times, divided = TO_MONTH[period]
    return to_cent(value * times / divided) if times != divided else value


def to_cent(value: Decimal) -> Decimal:
    """Return `value` to the cent, halves away from zero."""
    return value.quantize(_CENT, ROUND_HALF_UP)


def plain(value: Decimal) -> str:
    """Return `value` as a plain decimal, as the rules of the dataset take it."""
    return f"{value:f}"


def _is_one(run: str) -> bool:
    """Tell whether what stands between blanks is one figure: `5 000` is, `5000 6000` and `12 5 00` are several."""
    run = run.rstrip(".,").rstrip()
    return not _BLANKS.search(run) or bool(_GROUPED.fullmatch(run))


def _value(digits: str, decimal: str) -> Decimal:
    body = digits.lstrip("+-")
    mark = decimal or sure_mark(body)
    if not mark:
        if DOTTED.fullmatch(body):
            raise FigureError(TWO_READINGS)
        mark = "."
    thousands = "," if mark == "." else "."
    whole, _, cents = body.partition(mark)
    # Lakhs are grouped by two digits above the thousands.
    group = re.escape(thousands)
    grouped = rf"\d*|\d{{1,3}}(?:{group}\d{{3}})+|\d{{1,2}}(?:{group}\d{{2}})+{group}\d{{3}}"
    if not re.fullmatch(grouped, whole) or not re.fullmatch(r"\d*", cents):
        raise FigureError("decimal comma" if mark == "." and "," in body else "not a number")
    if not whole and len(cents) > 2:
        # In Rs.5000 the dot is the abbreviation's.
        raise FigureError("not a number")
    value = Decimal(f"{whole.replace(thousands, '') or 0}{'.' if cents else ''}{cents}")
    return -value if digits.startswith("-") else value


def sure_marks(text: str) -> set[str]:
    """Return the marks before decimals that the figures of a text tell beyond doubt by themselves."""
    return {sure_mark(number) for number in _NUMBER.findall(text)} - {""}


def is_mirrored(text: str) -> bool:
    """Tell whether a figure of a text is as `12,500`: thousands, unless its file has commas before decimals."""
    return any(map(_MIRRORED.fullmatch, _NUMBER.findall(text)))


def have_two_readings(texts: list[str]) -> bool:
    """Tell whether a figure of a file can be read in two ways, and its others do not say in which."""
    numbers = [number for text in texts for number in _NUMBER.findall(text)]
    marks = {sure_mark(number) for number in numbers} - {""}
    return len(marks) != 1 and any(map(DOTTED.fullmatch, numbers))


def sure_mark(body: str) -> str:
    """Return the mark before decimals that a figure tells beyond doubt by itself, or ""."""
    marks = [char for char in body if char in ".,"]
    if len({*marks}) == 2:
        return marks[-1]
    if len(marks) > 1:
        return "," if marks[0] == "." else "."
    return marks[0] if marks and not re.fullmatch(r"[1-9]\d{0,2}[.,]\d{3}", body) else ""
