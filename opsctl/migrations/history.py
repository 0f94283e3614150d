"""An app's models as its migrations leave them, as far as judging the next migration takes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from opsctl.migrations.syntax import Call, Open


@dataclass
class Model:
    """A model: its name as written, its fields by name and its options. `whole`: nothing of it is computed."""

    name: str
    fields: dict[str, Call | Open] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    whole: bool = True

    @property
    def has_table(self) -> bool:
        """Unless it is a proxy, or somebody else looks after its table."""
        return self.options.get("managed", True) is not False and self.options.get("proxy") is not True


@dataclass
class App:
    """The models of one app, by name in small letters. `label` is its folder's name."""

    label: str
    models: dict[str, Model] = field(default_factory=dict)

    def model(self, name: Any) -> Model:
        """A model; one of which nothing is known where there is none of this name."""
        text = name if isinstance(name, str) else "?"
        return self.models.get(text.lower()) or Model(text, whole=False)

    def full(self, name: Any) -> str:
        """`app.Model`, as it is written where it is made."""
        return f"{self.label}.{self.model(name).name}"

    def apply(self, operation: Call | Open) -> None:
        """Do to the models what an operation does."""
        if isinstance(operation, Call) and (change := _CHANGES.get(operation.name)) is not None:
            change(self, operation)


def _create(app: App, operation: Call) -> None:
    name, listed = operation.get("name", 0), operation.get("fields", 1)
    options = operation.get("options", 2)
    if not isinstance(name, str):
        return
    fields: dict[str, Call | Open] = {}
    for each in listed if isinstance(listed, list | tuple) else ():
        if isinstance(each, tuple) and len(each) == 2 and isinstance(each[0], str):
            fields[each[0]] = each[1] if isinstance(each[1], Call | Open) else Open(str(each[1]))
    whole = operation.whole and isinstance(listed, list | tuple) and len(fields) == len(listed)
    known = dict(options) if isinstance(options, Mapping) else {}
    app.models[name.lower()] = Model(name, fields, known, whole and not isinstance(options, Open | Call))


def _delete(app: App, operation: Call) -> None:
    app.models.pop(str(operation.get("name", 0)).lower(), None)


def _rename(app: App, operation: Call) -> None:
    old, new = operation.get("old_name", 0), operation.get("new_name", 1)
    if isinstance(old, str) and isinstance(new, str) and (model := app.models.pop(old.lower(), None)) is not None:
        model.name = new
        app.models[new.lower()] = model
        for each in app.models.values():
            each.fields = {name: _pointed(app, made, old, new) for name, made in each.fields.items()}


def _pointed(app: App, made: Call | Open, old: str, new: str) -> Call | Open:
    """A field; one that leads to the renamed model leads to its new name, as Django has it from then on."""
    to = made.get("to", 0) if isinstance(made, Call) else None
    if not isinstance(made, Call) or not isinstance(to, str):
        return made
    if to.lower() not in {old.lower(), f"{app.label}.{old}".lower()}:
        return made
    there = f"{app.label}.{new}"
    if "to" in made.named:
        return replace(made, named={**made.named, "to": there})
    return replace(made, positional=(there, *made.positional[1:]))


def _set_field(app: App, operation: Call) -> None:
    name, made = operation.get("name", 1), operation.get("field", 2)
    if isinstance(name, str):
        app.model(operation.get("model_name", 0)).fields[name] = made if isinstance(made, Call | Open) else Open("?")


def _remove_field(app: App, operation: Call) -> None:
    app.model(operation.get("model_name", 0)).fields.pop(str(operation.get("name", 1)), None)


def _rename_field(app: App, operation: Call) -> None:
    fields = app.model(operation.get("model_name", 0)).fields
    old, new = str(operation.get("old_name", 1)), operation.get("new_name", 2)
    if isinstance(new, str) and old in fields:
        fields[new] = fields.pop(old)


def _options(app: App, operation: Call) -> None:
    given = operation.get("options", 1)
    if isinstance(given, Mapping):
        # As Django: options that only migrations set stay.
        app.model(operation.get("name", 0)).options.update(given)


def _option(name: str, index: int) -> Any:
    def change(app: App, operation: Call) -> None:
        argument = {"db_table": "table"}.get(name, name)
        app.model(operation.get("name", 0)).options[name] = operation.get(argument, index)

    return change


def _both(app: App, operation: Call) -> None:
    listed = operation.get("state_operations", 1)
    for each in listed if isinstance(listed, list | tuple) else ():
        app.apply(each if isinstance(each, Call | Open) else Open(str(each)))


def _by_sql(app: App, operation: Call) -> None:
    listed = operation.get("state_operations", 2)
    for each in listed if isinstance(listed, list | tuple) else ():
        app.apply(each if isinstance(each, Call | Open) else Open(str(each)))


_CHANGES: Mapping[str, Any] = {
    "CreateModel": _create,
    "DeleteModel": _delete,
    "RenameModel": _rename,
    "AddField": _set_field,
    "AlterField": _set_field,
    "RemoveField": _remove_field,
    "RenameField": _rename_field,
    "AlterModelOptions": _options,
    "AlterModelTable": _option("db_table", 1),
    "AlterUniqueTogether": _option("unique_together", 1),
    "AlterOrderWithRespectTo": _option("order_with_respect_to", 1),
    "SeparateDatabaseAndState": _both,
    "RunSQL": _by_sql,
}
