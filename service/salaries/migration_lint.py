"""Refuse migrations that the previous release could not work with.

A deploy migrates before it changes the service, and a rollback does not undo migrations, so the old code must keep
working on the new tables: add first, move readers and writers over, remove a release later. A migration that is allowed
to break this says why in `backward_incompatible = "the reason"`.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.db.migrations import Migration
from django.db.migrations.operations.base import Operation
from django.db.migrations.operations.fields import AddField, AlterField, RemoveField, RenameField
from django.db.migrations.operations.models import (
    AddConstraint,
    AlterModelTable,
    AlterUniqueTogether,
    CreateModel,
    DeleteModel,
    RenameModel,
)
from django.db.migrations.operations.special import RunPython, RunSQL, SeparateDatabaseAndState
from django.db.models import NOT_PROVIDED, Field

ALLOWANCE = "backward_incompatible"


def migration_problems(migration: Migration) -> list[str]:
    """Return what in `migration` would break the release before it; nothing when it carries an allowance."""
    allowance = getattr(migration, ALLOWANCE, None)
    if allowance is not None:
        good = isinstance(allowance, str) and len(allowance.strip()) >= 10
        return [] if good else [f"{ALLOWANCE} must be a sentence that says why the old release is not hurt"]
    created: set[str] = set()
    return [problem for operation in migration.operations for problem in _problems(operation, created)]


def _problems(operation: Operation, created: set[str]) -> Iterable[str]:
    """Yield the problems of one operation; `created` collects models that this migration itself makes."""
    if isinstance(operation, CreateModel):
        created.add(operation.name_lower)
        return
    if isinstance(operation, SeparateDatabaseAndState):
        for inner in operation.database_operations:
            yield from _problems(inner, created)
        return
    model = str(getattr(operation, "model_name_lower", None) or getattr(operation, "name_lower", ""))
    if model in created:
        return
    yield from _structural(operation, model)


def _structural(operation: Operation, model: str) -> Iterable[str]:
    name = str(getattr(operation, "name", ""))
    if isinstance(operation, RemoveField | RenameField):
        old = getattr(operation, "old_name", name)
        yield f"{type(operation).__name__} {model}.{old}: the old release still reads and writes it"
    elif isinstance(operation, DeleteModel | RenameModel | AlterModelTable):
        yield f"{type(operation).__name__} {model}: the old release still uses the table"
    elif isinstance(operation, AddField) and _needs_value(operation.field):
        yield f"AddField {model}.{name}: the old release inserts rows without it; make it null or give it a db_default"
    elif isinstance(operation, AlterField) and _needs_value(operation.field):
        yield f"AlterField {model}.{name}: NOT NULL without a db_default; the old release may leave it empty"
    elif isinstance(operation, AddConstraint | AlterUniqueTogether):
        yield f"{type(operation).__name__} {model}: the old release may write rows that it refuses"
    elif isinstance(operation, RunSQL):
        yield "RunSQL: no linter can tell what it breaks"
    elif isinstance(operation, RunPython) and operation.reverse_code is None:
        yield "RunPython without reverse code"


def _needs_value(field: Field[object, object]) -> bool:
    # `default` is applied by the new code only; what helps the old code is a default of the database.
    return not field.null and field.db_default is NOT_PROVIDED and not field.primary_key and not field.many_to_many
