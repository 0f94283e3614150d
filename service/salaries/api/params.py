"""Query parameters of the API, checked: what is wrong is said in one sentence, with status 400."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import QueryDict

from salaries.models import TEXT_LIMIT
from salaries.selectors.rows import FILTERS

ROLES_LIMIT = 10
Filters = dict[str, str | None]


class ParameterError(Exception):
    """A parameter is missing or can't be used."""


@dataclass(frozen=True)
class Query:
    """A checked request: stripped, lower-cased roles and filters."""

    roles: list[str]
    filters: Filters

    @property
    def unfiltered(self) -> bool:
        """Tell whether the stored aggregates can answer."""
        return not any(self.filters.values())


def one_role(params: QueryDict) -> Query:
    """Return the query of an endpoint about one role; of a repeated parameter the last counts, as it always did."""
    role = _clean("role", params.get("role") or "")
    if role is None:
        raise ParameterError("The query parameter 'role' is required.")
    return Query([role], _filters(params))


def several_roles(params: QueryDict) -> Query:
    """Return the query of the comparison: `roles=a,b` and repeated `role=`, sorted and distinct."""
    given = [part for value in params.getlist("roles") for part in value.split(",")] + params.getlist("role")
    roles = sorted({role for role in (_clean("roles", part) for part in given) if role})
    if not roles:
        raise ParameterError("The query parameter 'roles' is required: role names separated by commas.")
    if len(roles) > ROLES_LIMIT:
        raise ParameterError(f"At most {ROLES_LIMIT} roles can be compared; {len(roles)} were given.")
    return Query(roles, _filters(params))


def _filters(params: QueryDict) -> Filters:
    return {name: _clean(name, params.get(name) or "") for name in FILTERS}


def _clean(name: str, value: str) -> str | None:
    if "\0" in value:
        raise ParameterError(f"The query parameter '{name}' holds a NUL character.")
    if len(value) > TEXT_LIMIT:
        raise ParameterError(f"The query parameter '{name}' is longer than {TEXT_LIMIT} characters.")
    return value.strip().lower() or None
