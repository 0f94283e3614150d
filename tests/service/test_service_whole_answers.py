"""A filter that leaves nothing out: answered from what is stored, with the bytes that the rows would give."""

from __future__ import annotations

import unicodedata
from itertools import product
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from salaries.api.bodies import BODIES
from salaries.models import SalaryFacet
from salaries.selectors import rows
from salaries.selectors.rows import KNOWN_FACETS
from salaries.services.releases import release_load

from tests.service.datasets import Row, write_canonical

ENDPOINTS = {"/api/salaries/": "role", "/api/salaries/insights/": "role", "/api/salaries/comparison/": "roles"}
FILTERS = {
    "country": ("Brazil", "BRAZIL", "portugal", "nowhere"),
    "location": ("são paulo", "Recife"),
    "state": ("sp", "PE"),
    "level": ("senior", "Junior"),
    "currency": ("brl", "usd"),
    "work_model": ("remoto", "hibrido"),
}
ROLES = ("alike", "spelled", "partly", "blank", "mixed", "ação")


def row(role: str, number: int = 0, **changed: str) -> Row:
    """Return a row; those of one role differ in their amounts alone unless `changed` says otherwise."""
    usual = {
        "source": "alpha", "role": role, "level": "senior", "location": "São Paulo", "state": "SP", "country": "Brazil",
        "currency": "BRL", "work_model": "remoto",
    }  # fmt: skip
    low = 1000 + 17 * number
    return (*(usual | changed).values(), f"{low}.10", f"{low + 100}.25", f"{low + 90}.33", "")


@pytest.fixture
def varied(database: str, data_dir: Path) -> str:
    """Roles whose rows are alike, alike but for their spelling, differ, or are blank in places."""
    rows = [row(role, number) for role in ROLES for number in range(3)]
    rows += [row("spelled", 4, country="BRAZIL", location="SÃO PAULO"), row("partly", 4, country="Portugal")]
    rows += [row("blank", 4, country="", location="", state="", level="", work_model="")]
    rows += [row("mixed", 4, location="Recife", state="PE", level="junior", currency="USD", work_model="hibrido")]
    release_load(canonical=write_canonical(data_dir / "c.csv", rows), append=False, allow_shrink=False)
    return database


def questions() -> list[tuple[str, dict[str, str]]]:
    """Every endpoint with every role and every filter, alone and with the country."""
    single = [{name: value} for name, values in FILTERS.items() for value in values]
    filters = [*single, *({"country": "brazil", **one} for one in single if "country" not in one)]
    roles = [*ROLES, "nobody", unicodedata.normalize("NFD", "ação"), ",".join(ROLES)]
    return [
        (path, {name: role, **chosen})
        for (path, name), role, chosen in product(ENDPOINTS.items(), roles, filters)
        if name == "roles" or "," not in role
    ]


def test_every_answer_has_the_bytes_that_its_rows_give(varied: str, client: Client) -> None:
    shown = [client.get(path, asked).content for path, asked in questions()]
    BODIES.clear()
    KNOWN_FACETS.clear()
    SalaryFacet.objects.filter(field__startswith="only ").delete()
    for (path, asked), body in zip(questions(), shown, strict=True):
        assert client.get(path, asked).content == body, (path, asked)


def test_it_knows_what_the_rows_of_a_role_share(varied: str) -> None:
    shared = SalaryFacet.objects.filter(field__startswith="only ").values_list("value", "field", "folded")
    found = {(role, field.removeprefix("only "), fold) for role, field, fold in shared}
    for role in ("alike", "spelled", "ação"):
        assert (role, "country", "brazil") in found
        assert (role, "location", "são paulo") in found
    assert {name for role, name, _ in found if role == "alike"} == set(FILTERS)
    assert {name for role, name, _ in found if role == "partly"} == set(FILTERS) - {"country"}
    assert {name for role, name, _ in found if role == "blank"} == {"currency"}
    assert {name for role, name, _ in found if role == "mixed"} == {"country"}


@pytest.mark.parametrize("path", ["/api/salaries/", "/api/salaries/insights/"])
def test_no_row_is_read_for_a_filter_that_leaves_nothing_out(varied: str, client: Client, path: str) -> None:
    # The active release, the facets, the stored answer.
    with CaptureQueriesContext(connection) as queries:
        answer = client.get(path, {"role": "mixed", "country": "brazil"})
    assert answer.json()["total_observations"] == 4
    assert len(queries) == 3
    assert not [each for each in queries if "salaries_salaryobservation" in each["sql"]]


def test_a_comparison_reads_the_rows_of_the_other_roles_alone(varied: str, client: Client) -> None:
    with CaptureQueriesContext(connection) as queries:
        client.get("/api/salaries/comparison/", {"roles": ",".join(ROLES), "country": "brazil"})
    rows = [each["sql"] for each in queries if "salaries_salaryobservation" in each["sql"]]
    assert len(rows) == 1
    assert ["'alike'" in rows[0], "'partly'" in rows[0], "'blank'" in rows[0]] == [False, True, True]


def test_a_second_load_of_the_same_rows_tells_it_of_a_release_that_lacks_it(varied: str, data_dir: Path) -> None:
    shared = SalaryFacet.objects.filter(field__startswith="only ")
    before = set(shared.values_list("field", "value", "folded"))
    shared.delete()
    assert not release_load(canonical=data_dir / "c.csv", append=False, allow_shrink=False).created
    assert set(shared.all().values_list("field", "value", "folded")) == before


def facets_read(client: Client, asked: dict[str, str]) -> int:
    with CaptureQueriesContext(connection) as queries:
        client.get("/api/salaries/", asked)
    return len([each for each in queries if "salaries_salaryfacet" in each["sql"]])


def test_names_that_were_looked_up_are_known_until_another_release(varied: str, data_dir: Path, client: Client) -> None:
    first = client.get("/api/salaries/", {"role": "mixed", "state": "sp"}).json()
    assert facets_read(client, {"role": "partly", "level": "senior"}) == 1
    assert facets_read(client, {"role": "mixed", "level": "senior"}) == 1  # whether all rows of this role are senior
    assert facets_read(client, {"role": "mixed", "level": "senior", "state": "SP"}) == 0
    other = write_canonical(data_dir / "d.csv", [row("mixed", state="sp"), row("mixed", 1, state="RJ")])
    assert release_load(canonical=other, append=False, allow_shrink=True).created
    second = client.get("/api/salaries/", {"role": "mixed", "state": "sp"}).json()
    assert (first["total_observations"], second["total_observations"]) == (3, 1)


def test_no_more_names_are_kept_than_there_is_room_for(
    varied: str, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "KNOWN_FACETS_LIMIT", 10)
    for number in range(30):
        assert client.get("/api/salaries/", {"role": "mixed", "state": f"nowhere {number}"}).status_code == 200
        assert 0 < len(KNOWN_FACETS) <= 10
