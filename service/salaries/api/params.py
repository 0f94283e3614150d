"""Query parameters of the API, checked: what is wrong is said in one sentence, with status 400."""

from __future__ import annotations

from dataclasses import dataclass, replace

from django.http import QueryDict

from salaries.models import TEXT_LIMIT
from salaries.selectors.rows import FILTERS

ROLES_LIMIT = 10
# The lists of a summary, which make most of it.
LISTS = ("currencies", "levels", "states", "work_models", "sources")
Filters = dict[str, str | None]


class ParameterError(Exception):
    """A parameter is missing or can't be used."""


@dataclass(frozen=True)
class Query:
    """A checked request: stripped, lower-cased roles and filters.

    `lists` are those of a summary that are wanted, all for none; `compared` the roles beside the one of an overview.
    """

    roles: list[str]
    filters: Filters
    lists: tuple[str, ...] = ()
    compared: tuple[str, ...] = ()

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


def one_summary(params: QueryDict) -> Query:
    """Return the query of the summary: one role, and the lists to send."""
    return replace(one_role(params), lists=_lists(params))


def one_overview(params: QueryDict) -> Query:
    """Return the query of the overview: one role, and those it is compared with by repeated `compare=`."""
    query = one_role(params)
    compared = sorted({role for role in (_clean("compare", part) for part in params.getlist("compare")) if role})
    compared = [role for role in compared if role != query.roles[0]]
    if len(compared) > ROLES_LIMIT:
        raise ParameterError(f"At most {ROLES_LIMIT} roles can be compared; {len(compared)} were given.")
    return replace(query, compared=tuple(compared))


def several_roles(params: QueryDict) -> Query:
    """Return the query of the comparison: `roles=a,b` and repeated `role=`, sorted and distinct."""
    given = [part for value in params.getlist("roles") for part in value.split(",")] + params.getlist("role")
    roles = sorted({role for role in (_clean("roles", part) for part in given) if role})
    if not roles:
        raise ParameterError("The query parameter 'roles' is required: role names separated by commas.")
    if len(roles) > ROLES_LIMIT:
        raise ParameterError(f"At most {ROLES_LIMIT} roles can be compared; {len(roles)} were given.")
    return Query(roles, _filters(params), _lists(params))


def _filters(params: QueryDict) -> Filters:
    return {name: _clean(name, params.get(name) or "") for name in FILTERS}


def _lists(params: QueryDict) -> tuple[str, ...]:
    """Return the lists that are wanted. An unknown name is passed over: a newer client may know more of them."""
    given = (_clean("lists", params.get("lists") or "") or "").split(",")
    return tuple(name for name in LISTS if name in (each.strip() for each in given))


def _clean(name: str, value: str) -> str | None:
    if "\0" in value:
        raise ParameterError(f"The query parameter '{name}' holds a NUL character.")
    if len(value) > TEXT_LIMIT:
        raise ParameterError(f"The query parameter '{name}' is longer than {TEXT_LIMIT} characters.")
    return value.strip().lower() or None
