"""What every login may do because the server does not let the master forbid it: told, so that somebody knows. Pure.

On RDS, PostgreSQL's own functions belong to AWS's superuser, and revoking one changes nothing but a warning.
"""

from __future__ import annotations

from collections.abc import Iterator

from opsctl.dbroles.catalog import PUBLIC, Catalog
from opsctl.dbroles.model import SERVER_DATABASES, RoleModel


def find_left_open(model: RoleModel, catalog: Catalog) -> tuple[str, ...]:
    """Sentences about what stays open to every login, in a stable order."""
    return (*_databases(catalog), *_functions(catalog), *_temporary_files(model, catalog))


def _databases(catalog: Catalog) -> Iterator[str]:
    for one in catalog.neighbours:
        if not (one.owned and one.name in SERVER_DATABASES):
            yield (
                f"Every login may connect to database {one.name} and make temporary tables there; its owner closes it "
                f"with REVOKE ALL ON DATABASE {one.name} FROM PUBLIC."
            )


def _functions(catalog: Catalog) -> Iterator[str]:
    names = [one.name for one in catalog.functions if PUBLIC in one.grantees and not one.owned]
    if names:
        yield (
            f"Every login may fill the disk by {', '.join(dict.fromkeys(names))}; the server lets only a superuser "
            "revoke them."
        )


def _temporary_files(model: RoleModel, catalog: Catalog) -> Iterator[str]:
    if model.limited_roles and not (catalog.limits_temp_files or catalog.temp_files_limited):
        yield (
            f"Queries of {', '.join(model.limited_roles)} may write temporary files until the disk is full; "
            f"{catalog.current_user} may not set temp_file_limit, the server's configuration can."
        )
