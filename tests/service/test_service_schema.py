"""`GET /api/schema`: it is OpenAPI 3.1 and the answers are what it says."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

PATHS = {
    "/api/salaries/": ["?role=sre", "?role=sre&state=SP", "?role=nobody"],
    "/api/salaries/insights/": ["?role=sre", "?role=sre&currency=USD", "?role=nobody"],
    "/api/salaries/comparison/": ["?roles=sre,qa_engineer", "?roles=nobody&level=junior"],
    "/api/filters/": [""],
    "/readyz": [""],
}
_TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "null": type(None),
}


def breaks(value: Any, schema: dict[str, Any], document: dict[str, Any], at: str = "$") -> list[str]:
    """Return where `value` differs from `schema`: as much of JSON Schema as the document uses, and closed objects."""
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if "enum" in schema:
        return [] if value in schema["enum"] else [f"{at}: {value!r}"]
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    if not any(isinstance(value, _TYPES[name]) for name in types):
        return [f"{at}: {value!r} is no {types}"]
    found: list[str] = []
    if isinstance(value, dict):
        found += [f"{at}.{name} is missing" for name in schema["required"] if name not in value]
        for name, inner in value.items():
            known = schema["properties"].get(name)
            found += [f"{at}.{name} is unknown"] if known is None else breaks(inner, known, document, f"{at}.{name}")
    if isinstance(value, list):
        found += [f"{at}: too long"] if len(value) > schema.get("maxItems", len(value)) else []
        for number, inner in enumerate(value):
            found += breaks(inner, schema["items"], document, f"{at}[{number}]")
    if isinstance(value, int | float) and value < schema.get("minimum", value):
        found.append(f"{at}: below the minimum")
    return found


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
