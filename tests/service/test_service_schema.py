"""`GET /api/schema`: it is OpenAPI 3.1 and the answers are what it says."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from jsonschema import Draft202012Validator

PATHS = {
    "/api/salaries/": ["?role=sre", "?role=sre&state=SP", "?role=nobody", "?role=sre&lists=levels"],
    "/api/salaries/insights/": ["?role=sre", "?role=sre&currency=USD", "?role=nobody"],
    "/api/salaries/comparison/": [
        "?roles=sre,qa_engineer",
        "?roles=nobody&level=junior",
        "?roles=sre&lists=currencies",
    ],
    "/api/salaries/overview/": [
        "?role=sre",
        "?role=sre&state=PE&compare=qa_engineer&compare=x",
        "?role=nobody",
        "?role=sre&location=Ouro",
    ],
    "/api/salaries/catalogue/": [""],
    "/api/filters/": [""],
    "/readyz": [""],
}


def closed(schema: Any) -> Any:
    """Return `schema` with no room for fields it does not name."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {name: closed(value) for name, value in schema.items()}
    return inner | {"additionalProperties": False} if "properties" in inner else inner


def breaks(value: Any, schema: dict[str, Any], document: dict[str, Any]) -> list[str]:
    """Return where `value` differs from `schema`, fields it does not name included."""
    whole = closed({**schema, "components": document["components"]})
    return [f"{error.json_path}: {error.message}" for error in Draft202012Validator(whole).iter_errors(value)]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_every_answer_is_what_the_schema_says(loaded: str, client: Client) -> None:
    document = client.get("/api/schema").json()
    assert document["openapi"] == "3.1.0"
    for path, queries in PATHS.items():
        responses = document["paths"][path]["get"]["responses"]
        for query in queries:
            answer = client.get(path + query)
            schema = responses[str(answer.status_code)]["content"]["application/json"]["schema"]
            assert breaks(answer.json(), schema, document) == [], path + query
    refused = client.get("/api/salaries/")
    schema = document["paths"]["/api/salaries/"]["get"]["responses"]["400"]["content"]["application/json"]["schema"]
    assert breaks(refused.json(), schema, document) == []


def test_the_schema_itself_is_cached_by_a_tag(data_dir: object, client: Client) -> None:
    first = client.get("/api/schema")
    assert client.get("/api/schema/")["ETag"] == first["ETag"]
