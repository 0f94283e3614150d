"""`GET /api/salaries/`: figures, filters, echo, on both databases."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from salaries.services.releases import release_load

from tests.service.datasets import ROWS, Row, expected_summary, write_canonical

URL = "/api/salaries/"


@pytest.mark.parametrize(
    "filters",
    [
        {},
        {"state": "sp"},
        {"location": "SÃO PAULO"},
        {"location": "álvares", "level": "JUNIOR"},
        {"currency": "usd"},
        {"work_model": "Remoto", "country": "brazil", "state": "Sp"},
        {"state": "XX"},
    ],
)
def test_it_answers_the_figures_computed_by_hand(loaded: str, client: Client, filters: dict[str, str]) -> None:
    for role in ("data_engineer", "sre", "qa_engineer"):
        answer = client.get(URL, {"role": role, **filters})
        assert answer.status_code == 200
        assert answer.json() == expected_summary(ROWS, role, filters)


def test_a_stored_answer_equals_the_live_computation_to_the_last_byte(loaded: str, client: Client) -> None:
    # The rows hold one country only, so this filter selects all of them but is computed live.
    for role in ("data_engineer", "sre", "qa_engineer"):
        stored = client.get(URL, {"role": role}).content
        live = client.get(URL, {"role": role, "country": "BRAZIL"}).content
        assert stored == live.replace(b'"country":"brazil"', b'"country":null')


def test_it_strips_and_folds_what_it_is_asked(loaded: str, client: Client) -> None:
    answer = client.get(URL, {"role": "  DATA_Engineer ", "state": " sp ", "level": "  "}).json()
    assert answer["role"] == "data_engineer"
    assert answer["filters"] == {
        "role": "data_engineer",
        "location": None,
        "country": None,
        "state": "sp",
        "level": None,
        "currency": None,
        "work_model": None,
    }
    assert answer["total_observations"] > 0


def test_a_role_without_rows_is_no_error(loaded: str, client: Client) -> None:
    answer = client.get(URL, {"role": "astronaut"})
    assert answer.status_code == 200
    assert answer.json() == expected_summary(ROWS, "astronaut", {})


def test_it_answers_before_the_first_load(database: str, client: Client) -> None:
    answer = client.get(URL, {"role": "sre"})
    assert answer.status_code == 200
    assert answer.json()["total_observations"] == 0


@pytest.mark.parametrize("query", ["", "?role=", "?role=%20%20", "?roles=sre"])
def test_it_requires_a_role(loaded: str, client: Client, query: str) -> None:
    answer = client.get(URL + query)
    assert answer.status_code == 400
    assert answer.json() == {"error": "The query parameter 'role' is required."}


@pytest.mark.parametrize(
    "query", ["role=a%00b", "role=sre&state=%00", "role=sre&location=" + "x" * 101, "role=" + "y" * 101]
)
def test_it_refuses_nul_and_long_values(loaded: str, client: Client, query: str) -> None:
    answer = client.get(f"{URL}?{query}")
    assert answer.status_code == 400
    assert set(answer.json()) == {"error"}


def test_unknown_parameters_are_ignored(loaded: str, client: Client) -> None:
    assert client.get(URL, {"role": "sre", "sort": "x" * 500}).json() == client.get(URL, {"role": "sre"}).json()


def test_a_live_answer_costs_three_queries(loaded: str, client: Client) -> None:
    # The active release, the facets of role and filters, the figures.
    with CaptureQueriesContext(connection) as queries:
        client.get(URL, {"role": "sre", "state": "SP", "level": "junior"})
    assert len(queries) == 3


def test_a_stored_answer_costs_two_queries_at_most(loaded: str, client: Client) -> None:
    # The active release, and the stored answer when this process has not sent it before.
    with CaptureQueriesContext(connection) as queries:
        client.get(URL, {"role": "sre"})
    assert len(queries) <= 2


def test_lists_that_are_not_asked_for_are_not_sent(loaded: str, client: Client) -> None:
    for filters in ({}, {"state": "SP"}):
        whole = client.get(URL, {"role": "sre", **filters})
        for lists in ("currencies,levels", " Levels , currencies,of_tomorrow"):
            part = client.get(URL, {"role": "sre", "lists": lists, **filters})
            expected = json.loads(whole.content)
            del expected["states"], expected["work_models"]
            for block in [*expected["currencies"], *(each for row in expected["levels"] for each in row["currencies"])]:
                del block["sources"]
            assert json.dumps(part.json()) == json.dumps(expected)
            assert part["ETag"] != whole["ETag"]
        for lists in ("", " ", "of_tomorrow"):
            assert client.get(URL, {"role": "sre", "lists": lists, **filters}).content == whole.content


def test_at_four_hundred_states_the_page_asks_for_little(database: str, data_dir: Path, client: Client) -> None:
    rows: list[Row] = [
        (source, "sre", level, "", f"state {state}", "Brazil", "BRL", "remoto", "1.00", "2.00", f"{state}.00", "")
        for state in range(400) for source in ("alpha", "beta", "gamma") for level in ("junior", "senior")
    ]  # fmt: skip
    release_load(canonical=write_canonical(data_dir / "c.csv", rows), append=False, allow_shrink=False)
    assert len(client.get(URL, {"role": "sre"}).content) > 100_000
    assert len(client.get(URL, {"role": "sre", "lists": "currencies,levels"}).content) < 1_000


def test_a_list_name_is_checked_like_any_text(loaded: str, client: Client) -> None:
    assert client.get(URL, {"role": "sre", "lists": "x" * 101}).status_code == 400
