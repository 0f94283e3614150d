"""A ministack made of the table: modules with the names that it declares, and functions that only have parameters."""

from __future__ import annotations

import inspect
from types import SimpleNamespace
from typing import Any

from opsctl.local.emulator.seams import HANDLERS, TABLE, Modules, Seam


class Ministack:
    """`modules` by the name that the table gives them; change them before `load` or `whole` looks."""

    def __init__(self) -> None:
        self.modules = {path: _module(names) for path, names in TABLE.items()}
        provisioners = self.modules["services.cloudformation.provisioners"]
        provisioners._RESOURCE_HANDLERS = {
            name: {operation: value(seam) for operation, seam in operations.items()}
            for name, operations in HANDLERS.items()
        }

    def import_one(self, name: str) -> Any:
        path = name.removeprefix("ministack.")
        if path not in self.modules:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return self.modules[path]

    @property
    def whole(self) -> Modules:
        return Modules(**{path.rpartition(".")[2]: module for path, module in self.modules.items()})


def _module(names: Any) -> SimpleNamespace:
    module = SimpleNamespace()
    for name, seam in names.items():
        holder, _, last = name.rpartition(".")
        setattr(getattr(module, holder) if holder else module, last, value(seam))
    return module


def value(seam: Seam) -> Any:
    """What such a seam is found as: an object with attributes, or a function that must not be called."""
    if seam.parameters is None:
        return SimpleNamespace()
    return function(*seam.parameters, *sorted(seam.keywords))


def function(*parameters: str) -> Any:
    def refuse(*_arguments: object, **_options: object) -> None:
        raise AssertionError("this ministack does nothing")

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    vars(refuse)["__signature__"] = inspect.Signature([inspect.Parameter(name, kind) for name in parameters])
    return refuse
