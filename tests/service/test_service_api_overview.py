"""`/api/salaries/overview/` and `/api/salaries/catalogue/` against figures computed in the plainest way."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from salaries.api.bodies import BODIES
from salaries.models import DatasetRelease
from salaries.selectors.releases import POINTER, active_release
from salaries.services import aggregates, overviews
from salaries.services.releases import release_load, release_rollback

from tests.service.datasets import HEADER, ROWS, Row, half_up, write_canonical

URL = "/api/salaries/overview/"
COLUMNS = {
    "levels": "level",
    "states": "state",
    "locations": "location",
    "work_models": "work_model",
    "sources": "source",
}
LEVELS = ["junior", "pleno", "senior"]
only_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def chosen(role: str, filters: dict[str, str]) -> list[dict[str, str]]:
    """The rows of a role that match the filters."""
    rows = [dict(zip(HEADER, row, strict=True)) for row in ROWS]
    wanted = {"role": role, **filters}
    return [row for row in rows if all(row[name].lower() == value.lower() for name, value in wanted.items())]


def at(values: list[Decimal], share: Decimal) -> float:
    """Interpolate between the closest ranks."""
    place = share * (len(values) - 1)
    low = int(place)
    high = min(low + 1, len(values) - 1)
    return half_up(values[low] + (place - low) * (values[high] - values[low]))


def figures(rows: list[dict[str, str]]) -> dict[str, Any]:
    """What every group says of itself."""
    values = sorted(Decimal(row["total_compensation"]) for row in rows)
    shares = {"p10": "0.1", "p25": "0.25", "median": "0.5", "p75": "0.75", "p90": "0.9"}
    return {
        "observations": len(values),
        "average": half_up(sum(values, Decimal(0)) / len(values)) if values else None,
        "percentiles": {name: at(values, Decimal(share)) for name, share in shares.items()}
        if len(values) > 3
        else None,
    }


def grouped(rows: list[dict[str, str]], column: str) -> list[dict[str, Any]]:
    """Each value of a column with its figures."""
    values = sorted({row[column] for row in rows}, key=LEVELS.index if column == "level" else None)
    return [{column: value, **figures([row for row in rows if row[column] == value])} for value in values]


def expected(role: str, filters: dict[str, str]) -> dict[str, Any]:
    """The figures of the whole answer, pictures and periods aside."""
    found = chosen(role, {name: value for name, value in filters.items() if name != "currency"})
    counts = Counter(row["currency"] for row in found)
    currency = filters.get("currency", "").upper() or min(counts, key=lambda code: (-counts[code], code), default=None)
    if currency not in counts:
        currency = None
    rows = [row for row in found if row["currency"] == currency]
    answer = {
        "total_observations": len(found),
        "currency": currency,
        "currencies": [{"currency": code, "observations": counts[code]} for code in sorted(counts)],
        **figures(rows),
    }
    return answer | {kind: grouped(rows, column) for kind, column in COLUMNS.items()}


@pytest.mark.parametrize(
    "filters",
    [
        {}, {"state": "SP"}, {"level": "junior"}, {"work_model": "hibrido", "state": "pe"}, {"currency": "usd"},
        {"currency": "brl", "level": "senior"}, {"country": "brazil"}, {"location": "álvares"}, {"currency": "EUR"},
        {"state": "XX"},
    ],
)  # fmt: skip
def test_figures_are_those_of_the_rows(loaded: str, client: Client, filters: dict[str, str]) -> None:
    for role in ("sre", "data_engineer", "nobody"):
        answer = client.get(URL, {"role": role, **filters}).json()
        wanted = expected(role, filters)
        assert {name: answer[name] for name in wanted} == wanted, (role, filters)
        assert answer["period"] == "month"


def test_quantiles_and_bars_cover_every_row(loaded: str, client: Client) -> None:
    for filters in ({}, {"state": "PE"}):
        answer = client.get(URL, {"role": "sre", **filters}).json()
        rows = [row for row in chosen("sre", filters) if row["currency"] == "BRL"]
        values = sorted(Decimal(row["total_compensation"]) for row in rows)
        assert answer["quantiles"] == [at(values, Decimal(share) / 100) for share in range(101)]
        bars = answer["histogram"]
        assert bars["below"] + sum(bars["counts"]) + bars["above"] == len(values)
        for place, count in enumerate(bars["counts"]):
            low = Decimal(str(bars["low"])) + place * Decimal(str(bars["step"]))
            assert count == sum(low <= value < low + Decimal(str(bars["step"])) for value in values)


def test_time_counts_rows_with_a_date_and_tells_of_the_others(loaded: str, client: Client) -> None:
    answer = client.get(URL, {"role": "sre"}).json()
    rows = [row for row in chosen("sre", {}) if row["currency"] == "BRL"]
    dated = figures([row for row in rows if row["observed_at"]])
    assert answer["quarters"] == [{"quarter": "2026-Q1", **dated}]
    assert answer["years"] == [{"year": "2026", **dated}]
    assert answer["undated"] == len(rows) - dated["observations"]


def test_below_four_rows_there_are_no_percentiles_and_below_five_no_bars(
    database: str, data_dir: Path, client: Client
) -> None:
    for count, percentiles, bars in ((3, False, False), (4, True, False), (5, True, True)):
        release_load(canonical=write_canonical(data_dir / "c.csv", few(count)), append=False, allow_shrink=True)
        answer = client.get(URL, {"role": "sre"}).json()
        assert answer["average"] is not None
        assert (answer["percentiles"] is not None, answer["quantiles"] != []) == (percentiles, percentiles)
        assert (answer["histogram"] is not None) == bars


def few(count: int, role: str = "sre") -> list[Row]:
    """Rows that differ in nothing but their amount."""
    amounts = [f"{1000 + number}.00" for number in range(count)]
    return [("s", role, "pleno", "Recife", "PE", "Brazil", "BRL", "remoto", each, each, each, "") for each in amounts]


# One alone is grouped without its name; of some no row is left.
@pytest.mark.parametrize("others", [["qa_engineer", "sre", "nobody", "data_engineer"], ["qa_engineer"], ["nobody"]])
def test_compared_roles_stand_in_the_currency_of_the_first(loaded: str, client: Client, others: list[str]) -> None:
    for filters in ({}, {"state": "PE"}, {"currency": "USD"}):
        answer = client.get(URL, {"role": "sre", "compare": others, **filters}).json()
        assert [each["role"] for each in answer["comparison"]] == sorted(set(others) - {"sre"})
        for each in answer["comparison"]:
            rows = [row for row in chosen(each["role"], filters) if row["currency"] == answer["currency"]]
            assert each == {"role": each["role"], **figures(rows), "levels": grouped(rows, "level")}


@only_sqlite
def test_eleven_roles_are_too_many(loaded: str, client: Client) -> None:
    answer = client.get(URL, {"role": "sre", "compare": [f"role {number}" for number in range(11)]})
    assert (answer.status_code, answer.json()["error"]) == (400, "At most 10 roles can be compared; 11 were given.")
    assert client.get(URL).status_code == 400


def test_an_answer_takes_few_questions(loaded: str, client: Client) -> None:
    client.get(URL, {"role": "sre"})
    with CaptureQueriesContext(connection) as queries:
        client.get(URL, {"role": "sre", "state": "PE", "compare": ["qa_engineer", "data_engineer"]})
    # Pointer; values and what is shared of both; currencies, spread and bars; values and spread of the compared roles.
    assert len(queries) <= 12


def test_stored_and_computed_overviews_are_the_same(
    loaded: str, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    roles = ("sre", "qa_engineer")
    asked = [{"role": role, **more} for role in roles for more in ({}, {"currency": "brl"})]
    computed = [client.get(URL, each).json() for each in asked]
    of_others = client.get(URL, {"role": "sre", "currency": "usd"}).json()
    for module in (overviews, aggregates):
        monkeypatch.setattr(module, "STORED_FROM", 1)
    catalogue = client.get("/api/salaries/catalogue/").json()
    release = active_release()
    assert release is not None
    with transaction.atomic():
        aggregates.rebuild_aggregates(release=release)
    BODIES.clear()
    with CaptureQueriesContext(connection) as queries:
        stored = [client.get(URL, each).json() for each in asked]
    assert stored == computed
    assert len(queries) == 2 * len(asked)  # the pointer and the text
    assert client.get(URL, {"role": "sre", "currency": "usd"}).json() == of_others
    assert client.get("/api/salaries/catalogue/").json() == catalogue


def test_the_catalogue_tells_where_the_data_is_from(loaded: str, client: Client) -> None:
    found = client.get("/api/salaries/catalogue/").json()
    rows = [dict(zip(HEADER, row, strict=True)) for row in ROWS]
    release = DatasetRelease.objects.get()
    day = f"{release.created_at:%Y-%m-%d}"
    assert found["release"] == {"number": release.id, "observations": 60, "loaded_at": day, "activated_at": day}
    by_source = Counter(row["source"] for row in rows)
    dated = Counter(row["source"] for row in rows if row["observed_at"])
    assert found["sources"] == [
        {"source": name, "observations": by_source[name], "dated": dated[name], "first": day, "last": day}
        for name, day in (("Beta", "2026-03-01"), ("alpha", "2026-03-01"), ("çava", None))
    ]
    assert [(each["role"], each["label"], each["observations"]) for each in found["roles"]] == [
        ("data_engineer", "Data Engineer", 20), ("qa_engineer", "QA Engineer", 20), ("sre", "SRE", 20),
    ]  # fmt: skip
    assert found["levels"] == LEVELS
    assert {"state": "SP", "name": "São Paulo"} in found["states"]
    answer = client.get(URL, {"role": "sre"}).json()
    sre = found["roles"][2]
    assert (sre["median"], sre["currency"]) == (answer["percentiles"]["median"], "BRL")
    assert [each["observations"] for each in sre["levels"]] == [each["observations"] for each in answer["levels"]]


def test_the_catalogue_is_asked_again_when_a_release_comes_back(loaded: str, data_dir: Path, client: Client) -> None:
    first = client.get("/api/salaries/catalogue/")
    release_load(canonical=write_canonical(data_dir / "c.csv", ROWS[:50]), append=False, allow_shrink=False)
    POINTER.forget()
    assert client.get("/api/salaries/catalogue/").json()["release"]["number"] == 2
    release_rollback()
    POINTER.forget()
    again = client.get("/api/salaries/catalogue/", headers={"If-None-Match": first["ETag"]})
    assert again.status_code == 200
    assert again.json()["release"]["number"] == 1


@only_sqlite
def test_a_release_of_an_older_version_has_names_without_figures(loaded: str, client: Client) -> None:
    DatasetRelease.objects.update(catalogue=None)
    found = client.get("/api/salaries/catalogue/").json()
    assert found["sources"] == []
    assert {each["observations"] for each in found["roles"]} == {None}
    assert client.get("/").status_code == 200


@only_sqlite
def test_without_data_there_is_an_empty_catalogue(database: str, client: Client) -> None:
    found = client.get("/api/salaries/catalogue/").json()
    assert (found["release"], found["roles"], found["states"]) == (None, [], [])
    assert client.get(URL, {"role": "sre", "compare": "x"}).json()["comparison"][0]["observations"] == 0
