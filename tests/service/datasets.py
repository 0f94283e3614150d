"""Small datasets, and the figures of the contract computed from them in the plainest way: the tests' second opinion."""

from __future__ import annotations

import csv
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

HEADER = (
    "source", "role", "level", "location", "state", "country", "currency", "work_model",
    "base_salary_min", "base_salary_max", "total_compensation", "observed_at",
)  # fmt: skip
FILTERS = ("location", "country", "state", "level", "currency", "work_model")
Row = tuple[str, ...]
_TOTAL = "total_compensation"

_PLACES = (
    ("São Paulo", "SP"),
    ("Recife", "PE"),
    ("Álvares", "SP"),
    ("Curitiba", "PR"),
    ("Remoto", "REMOTE"),
    ("Ouro", "MG"),
)


def _rows() -> list[Row]:
    """Return rows whose averages and percentiles need rounding, in two currencies, over three roles."""
    rows: list[Row] = []
    for number in range(60):
        role = ("data_engineer", "sre", "qa_engineer")[number % 3]
        place, state = _PLACES[number % 6]
        low = Decimal(5000) + Decimal(number * 137) + Decimal(number % 7) / 100
        high = low + Decimal("1000.01")
        total = high + Decimal(number * 13 % 29) * Decimal("33.33")
        rows.append((
            ("alpha", "Beta", "çava")[number % 4 % 3], role, ("junior", "pleno", "senior")[number % 5 % 3], place,
            state,
            "Brazil", "USD" if number % 11 == 0 else "BRL", ("remoto", "hibrido", "presencial")[number % 7 % 3],
            f"{low:.2f}", f"{high:.2f}", f"{total:.2f}", "2026-03-01" if number % 2 else "",
        ))  # fmt: skip
    return rows


ROWS = _rows()


def write_canonical(path: Path, rows: list[Row], *, header: tuple[str, ...] = HEADER) -> Path:
    """Write `rows` as a canonical CSV."""
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
    return path


def half_up(value: Decimal) -> float:
    """Return `value` with two decimals, halves away from zero."""
    return float(value.quantize(Decimal("0.01"), ROUND_HALF_UP))


def matching(rows: list[Row], role: str, filters: dict[str, str]) -> list[dict[str, Any]]:
    """Return the rows of a role under filters, as mappings with Decimal money."""
    found = []
    for row in rows:
        entry: dict[str, Any] = dict(zip(HEADER, row, strict=True))
        if entry["role"] != role or any(entry[name].casefold() != value.casefold() for name, value in filters.items()):
            continue
        entry |= {name: Decimal(entry[name]) for name in HEADER[8:11]}
        found.append(entry)
    return found


def expected_currencies(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the `currencies` block of `rows`."""
    blocks = []
    for code in sorted({row["currency"] for row in rows}):
        part = [row for row in rows if row["currency"] == code]
        blocks.append({
            "currency": code,
            "observations": len(part),
            "base_salary": {
                "min": half_up(min(row["base_salary_min"] for row in part)),
                "max": half_up(max(row["base_salary_max"] for row in part)),
                "average_min": _mean(part, "base_salary_min"),
                "average_max": _mean(part, "base_salary_max"),
            },
            "total_compensation": {
                "min": half_up(min(row["total_compensation"] for row in part)),
                "max": half_up(max(row["total_compensation"] for row in part)),
                "average": _mean(part, "total_compensation"),
            },
            "sources": [
                {"name": name, "observations": len(group), "average_total_compensation": _mean(group, _TOTAL)}
                for name, group in _groups(part, "source")
            ],
        })  # fmt: skip
    return blocks


def expected_summary(rows: list[Row], role: str, filters: dict[str, str]) -> dict[str, Any]:
    """Return the whole `/api/salaries/` answer."""
    found = matching(rows, role, filters)
    answer: dict[str, Any] = {
        "role": role,
        "filters": {"role": role, **{name: filters[name].lower() if name in filters else None for name in FILTERS}},
        "total_observations": len(found),
        "currencies": expected_currencies(found),
    }
    for plural, column in (("levels", "level"), ("states", "state"), ("work_models", "work_model")):
        answer[plural] = [
            {column: value, "observations": len(group), "currencies": expected_currencies(group)}
            for value, group in _groups(found, column)
            if value
        ]
    return answer


def expected_percentiles(rows: list[dict[str, Any]]) -> dict[str, float | None]:
    """Return the quartiles of total compensation by linear interpolation between closest ranks."""
    values = sorted(row["total_compensation"] for row in rows)
    if not values:
        return {"p25": None, "median": None, "p75": None}

    def at(part: Decimal) -> float:
        place = part * (len(values) - 1)
        low = int(place)
        high = min(low + 1, len(values) - 1)
        return half_up(values[low] + (place - low) * (values[high] - values[low]))

    return {"p25": at(Decimal("0.25")), "median": at(Decimal("0.5")), "p75": at(Decimal("0.75"))}


def expected_insights(rows: list[Row], role: str, filters: dict[str, str]) -> dict[str, Any]:
    """Return the whole `/api/salaries/insights/` answer."""
    found = matching(rows, role, filters)
    by_currency = _groups(found, "currency")
    chosen, part = min(by_currency, key=lambda pair: (-len(pair[1]), pair[0])) if by_currency else (None, [])
    answer: dict[str, Any] = {
        "role": role,
        "filters": {"role": role, **{name: filters[name].lower() if name in filters else None for name in FILTERS}},
        "total_observations": len(found),
        "currency": chosen,
        "percentiles": expected_percentiles(part),
        "currencies": [
            {"currency": code, "observations": len(group), "percentiles": expected_percentiles(group)}
            for code, group in by_currency
        ],
    }
    for plural in ("state", "location", "work_model", "source"):
        ranked = [pair for pair in _groups(part, plural) if pair[0]]
        ranked.sort(key=lambda pair: (-sum(row["total_compensation"] for row in pair[1]) / len(pair[1]), pair[0]))
        answer[f"top_{plural}s"] = [
            {
                plural: value,
                "observations": len(group),
                "average_total_compensation": _mean(group, "total_compensation"),
            }
            for value, group in ranked[:5]
        ]
    return answer


def _mean(rows: list[dict[str, Any]], column: str) -> float:
    return half_up(sum((row[column] for row in rows), Decimal(0)) / len(rows))


def _groups(rows: list[dict[str, Any]], column: str) -> list[tuple[str, list[dict[str, Any]]]]:
    return [(value, [row for row in rows if row[column] == value]) for value in sorted({row[column] for row in rows})]
