"""The keys by which a source in the list of sources says how its rows are read, checked one by one."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from salaries.ingest.columns import ALIASES
from salaries.ingest.currencies import Rates
from salaries.ingest.errors import IngestError
from salaries.ingest.figures import TO_MONTH
from salaries.ingest.mapping import Choice, Mapping
from salaries.ingest.words import folded, spelled

MAPPING_KEYS = (
    "preset", "columns", "values", "defaults", "period", "currency", "decimal", "band", "multiple", "skip_rows",
    "sheet", "filter", "rates",
)  # fmt: skip
_COLUMNS = tuple(ALIASES)
ASKED = "?"
"""Stands in a proposal for what nothing in the file says; a source that still holds it is refused."""


@cache
def presets() -> dict[str, dict[str, Any]]:
    """Return name -> keys of the mappings that people can name."""
    document: dict[str, dict[str, Any]] = json.loads(
        (Path(__file__).parent / "presets.json").read_text(encoding="utf-8")
    )
    return document


def mapping_of(entry: dict[str, Any], name: str) -> Mapping | None:
    """Return what the entry of source `name` says of its rows, or None when it says nothing.

    Raises:
        IngestError: a key does not hold what it should.
    """
    keys = {key: entry[key] for key in MAPPING_KEYS if key in entry}
    if not keys:
        return None
    if still := asked(keys):
        raise IngestError(
            f"Source {name!r}: {still[0]!r} is still {ASKED!r}; nothing in the file says it, so write what is true."
        )
    try:
        return _mapping(_with_preset(keys), name)
    except _WrongKeyError as error:
        raise IngestError(f"Source {name!r}: {error}.") from error


def asked(keys: dict[str, Any]) -> list[str]:
    """Return the keys that are still to be answered, such as `period` or `defaults.country`."""
    found = []
    for key, value in keys.items():
        if value == ASKED:
            found.append(key)
        elif isinstance(value, dict):
            found += [f"{key}.{name}" for name, inner in value.items() if inner == ASKED]
    return found


class _WrongKeyError(ValueError):
    pass


def _with_preset(keys: dict[str, Any]) -> dict[str, Any]:
    preset = keys.pop("preset", None)
    if preset is None:
        return keys
    if not isinstance(preset, str) or preset not in presets():
        raise _WrongKeyError(f"there is no preset {preset!r}; known: {', '.join(presets())}")
    found = dict(presets()[preset])
    for key, value in keys.items():
        both = isinstance(value, dict) and isinstance(found.get(key), dict) and key in ("columns", "values", "defaults")
        found[key] = found[key] | value if both else value
    return found


def _mapping(keys: dict[str, Any], name: str) -> Mapping:
    columns = {column: _choice(value, f"columns.{column}") for column, value in _of_columns(keys, "columns").items()}
    values = {
        column: _texts(words, f"values.{column}") for column, words in _of_columns(keys, "values", "period").items()
    }
    if "currency" in keys:
        currency = keys["currency"]
        columns["currency"] = _choice(
            {"constant": currency} if isinstance(currency, str) else _column(currency), "currency"
        )
    period = None
    if (told := keys.get("period")) is not None:
        if isinstance(told, str):
            if told not in TO_MONTH:
                raise _WrongKeyError(
                    f"'period' is one of {', '.join(TO_MONTH)}, or an object with 'column', not {told!r}"
                )
            period = Choice(constant=told)
        else:
            period = _choice(_column(told), "period")
            values["period"] = _texts(told.get("values", {}), "period.values")
            if wrong := sorted({*values["period"].values()} - {*TO_MONTH}):
                raise _WrongKeyError(f"'period.values' are {', '.join(TO_MONTH)}, not {wrong[0]!r}")
    several, separator, each = _multiple(keys.get("multiple"))
    return Mapping(
        columns=columns,
        values=values,
        defaults={"source": name} | _texts(_of_columns(keys, "defaults"), "defaults"),
        period=period,
        decimal=_one_of(keys, "decimal", (",", "."), ""),
        band=_choice(keys["band"], "band") if "band" in keys else None,
        several=several,
        several_separator=separator,
        several_each=each,
        skip_rows=_whole(keys.get("skip_rows", 0), "skip_rows"),
        sheet=keys["sheet"] if isinstance(keys.get("sheet"), str) else _whole(keys.get("sheet", 0), "sheet"),
        only=_filter(keys.get("filter", {})),
        rates=_rates(keys["rates"]) if "rates" in keys else None,
    )


def _of_columns(keys: dict[str, Any], key: str, *more: str) -> dict[str, Any]:
    found = keys.get(key, {})
    if not isinstance(found, dict):
        raise _WrongKeyError(f"{key!r} is an object")
    if unknown := sorted({*found} - {*_COLUMNS, *more}):
        raise _WrongKeyError(f"{key!r} names {unknown[0]!r}, which is no column; there are {', '.join(_COLUMNS)}")
    return found


def _column(value: Any) -> Any:
    if not isinstance(value, dict) or "column" not in value:
        raise _WrongKeyError("'period' and 'currency' are a text, or an object with 'column'")
    return value["column"]


def _choice(value: Any, key: str) -> Choice:
    if isinstance(value, str):
        return Choice((folded(value),))
    if isinstance(value, list) and value and all(isinstance(item, str) for item in value):
        return Choice(tuple(folded(item) for item in value))
    if isinstance(value, dict) and set(value) == {"constant"} and isinstance(value["constant"], str):
        return Choice(constant=value["constant"])
    if isinstance(value, dict) and set(value) == {"header", "part"} and isinstance(value["header"], str):
        return Choice((folded(value["header"]),), part=_whole(value["part"], f"{key}.part"))
    raise _WrongKeyError(
        f"{key!r} is a header, a list of headers, {{'constant': text}} or {{'header': name, 'part': number}}"
    )


def _texts(value: Any, key: str) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise _WrongKeyError(f"{key!r} maps texts to texts")
    return value


def _multiple(value: Any) -> tuple[str, str, bool]:
    if value is None:
        return "", ";", False
    if isinstance(value, str):
        value = {"take": value}
    if not isinstance(value, dict) or not {*value} <= {"column", "separator", "take"}:
        raise _WrongKeyError("'multiple' is 'first', 'each', or an object with 'column', 'separator' and 'take'")
    column, separator = value.get("column", "role"), value.get("separator", ";")
    if column not in _COLUMNS or not isinstance(separator, str) or not separator:
        raise _WrongKeyError("'multiple' needs the name of a column, and a text that separates")
    return column, separator, _one_of(value, "take", ("first", "each"), "first") == "each"


def _one_of(keys: dict[str, Any], key: str, known: tuple[str, ...], default: str) -> str:
    value = keys.get(key, default)
    if value != default and value not in known:
        raise _WrongKeyError(f"{key!r} is one of {' '.join(map(repr, known))}, not {value!r}")
    return str(value)


def _whole(value: Any, key: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise _WrongKeyError(f"{key!r} is a whole number from 0")
    return value


def _rates(value: Any) -> Rates:
    wrong = _WrongKeyError(
        "'rates' holds 'to', a currency, and for each other one its rates by day: "
        '{"to": "BRL", "USD": {"2026-01-31": 5.25}}'
    )
    told = dict(value) if isinstance(value, dict) else {}
    to = told.pop("to", None)
    if not isinstance(to, str) or not to or not told:
        raise wrong
    try:
        found = {
            currency.upper(): {date.fromisoformat(day).isoformat(): Decimal(str(rate)) for day, rate in days.items()}
            for currency, days in told.items()
        }
        usable = all(rate > 0 and rate.is_finite() for days in found.values() for rate in days.values())
    except (ValueError, TypeError, ArithmeticError, AttributeError) as error:
        raise wrong from error
    if not usable:
        raise wrong
    return Rates(to.upper(), found)


def _filter(value: Any) -> dict[str, frozenset[str]]:
    if not isinstance(value, dict):
        raise _WrongKeyError("'filter' is an object: header, and the texts of the rows that are taken")
    found = {}
    for header, wanted in value.items():
        texts = [wanted] if isinstance(wanted, str) else wanted
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise _WrongKeyError(f"'filter.{header}' is a text or a list of texts")
        found[folded(header)] = frozenset(map(spelled, texts))
    return found
