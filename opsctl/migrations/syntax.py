"""A migration's file as calls with arguments, from its syntax tree. What can't be told from that is said to be open."""

from __future__ import annotations

import ast
import re
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
    """What the class `Migration` of a file says. `operations` is None where they are put together by code; `whole` is
    False where code outside of the class may change what it does.
    """

    operations: tuple[Call | Open, ...] | None
    dependencies: tuple[tuple[str, str], ...] = ()
    replaces: tuple[tuple[str, str], ...] = ()
    additive: bool = False
    whole: bool = True


# What Django calls an operation of its own, which somebody else's class may be called too.
_OPERATION = re.compile(r"(?:Create|Delete|Rename|Alter|Add|Remove|Run|Separate|Validate)[A-Z]\w*|\w+Extension")
_NAME = "Migration"


def migration_class(source: bytes) -> MigrationClass | None:
    """The class `Migration`; None where a file has none. Raises SyntaxError or ValueError for what is no Python."""
    body = ast.parse(source).body
    classes = [node for node in body if isinstance(node, ast.ClassDef) and node.name == _NAME]
    others = [node for node in body if node not in classes]
    foreign = [each for each in others if not (isinstance(each, ast.ImportFrom) and _is_djangos(each))]
    mentioned = any(_names_it(node) for each in foreign for node in ast.walk(each))
    if len(classes) != 1:
        return MigrationClass(None, whole=False) if classes or mentioned else None
    node = classes[0]
    _Others(others).visit(node)
    return _read(node, whole=not mentioned and not node.decorator_list and _is_plain(node))


def _names_it(node: ast.AST) -> bool:
    """Whether something outside of the class makes or touches a `Migration`, or may."""
    if isinstance(node, ast.alias):
        return (node.asname or node.name) in {_NAME, "*"}
    if isinstance(node, ast.ClassDef | ast.FunctionDef):
        return node.name == _NAME
    return isinstance(node, ast.Name) and node.id == _NAME


class _Others(ast.NodeTransformer):
    """Gives operations that are not Django's, by where the file has them from, the whole of their name."""

    def __init__(self, body: Sequence[ast.stmt]) -> None:
        self._names: set[str] = set()
        for node in (each for statement in body for each in ast.walk(statement)):
            if isinstance(node, ast.ClassDef | ast.FunctionDef):
                self._names.add(node.name)
            elif isinstance(node, ast.Import):
                self._names |= {_bound(each) for each in node.names if each.name.partition(".")[0] != "django"}
            elif isinstance(node, ast.ImportFrom):
                ours = _is_djangos(node)
                # What Django has under another name is not what it says either.
                self._names |= {_bound(each) for each in node.names if not ours or _is_renamed(each)}
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                self._names.add(node.id)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Rename it where it is somebody else's."""
        self.generic_visit(node)
        root: ast.expr = node.func
        while isinstance(root, ast.Attribute):
            root = root.value
        if _OPERATION.fullmatch(_last(node.func)) and isinstance(root, ast.Name) and root.id in self._names:
            node.func = ast.Name(f"another {ast.unparse(node.func)}", ast.Load())
        return node


def _is_renamed(name: ast.alias) -> bool:
    return _OPERATION.fullmatch(_bound(name)) is not None and name.asname not in {None, name.name}


def _is_djangos(node: ast.ImportFrom) -> bool:
    return node.level == 0 and (node.module or "").partition(".")[0] == "django"


def _bound(name: ast.alias) -> str:
    return name.asname or name.name.partition(".")[0]


def _read(node: ast.ClassDef, *, whole: bool) -> MigrationClass:
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
        whole=whole,
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
