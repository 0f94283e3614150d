"""`GET /api/salaries/insights/`: percentiles, rankings, several currencies, on both databases."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from salaries.services.releases import release_load

from tests.service.datasets import ROWS, Row, expected_insights, write_canonical

URL = "/api/salaries/insights/"


@pytest.mark.parametrize(
    "filters",
    [
        {},
        {"state": "SP"},
        {"currency": "USD"},
        {"location": "álvares"},
        {"level": "junior", "state": "pe"},
        {"state": "X"},
    ],
)
def test_it_answers_the_figures_computed_by_hand(loaded: str, client: Client, filters: dict[str, str]) -> None:
    for role in ("data_engineer", "sre", "qa_engineer"):
        answer = client.get(URL, {"role": role, **filters})
        assert answer.status_code == 200
        assert answer.json() == expected_insights(ROWS, role, filters)


def test_a_stored_answer_equals_the_live_computation_to_the_last_byte(loaded: str, client: Client) -> None:
    for role in ("data_engineer", "sre", "qa_engineer"):
        stored = client.get(URL, {"role": role}).content
        live = client.get(URL, {"role": role, "country": "Brazil"}).content
        assert stored == live.replace(b'"country":"brazil"', b'"country":null')


def _row(role: str, currency: str, total: str, **places: str) -> Row:
    place = {"source": "s", "location": "l", "state": "ST", "work_model": "remoto"} | places
    return (place["source"], role, "pleno", place["location"], place["state"], "Brazil", currency, place["work_model"],
            "1.00", total, total, "")  # fmt: skip


def test_ties_between_currencies_go_to_the_alphabet(database: str, data_dir: Path, client: Client) -> None:
    rows = [_row("dev", "USD", "10.00"), _row("dev", "BRL", "20.00")]
    release_load(canonical=write_canonical(data_dir / "c.csv", rows), append=False, allow_shrink=False)
    answer = client.get(URL, {"role": "dev"}).json()
    assert (answer["currency"], answer["total_observations"]) == ("BRL", 2)
    assert [entry["currency"] for entry in answer["currencies"]] == ["BRL", "USD"]


def test_halves_of_a_cent_are_rounded_up(database: str, data_dir: Path, client: Client) -> None:
    rows = [_row("dev", "BRL", total) for total in ("1.00", "1.01", "1.02", "1.05")]
    release_load(canonical=write_canonical(data_dir / "c.csv", rows), append=False, allow_shrink=False)
    answer = client.get(URL, {"role": "dev"}).json()
    # P25 is 1.0075, the median 1.015, P75 1.0275; the average is 1.02.
    assert answer["percentiles"] == {"p25": 1.01, "median": 1.02, "p75": 1.03}
    assert answer["top_states"][0]["average_total_compensation"] == 1.02


def test_the_largest_figures_stay_exact(database: str, data_dir: Path, client: Client) -> None:
    rows = [_row("dev", "BRL", total) for total in ("9999999999.98", "9999999999.99", "9999999999.95")]
    release_load(canonical=write_canonical(data_dir / "c.csv", rows), append=False, allow_shrink=False)
    answer = client.get(URL, {"role": "dev"}).json()
    assert answer["percentiles"] == {"p25": 9999999999.97, "median": 9999999999.98, "p75": 9999999999.99}


def test_rankings_hold_five_with_ties_by_name_and_without_blanks(database: str, data_dir: Path, client: Client) -> None:
    rows = [_row("dev", "BRL", "10.00", state=state) for state in ("B", "A", "Ç", "C", "E", "D", "")]
    release_load(canonical=write_canonical(data_dir / "c.csv", rows), append=False, allow_shrink=False)
    answer = client.get(URL, {"role": "dev"}).json()
    assert [entry["state"] for entry in answer["top_states"]] == ["A", "B", "C", "D", "E"]


def test_a_live_answer_costs_four_queries(loaded: str, client: Client) -> None:
    # The active release, the facets of role and filters, quartiles, rankings.
    with CaptureQueriesContext(connection) as queries:
        client.get(URL, {"role": "sre", "state": "SP"})
    assert len(queries) == 4


def test_it_requires_a_role(loaded: str, client: Client) -> None:
    assert client.get(URL).status_code == 400
