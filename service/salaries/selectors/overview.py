"""The `/api/salaries/overview/` answer: how total compensation is spread, in all and by level, place, source and time.

It is all that the dashboard shows of one choice of role and filters, in one currency: figures of several are never
mixed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from salaries.labels import level_order
from salaries.selectors.samples import Bins, Sample
from salaries.selectors.summary import filters_echo
from salaries.stats import PERCENTILES_FROM, RANKED_FROM, average, from_hundredths, money

PERIOD = "month"
PERCENTILES = {"p10": 10, "p25": 25, "median": 50, "p75": 75, "p90": 90}
# Places are many: the best paid ones, and of those with too few rows for a rank the ones with most.
PLACES_LISTED = 10
# The newest of a long history.
PERIODS_LISTED = 24
_GROUPS = {
    "levels": "level",
    "states": "state",
    "locations": "location",
    "work_models": "work_model",
    "sources": "source",
}
Groups = dict[str, dict[Any, Sample]]


def overview_payload(
    *,
    role: str,
    filters: dict[str, str | None],
    currency: str | None,
    counts: dict[str, int],
    groups: Groups,
    bins: tuple[Bins, dict[int, int]] | None,
) -> dict[str, Any]:
    """Return the answer for one role, without the comparison.

    Args:
        role: as it was asked for.
        filters: as they were asked for.
        currency: the one that the figures are about; None without rows.
        counts: how many of the filtered rows are in which currency, the filter for it aside.
        groups: the samples of the rows in `currency`.
        bins: of the histogram, and how many rows lie in which; None where there are too few.
    """
    every = groups.get("", {}).get("")
    payload: dict[str, Any] = {
        "role": role,
        "filters": filters_echo(role=role, filters=filters),
        "period": PERIOD,
        "total_observations": sum(counts.values()),
        "currency": currency,
        "currencies": [{"currency": code, "observations": counts[code]} for code in sorted(counts)],
        **_figures(every),
        "quantiles": _quantiles(every),
        "histogram": _histogram(bins, every),
    }
    for kind, column in _GROUPS.items():
        found = groups.get(kind, {})
        listed = _places(found) if kind == "locations" else found
        key = level_order if kind == "levels" else str
        payload[kind] = [{column: value, **_figures(found[value])} for value in sorted(listed, key=key)]
    payload["locations_left_out"] = len(groups.get("locations", {})) - len(payload["locations"])
    payload["undated"] = (every.count if every else 0) - sum(each.count for each in groups.get("years", {}).values())
    payload["quarters"] = _periods(groups.get("quarters", {}), "quarter", lambda at: f"{at // 4}-Q{at % 4 + 1}")
    payload["years"] = _periods(groups.get("years", {}), "year", str)
    return payload


def compared_payload(*, role: str, groups: Groups) -> dict[str, Any]:
    """Return one entry of the comparison."""
    levels = groups.get("levels", {})
    return {
        "role": role,
        **_figures(groups.get("", {}).get("")),
        "levels": [{"level": level, **_figures(levels[level])} for level in sorted(levels, key=level_order)],
    }


def compared_part(overview: dict[str, Any]) -> dict[str, Any]:
    """Return the entry of the comparison that an overview holds."""
    return {name: overview[name] for name in ("role", "observations", "average", "percentiles", "levels")}


def bins_of(sample: Sample) -> Bins | None:
    """Return the steps of a histogram: round amounts from the first percentile to the last; None for too few rows."""
    if sample.count < RANKED_FROM:
        return None
    wanted = next(
        steps for rows, steps in ((30, 8), (200, 12), (2000, 16), (sample.count + 1, 24)) if sample.count < rows
    )
    low, high = sample.points[1] // 100, sample.points[99] // 100
    step = _round_step(low, high, wanted)
    first = low // step
    return Bins(low=first * step, step=step, number=high // step - first + 1)


def _round_step(low: int, high: int, wanted: int) -> int:
    # From one unit of the currency up: 1, 2, 5, 10, 20, 50 …
    power = 100
    while True:
        for digit in (1, 2, 5):
            if digit * power * wanted >= high - low:
                return digit * power
        power *= 10


def _figures(sample: Sample | None) -> dict[str, Any]:
    """Return what every group says of itself; percentiles are none where there are too few rows for them."""
    if sample is None:
        return {"observations": 0, "average": None, "percentiles": None}
    enough = sample.count >= PERCENTILES_FROM
    points = {name: from_hundredths(sample.points[point]) for name, point in PERCENTILES.items()} if enough else None
    return {
        "observations": sample.count,
        "average": average(sample.total_sum, sample.count),
        "percentiles": points,
    }


def _quantiles(sample: Sample | None) -> list[float]:
    if sample is None or sample.count < PERCENTILES_FROM:
        return []
    return [from_hundredths(sample.points[point]) for point in range(101)]


def _histogram(bins: tuple[Bins, dict[int, int]] | None, every: Sample | None) -> dict[str, Any] | None:
    if bins is None or every is None:
        return None
    at, found = bins
    counts = [found.get(place, 0) for place in range(at.number)]
    above = sum(count for place, count in found.items() if place >= at.number)
    return {
        "low": money(at.low),
        "step": money(at.step),
        "counts": counts,
        "below": every.count - sum(counts) - above,
        "above": above,
    }


def _places(found: dict[Any, Sample]) -> Iterable[Any]:
    enough = [value for value, each in found.items() if each.count >= RANKED_FROM]
    enough.sort(key=lambda value: (-found[value].points[50], value))
    few = sorted(found.keys() - set(enough), key=lambda value: (-found[value].count, value))
    return enough[:PLACES_LISTED] + few[:PLACES_LISTED]


def _periods(found: dict[Any, Sample], column: str, name: Any) -> list[dict[str, Any]]:
    return [{column: name(at), **_figures(found[at])} for at in sorted(found)[-PERIODS_LISTED:]]
