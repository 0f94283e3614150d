"""A verdict on each of Django's migration operations: can code of the release before go on beside it?

That code names the columns it knows when it reads, and leaves those it does not know out when it writes. [Django,
ref/migration-operations and ref/contrib/postgres/operations]
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from opsctl.migrations import fields
from opsctl.migrations.history import App
from opsctl.migrations.syntax import Call, Open
from opsctl.migrations.verdict import Finding

# What takes nothing away and asks nothing of rows. ValidateConstraint: new rows were checked before it already.
_ADDITIVE = frozenset({
    "CreateModel", "AddIndex", "RemoveIndex", "RenameIndex", "AlterIndexTogether", "RemoveConstraint",
    "AlterConstraint", "AlterModelOptions", "AlterModelManagers", "AlterModelTableComment", "AddIndexConcurrently",
    "RemoveIndexConcurrently", "ValidateConstraint", "CreateCollation", "CreateExtension", "BloomExtension",
    "BtreeGinExtension", "BtreeGistExtension", "CITextExtension", "CryptoExtension", "HStoreExtension",
    "TrigramExtension", "UnaccentExtension",
})  # fmt: skip
Judge = Callable[[App, Call], Iterator[Finding]]


def findings(app: App, operation: Call | Open) -> Iterator[Finding]:
    """What of an operation older code can't live with; `app` is as it was before the operation."""
    if isinstance(operation, Open):
        yield Finding("unknown", f"has an operation that only running it would tell ({_short(operation.text)})")
        return
    judge = _JUDGES.get(operation.name)
    if judge is not None:
        yield from judge(app, operation)
    elif operation.name not in _ADDITIVE:
        yield Finding("unknown", f"has an operation that opsctl does not know ({operation.name})")


def created(app: App, operation: Call | Open) -> Iterator[str]:
    """Models that an operation makes a table for, as `app.Model`."""
    if isinstance(operation, Call) and operation.name == "CreateModel" and isinstance(operation.get("name", 0), str):
        yield f"{app.label}.{operation.get('name', 0)}"


def _delete_model(app: App, operation: Call) -> Iterator[Finding]:
    name = operation.get("name", 0)
    if app.model(name).has_table:
        yield _breaking(app, name, f"removes {app.model(name).name}, which the release before still uses")


def _rename_model(app: App, operation: Call) -> Iterator[Finding]:
    name = operation.get("old_name", 0)
    if app.model(name).has_table:
        new = operation.get("new_name", 1)
        yield _breaking(app, name, f"renames {app.model(name).name} to {new}, and the release before uses the old name")


def _alter_table(app: App, operation: Call) -> Iterator[Finding]:
    name, table = operation.get("name", 0), operation.get("table", 1)
    model = app.model(name)
    if model.has_table and (table is None or model.options.get("db_table") != table):
        yield _breaking(app, name, f"renames the table of {model.name}, and the release before uses the old name")


def _order(app: App, operation: Call) -> Iterator[Finding]:
    name = operation.get("name", 0)
    said = operation.get("order_with_respect_to", 1)
    if app.model(name).has_table and app.model(name).options.get("order_with_respect_to") != said:
        yield _breaking(
            app, name, f"adds or removes the column _order of {app.model(name).name}, which the release before "
            "does not know as it is then",
        )  # fmt: skip


def _unique_together(app: App, operation: Call) -> Iterator[Finding]:
    name = operation.get("name", 0)
    model, new = app.model(name), operation.get("unique_together", 1)
    old = model.options.get("unique_together") if model.whole else None
    if not model.has_table or not new:
        return
    if isinstance(new, Open | Call):
        yield Finding("unknown", f"makes {model.name} unique in a way that only running it would tell", app.full(name))
    elif not (isinstance(old, list | tuple) and set(_groups(new)) <= set(_groups(old))):
        yield _breaking(app, name, f"makes {model.name} unique in more ways, and the release before writes duplicates")


def _groups(value: Any) -> Iterator[tuple[Any, ...]]:
    """`unique_together` may be one group or several."""
    if isinstance(value, list | tuple):
        if value and all(isinstance(each, str) for each in value):
            yield tuple(value)
        else:
            yield from (tuple(each) if isinstance(each, list | tuple) else (str(each),) for each in value)


def _add_field(app: App, operation: Call) -> Iterator[Finding]:
    name = operation.get("model_name", 0)
    if app.model(name).has_table:
        made = operation.get("field", 2)
        told = fields.keeps_rows(made if isinstance(made, Call | Open) else Open("?"))
        yield from _told(app, operation, "adds", told)


def _remove_field(app: App, operation: Call) -> Iterator[Finding]:
    name = operation.get("model_name", 0)
    model, gone = app.model(name), str(operation.get("name", 1))
    known = model.fields.get(gone)
    plain = isinstance(known, Call) and not fields.has_column(known) and known.name != "ManyToManyField"
    if model.has_table and not plain:
        yield _breaking(app, name, f"removes {model.name}.{gone}, which the release before still reads")


def _rename_field(app: App, operation: Call) -> Iterator[Finding]:
    name, old = operation.get("model_name", 0), str(operation.get("old_name", 1))
    model = app.model(name)
    known = model.fields.get(old)
    kept = isinstance(known, Call) and isinstance(known.get("db_column") or known.get("db_table"), str)
    if model.has_table and not kept:
        new = operation.get("new_name", 2)
        yield _breaking(
            app, name, f"renames {model.name}.{old} to {new}, which the release before reads by its old name"
        )


def _alter_field(app: App, operation: Call) -> Iterator[Finding]:
    name, changed = operation.get("model_name", 0), str(operation.get("name", 1))
    model, made = app.model(name), operation.get("field", 2)
    if not model.has_table:
        return
    old = model.fields.get(changed)
    if old is None:
        yield from _told(app, operation, "changes", ("unknown", "and how it was before can't be read"))
    else:
        yield from _told(app, operation, "changes", fields.narrows(old, made if isinstance(made, Call) else Open("?")))


def _told(app: App, operation: Call, verb: str, told: fields.Told | None) -> Iterator[Finding]:
    if told is not None:
        name = operation.get("model_name", 0)
        verdict, why = told
        what = f"{verb} {app.model(name).name}.{operation.get('name', 1)} {why}"
        yield Finding("breaking" if verdict == "breaking" else "unknown", what, app.full(name))


def _add_constraint(app: App, operation: Call) -> Iterator[Finding]:
    name, constraint = operation.get("model_name", 0), operation.get("constraint", 1)
    said = constraint.get("name") if isinstance(constraint, Call) else None
    if app.model(name).has_table:
        yield _breaking(
            app, name, f"adds the constraint {said or '?'} to {app.model(name).name}, which rows of the release before "
            "may violate",
        )  # fmt: skip


def _separate(app: App, operation: Call) -> Iterator[Finding]:
    listed = operation.get("database_operations", 0)
    if listed is None:
        return
    if not isinstance(listed, list | tuple):
        yield Finding("unknown", "has database_operations that only running it would tell")
        return
    for each in listed:
        yield from findings(app, each if isinstance(each, Call | Open) else Open(str(each)))


def _run(app: App, operation: Call) -> Iterator[Finding]:  # noqa: ARG001
    given = operation.get("code", 0) if operation.name == "RunPython" else operation.get("sql", 0)
    nothing = isinstance(given, Open) and given.text.endswith(f"{operation.name}.noop")
    if not nothing and given not in ("", [], ()):
        language = operation.name.removeprefix("Run")
        yield Finding(
            "unknown", f"runs {language}, and what that does to rows that the release before uses is not told"
        )


def _remove_collation(app: App, operation: Call) -> Iterator[Finding]:  # noqa: ARG001
    yield Finding("unknown", f"removes the collation {operation.get('name', 0)}")


def _breaking(app: App, name: Any, what: str) -> Finding:
    return Finding("breaking", what, app.full(name))


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}…"


_JUDGES: Mapping[str, Judge] = {
    "DeleteModel": _delete_model,
    "RenameModel": _rename_model,
    "AlterModelTable": _alter_table,
    "AlterOrderWithRespectTo": _order,
    "AlterUniqueTogether": _unique_together,
    "AddField": _add_field,
    "RemoveField": _remove_field,
    "RenameField": _rename_field,
    "AlterField": _alter_field,
    "AddConstraint": _add_constraint,
    "AddConstraintNotValid": _add_constraint,
    "SeparateDatabaseAndState": _separate,
    "RunSQL": _run,
    "RunPython": _run,
    "RemoveCollation": _remove_collation,
}
