"""What a database that came from elsewhere holds in `public`, as the owner's: whose it was, and where it goes. Pure.

Only a model that adopts does this. With an owner's login it stays in `public`; the seven roles have it in `app`, where
they look. Functions, types and other schemas stay as they are, and are reported.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby

from opsctl.dbroles.catalog import Catalog, Legacy, Relation
from opsctl.dbroles.changes import AdoptRelations, Change, GrantRole, RevokeRole
from opsctl.dbroles.model import PUBLIC_SCHEMA, RoleModel


def adopt(model: RoleModel, catalog: Catalog) -> Iterator[Change]:
    """The changes that bring it home, an owner after the other.

    NOTE: who gives away what a role owns needs that role's rights. The role may be in rds_iam, which would lock the
    master out (docs/database.md): the membership ends in the transaction that it began in, and nobody sees it.
    """
    for former, group in groupby(_strange(model, catalog), key=lambda one: one.owner):
        found = [*group]
        borrowed = not all(one.reachable for one in found)
        if borrowed:
            yield GrantRole(former, catalog.current_user)
        yield AdoptRelations(tuple(one.name for one in found if not one.follows), former, model.owner, _home(model))
        if borrowed:
            yield RevokeRole(former, catalog.current_user)


def adopted(model: RoleModel, catalog: Catalog) -> Catalog:
    """The catalog as it is after that, as far as grants go."""
    found = [Relation(_home(model), one.name, one.kind, model.owner) for one in _strange(model, catalog)]
    moved = {(one.schema, one.name) for one in found}
    kept = [one for one in catalog.relations if (one.schema, one.name) not in moved]
    return replace(catalog, relations=(*kept, *found)) if found else catalog


def _home(model: RoleModel) -> str:
    return model.schemas[0]


def _strange(model: RoleModel, catalog: Catalog) -> list[Legacy]:
    """In `public` of an owner's login what others own; of the seven roles all."""
    stays = _home(model) == PUBLIC_SCHEMA
    return [one for one in catalog.legacy if not (stays and one.owner == model.owner)]
