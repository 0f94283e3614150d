"""The OpenAPI 3.1 document of the service, as data. Tests check that answers match it."""

from __future__ import annotations

from functools import cache
from typing import Any

from salaries.api.params import LISTS, ROLES_LIMIT
from salaries.models import TEXT_LIMIT
from salaries.selectors.rows import FILTERS

Schema = dict[str, Any]
_MONEY: Schema = {"type": "number", "minimum": 0, "description": "At most two decimals, rounded half up."}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_ERROR: Schema = {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}}


def _object(**properties: Schema) -> Schema:
    return {"type": "object", "required": list(properties), "properties": properties}


def _with_lists(**properties: Schema) -> Schema:
    """An object that may lack what the parameter `lists` does not name."""
    return {**_object(**properties), "required": [name for name in properties if name not in LISTS]}


def _list(items: Schema, **more: Any) -> Schema:
    return {"type": "array", "items": items, **more}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _nullable(kind: Schema) -> Schema:
    return {**kind, "type": [kind["type"], "null"]}


_TEXT: Schema = {"type": "string"}
_NULLABLE_TEXT: Schema = {"type": ["string", "null"]}


def _grouped(column: str) -> Schema:
    return _list(_with_lists(**{column: _TEXT}, observations=_COUNT, currencies=_list(_ref("CurrencyBlock"))))


def _top(column: str) -> Schema:
    return _list(_object(**{column: _TEXT}, observations=_COUNT, average_total_compensation=_MONEY), maxItems=5)


_PERIOD: Schema = {"enum": ["month"], "description": "What every amount is for."}
_NULLABLE_MONEY = _nullable(_MONEY)


def _sampled(**named: Schema) -> Schema:
    """Figures of one group of rows; percentiles only where there are enough."""
    percentiles = {"anyOf": [_ref("Spread"), {"type": "null"}]}
    return _object(**named, observations=_COUNT, average=_NULLABLE_MONEY, percentiles=percentiles)


def _overview() -> dict[str, Schema]:
    levels = _list(_sampled(level=_TEXT))
    compared = _sampled(role=_TEXT)["properties"]
    overview = {
        "role": _TEXT,
        "filters": _ref("Filters"),
        "period": _PERIOD,
        "total_observations": _COUNT,
        "currency": _NULLABLE_TEXT,
        "currencies": _list(_object(currency=_TEXT, observations=_COUNT)),
        **_sampled()["properties"],
        "quantiles": _list(_MONEY, description="Amounts at 0, 1, 2 … 100 per cent; none below four rows."),
        "histogram": {"anyOf": [_ref("Histogram"), {"type": "null"}]},
        "levels": levels,
        "states": _list(_sampled(state=_TEXT)),
        "locations": _list(_sampled(location=_TEXT), maxItems=20),
        "work_models": _list(_sampled(work_model=_TEXT)),
        "sources": _list(_sampled(source=_TEXT)),
        "locations_left_out": _COUNT,
        "undated": _COUNT,
        "quarters": _list(_sampled(quarter=_TEXT), maxItems=24),
        "years": _list(_sampled(year=_TEXT), maxItems=24),
        "comparison": _list(_object(**compared, levels=levels)),
    }
    return {
        "Spread": _object(p10=_MONEY, p25=_MONEY, median=_MONEY, p75=_MONEY, p90=_MONEY),
        "Histogram": _object(low=_MONEY, step=_MONEY, counts=_list(_COUNT), below=_COUNT, above=_COUNT),
        "Overview": _object(**overview),
    }


def _catalogue() -> dict[str, Schema]:
    role_level = _object(level=_TEXT, observations=_COUNT, median=_NULLABLE_MONEY)
    catalogue = {
        "release": {"anyOf": [_ref("Release"), {"type": "null"}]},
        "period": _PERIOD,
        "sources": _list(
            _object(source=_TEXT, observations=_COUNT, dated=_COUNT, first=_NULLABLE_TEXT, last=_NULLABLE_TEXT)
        ),
        "roles": _list(
            _object(
                role=_TEXT,
                label=_TEXT,
                observations=_nullable(_COUNT),
                currency=_NULLABLE_TEXT,
                median=_NULLABLE_MONEY,
                levels=_list(role_level),
            )
        ),
        "converted_to": _list(
            _TEXT, description="Currencies that figures of others were made into, by rates of their source."
        ),
        "states": _list(_object(state=_TEXT, name=_TEXT)),
        "levels": _list(_TEXT, description="From the first step of a career to the last."),
        "work_models": _list(_TEXT),
    }
    return {
        "Release": _object(number=_COUNT, observations=_COUNT, loaded_at=_TEXT, activated_at=_NULLABLE_TEXT),
        "Catalogue": _object(**catalogue),
    }


def _schemas() -> dict[str, Schema]:
    filters = dict.fromkeys(FILTERS, _NULLABLE_TEXT)
    percentiles = _object(p25=_nullable(_MONEY), median=_nullable(_MONEY), p75=_nullable(_MONEY))
    return {
        "Error": _ERROR,
        "Filters": _object(role=_TEXT, **filters),
        "Percentiles": percentiles,
        "CurrencyBlock": _with_lists(
            currency=_TEXT,
            observations=_COUNT,
            base_salary=_object(min=_MONEY, max=_MONEY, average_min=_MONEY, average_max=_MONEY),
            total_compensation=_object(min=_MONEY, max=_MONEY, average=_MONEY),
            sources=_list(_object(name=_TEXT, observations=_COUNT, average_total_compensation=_MONEY)),
        ),
        "Summary": _with_lists(
            role=_TEXT,
            filters=_ref("Filters"),
            total_observations=_COUNT,
            currencies=_list(_ref("CurrencyBlock")),
            levels=_grouped("level"),
            states=_grouped("state"),
            work_models=_grouped("work_model"),
        ),
        "Insights": _object(
            role=_TEXT,
            filters=_ref("Filters"),
            total_observations=_COUNT,
            currency=_NULLABLE_TEXT,
            percentiles=_ref("Percentiles"),
            currencies=_list(_object(currency=_TEXT, observations=_COUNT, percentiles=_ref("Percentiles"))),
            top_states=_top("state"),
            top_locations=_top("location"),
            top_work_models=_top("work_model"),
            top_sources=_top("source"),
        ),
        **_overview(),
        **_catalogue(),
        "Comparison": _object(filters=_object(roles=_list(_TEXT), **filters), roles=_list(_ref("Summary"))),
        "Facets": _object(roles=_list(_TEXT), states=_list(_TEXT), levels=_list(_TEXT), work_models=_list(_TEXT)),
        "Document": {"type": "object", "required": ["openapi", "info", "paths"]},
        "Readiness": {
            "type": "object",
            "required": ["status"],
            "properties": {"status": {"enum": ["ready", "not ready"]}, "reason": _TEXT},
        },
    }


# What str.strip() takes for blank, and NUL: one other character makes a value.
_BLANK = "\\u0000\\t-\\r\\u001c-\\u0020\\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000"
_NO_NUL = "^[^\\u0000]*$"
_ROLE = f"^[^\\u0000]*[^{_BLANK}][^\\u0000]*$"
_ROLES = f"^(?=[^\\u0000]*[^,{_BLANK}])[^\\u0000,]{{0,100}}(,[^\\u0000,]{{0,100}}){{0,{ROLES_LIMIT - 1}}}$"


_LISTS_HELP = f"Only these lists, of {', '.join(LISTS)}, separated by commas; without it all. Other names are ignored."
_ROLES_HELP = f"At most {ROLES_LIMIT} roles, separated by commas or given one each by repeated `role` parameters."


def _parameter(name: str, description: str, *, required: bool = False, **schema: Any) -> Schema:
    schema = {"type": "string", "maxLength": TEXT_LIMIT, "pattern": _NO_NUL, **schema}
    return {"name": name, "in": "query", "required": required, "description": description, "schema": schema}


def _json(description: str, name: str) -> Schema:
    return {"description": description, "content": {"application/json": {"schema": _ref(name)}}}


def _operation(identifier: str, summary: str, answer: str, parameters: list[Schema]) -> Schema:
    etag = {"ETag": {"description": "Names the dataset release and the query.", "schema": _TEXT}}
    return {
        "get": {
            "operationId": identifier,
            "summary": summary,
            "parameters": parameters,
            "responses": {
                "200": {**_json("The answer.", answer), "headers": etag},
                "304": {"description": "The answer the client holds is still the one of the active release."},
                "400": _json("A parameter is missing or can't be used.", "Error"),
                "405": _json("The method is not GET, HEAD or OPTIONS.", "Error"),
            },
        }
    }


def _plain(summary: str, responses: Schema) -> Schema:
    refused = {"405": {"description": "The method is not GET, HEAD or OPTIONS."}}
    return {"get": {"summary": summary, "responses": {**responses, **refused}}}


@cache
def openapi_document() -> Schema:
    """Return the document. Parameters not listed are ignored."""
    filters = [_parameter(name, f"Only rows with this {name}, whatever its case.") for name in FILTERS]
    role = _parameter("role", "The role asked about.", required=True, minLength=1, pattern=_ROLE)
    lists = _parameter("lists", _LISTS_HELP)
    compare = _parameter("compare", f"A role to compare with; repeated for several, at most {ROLES_LIMIT}.")
    roles = _parameter("roles", _ROLES_HELP, required=True)
    roles["schema"] = {"type": "string", "minLength": 1, "pattern": _ROLES}
    text_answer = {"200": {"description": "Alive.", "content": {"text/plain": {"schema": _TEXT}}}}
    ready = {"200": _json("Ready.", "Readiness"), "503": _json("Not ready, and why.", "Readiness")}
    page = {"200": {"description": "The dashboard.", "content": {"text/html": {"schema": _TEXT}}}}
    picture = {"200": {"description": "The picture.", "content": {"image/png": {}}}}
    document = {"200": _json("This document.", "Document")}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Tech salaries", "version": "1", "description": "Salary figures of one dataset release."},
        "paths": {
            "/api/salaries/": _operation(
                "summary", "Counts, ranges and averages of a role", "Summary", [role, *filters, lists]
            ),
            "/api/salaries/insights/": _operation(
                "insights", "Percentiles and rankings of a role", "Insights", [role, *filters]
            ),
            "/api/salaries/comparison/": _operation(
                "comparison", "Several roles side by side", "Comparison", [roles, *filters, lists]
            ),
            "/api/salaries/overview/": _operation(
                "overview",
                "How the pay of a role is spread, and beside it other roles",
                "Overview",
                [role, *filters, compare],
            ),
            "/api/salaries/catalogue/": _operation(
                "catalogue", "The active release: sources, roles and how values are called", "Catalogue", []
            ),
            "/api/filters/": _operation("facets", "Distinct values in the data", "Facets", []),
            **{path: _plain("The dashboard", page) for path in ("/", "/dashboard/")},
            "/preview.png": _plain("The picture of shared links", picture),
            **{path: _plain("Liveness", text_answer) for path in ("/healthz", "/healthz/", "/health/")},
            "/readyz": _plain("Readiness: the database answers and is migrated", ready),
            "/api/schema": _plain("This document", document),
        },
        "components": {"schemas": _schemas()},
    }
