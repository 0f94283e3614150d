"""Currencies as files name them, and someone's own rates between them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from salaries.ingest.words import spelled, spellings

DOLLAR = "$"
"""The sign alone, which several currencies share; beside none of them it stands for US dollars."""
DOLLARS = frozenset({"USD", "CAD", "AUD", "NZD", "SGD", "HKD", "MXN", "ARS", "CLP", "COP"})


class FigureError(ValueError):
    """A figure that can't be read; its text is the reason of a reject."""


def one_currency(told: set[str]) -> str:
    """Return the code that all of `told` may stand for, "" for none; `DOLLAR` is any dollar.

    Raises:
        FigureError: they are several.
    """
    if len(told) < 2:
        return "".join(told)
    sure = told - {DOLLAR} if told - {DOLLAR} <= DOLLARS else told
    if len(sure) > 1:
        raise FigureError("its currency is not known")
    return "".join(sure)


def currency_of(text: str) -> str:
    """Return the code of a currency as a column or a header says it, such as `Euros (€)`.

    Raises:
        FigureError: it names none that is known, or several.
    """
    if sign := sign_of(text):
        return settled(sign)
    codes = set(re.findall(r"\b[A-Z]{3}\b", text))
    known = spellings("currency", "mapped")
    found = (
        codes if len(codes) == 1 else {known[part] for part in re.split(r"[\s()\[\]]+", spelled(text)) if part in known}
    )
    if not found:
        raise FigureError("its currency is not known")
    return settled(one_currency(found))


def settled(code: str) -> str:
    """Return `code`, with US dollars for a dollar of which nothing says more."""
    return "USD" if code == DOLLAR else code


def currencies_in(text: str) -> set[str]:
    """Return the codes, or `DOLLAR`, of all currencies whose sign, code or name of one word stands in a text."""
    known = spellings("currency", "mapped")
    return {known[part] for part in re.split(r"[\s\d.,:;/|()\[\]+–—-]+", spelled(text)) if part in known}


def sign_of(text: str) -> str:
    """Return the code that a sign, a code or a name stands for, "" when none is known: `CLT` is no currency."""
    return spellings("currency", "mapped").get(spelled(text), "")


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
