"""`GET /api/salaries/comparison/` and `GET /api/filters/`."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.service.datasets import ROWS, expected_summary

URL = "/api/salaries/comparison/"


@pytest.mark.parametrize("filters", [{}, {"state": "SP"}, {"level": "Junior"}])
def test_it_answers_the_summary_of_each_role_sorted_and_distinct(
    loaded: str, client: Client, filters: dict[str, str]
) -> None:
    answer = client.get(URL, {"roles": "SRE, data_engineer,,nobody", "role": ["sre", "qa_engineer"], **filters}).json()
    roles = ["data_engineer", "nobody", "qa_engineer", "sre"]
    echo = expected_summary(ROWS, "sre", filters)["filters"]
    assert answer["filters"] == {"roles": roles, **{name: echo[name] for name in echo if name != "role"}}
    assert list(answer["filters"]) == ["roles", "location", "country", "state", "level", "currency", "work_model"]
    assert answer["roles"] == [expected_summary(ROWS, role, filters) for role in roles]


def test_it_sends_the_lists_that_are_asked_for(loaded: str, client: Client) -> None:
    asked = {"roles": "sre,nobody", "lists": "currencies"}
    answer = client.get(URL, asked).json()
    for role in answer["roles"]:
        assert list(role) == ["role", "filters", "total_observations", "currencies"]
    assert answer["roles"][1]["currencies"][0]["total_compensation"]
    assert "sources" not in answer["roles"][1]["currencies"][0]


def test_ten_roles_cost_three_queries(loaded: str, client: Client) -> None:
    # The active release, the facets, the figures of all roles.
    roles = ",".join(["sre", "qa_engineer", "data_engineer", *(f"role{number}" for number in range(7))])
    with CaptureQueriesContext(connection) as queries:
        assert client.get(URL, {"roles": roles, "state": "SP"}).status_code == 200
    assert len(queries) == 3


@pytest.mark.parametrize(
    "query",
    ["", "roles=", "roles=%20,%20", f"roles={','.join('abcdefghijk')}", "roles=a,%00", "roles=" + "x" * 101],
)
def test_it_refuses_no_role_too_many_and_bad_ones(loaded: str, client: Client, query: str) -> None:
    answer = client.get(f"{URL}?{query}")
    assert answer.status_code == 400
    assert set(answer.json()) == {"error"}


def test_eleven_names_of_ten_roles_are_ten_roles(loaded: str, client: Client) -> None:
    names = ",".join([*(f"r{number}" for number in range(10)), "R1"])
    assert client.get(URL, {"roles": names}).status_code == 200


def test_the_filters_are_the_distinct_values_sorted(loaded: str, client: Client) -> None:
    assert client.get("/api/filters/").json() == {
        "roles": sorted({row[1] for row in ROWS}),
        "states": sorted({row[4] for row in ROWS}),
        "levels": sorted({row[2] for row in ROWS}),
        "work_models": sorted({row[7] for row in ROWS}),
    }


def test_the_filters_are_empty_before_the_first_load(database: str, client: Client) -> None:
    assert client.get("/api/filters/").json() == {"roles": [], "states": [], "levels": [], "work_models": []}
