"""A migration's file as calls with arguments, from its syntax tree. What can't be told from that is said to be open."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Open:
    """A value that only running the file would tell; two of the same text are equal."""

    text: str


@dataclass(frozen=True, slots=True)
class Call:
    """`models.CharField(max_length=10)`: the last part of the name, and values of literals, calls or Open.

    `whole` is False where `*` or `**` bring more.
    """

    name: str
    positional: tuple[Any, ...]
    named: Mapping[str, Any]
    whole: bool = True

    def get(self, name: str, index: int | None = None, default: Any = None) -> Any:
        """An argument by name or, with `index`, by its place."""
        if name in self.named:
            return self.named[name]
        if index is not None and index < len(self.positional):
            return self.positional[index]
        return default


@dataclass(frozen=True, slots=True)
class MigrationClass:
    """What the class `Migration` of a file says. `operations` is None where they are put together by code."""

    operations: tuple[Call | Open, ...] | None
    dependencies: tuple[tuple[str, str], ...] = ()
    replaces: tuple[tuple[str, str], ...] = ()
    additive: bool = False


def migration_class(source: bytes) -> MigrationClass | None:
    """The class `Migration`; None where a file has none. Raises SyntaxError or ValueError for what is no Python."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.ClassDef) and node.name == "Migration":
            return _read(node)
    return None


def _read(node: ast.ClassDef) -> MigrationClass:
    said: dict[str, ast.expr | None] = {}
    for each in node.body:
        if isinstance(each, ast.Assign):
            said |= {target.id: each.value for target in each.targets if isinstance(target, ast.Name)}
        elif isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name):
            said[each.target.id] = each.value
        elif not isinstance(each, ast.Expr | ast.Pass):  # +=, a condition, a method: code that may change operations
            said |= {name.id: None for name in ast.walk(each) if isinstance(name, ast.Name) and name.id in said}
            if isinstance(each, ast.FunctionDef):
                said["operations"] = None
    if "operations" in said:
        listed = said["operations"]
        operations = _elements(listed) if listed is not None else None
    else:
        operations = () if _is_plain(node) else None
    marked = said.get("additive")
    return MigrationClass(
        operations=operations if operations is None else tuple(operations),
        dependencies=_pairs(said.get("dependencies")),
        replaces=_pairs(said.get("replaces")),
        additive=isinstance(marked, ast.Constant) and marked.value is True,
    )


def _is_plain(node: ast.ClassDef) -> bool:
    """Whether its base is Django's, which has no operations of its own."""
    return [value(base) for base in node.bases] in ([Open("migrations.Migration")], [Open("Migration")])


def _elements(node: ast.expr) -> Sequence[Call | Open] | None:
    if not isinstance(node, ast.List | ast.Tuple):
        return None
    found = []
    for each in node.elts:
        item = value(each)
        found.append(item if isinstance(item, Call | Open) else Open(ast.unparse(each)))
    return found


def _pairs(node: ast.expr | None) -> tuple[tuple[str, str], ...]:
    listed = value(node) if node is not None else ()
    if not isinstance(listed, list | tuple):
        return ()
    return tuple(
        (each[0], each[1])
        for each in listed
        if isinstance(each, tuple) and len(each) == 2 and all(isinstance(part, str) for part in each)
    )


def value(node: ast.expr) -> Any:
    """A literal's value, a Call, or Open. Lists, tuples, sets and mappings hold such values."""
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.List):
        return [value(each) for each in node.elts]
    if isinstance(node, ast.Tuple | ast.Set):
        return tuple(value(each) for each in node.elts)
    if isinstance(node, ast.Dict) and all(isinstance(key, ast.Constant) for key in node.keys):
        return {key.value: value(each) for key, each in zip(node.keys, node.values, strict=True)}  # type: ignore[union-attr]
    if isinstance(node, ast.Call) and (name := _last(node.func)):
        if name in {"set", "frozenset", "list", "tuple"} and not node.args and not node.keywords:
            return ()
        return _call(name, node)
    return Open(ast.unparse(node))


def _call(name: str, node: ast.Call) -> Call:
    whole = not any(isinstance(each, ast.Starred) for each in node.args)
    whole = whole and all(each.arg is not None for each in node.keywords)
    return Call(
        name,
        tuple(value(each) for each in node.args if not isinstance(each, ast.Starred)),
        {each.arg: value(each.value) for each in node.keywords if each.arg is not None},
        whole,
    )


def _last(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
