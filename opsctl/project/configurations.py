"""django-configurations: settings as a class, and the variables that its values read."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from opsctl.project.findings import Kind, Source, Variable
from opsctl.project.surroundings import Surroundings, dotted, text_of

_KINDS: dict[str, Kind] = {
    "BooleanValue": "truth", "IntegerValue": "integer", "PositiveIntegerValue": "integer", "FloatValue": "number",
    "DecimalValue": "number", "ListValue": "list", "TupleValue": "list", "SetValue": "list",
}  # fmt: skip
_OWN_NAMES = {
    "DatabaseURLValue": "DATABASE_URL", "CacheURLValue": "CACHE_URL", "EmailURLValue": "EMAIL_URL",
    "SearchURLValue": "SEARCH_URL",
}  # fmt: skip


def serving(trees: Iterable[ast.Module], name: str) -> list[ast.Module]:
    """The files without the classes that the one of this name is not made of, such as that for development."""
    trees = list(trees)
    bases = {
        node.name: {part for base in node.bases for part in dotted(base)[-1:]}
        for tree in trees
        for node in tree.body
        if isinstance(node, ast.ClassDef)
    }
    used, waiting = set[str](), [name]
    while waiting:
        each = waiting.pop()
        waiting += bases.get(each, set()) - used
        used.add(each)
    return [
        ast.Module([node for node in tree.body if not isinstance(node, ast.ClassDef) or node.name in used], [])
        for tree in trees
    ]


def values(tree: ast.Module, file: str) -> Iterator[Variable]:
    """The variable of each `NAME = values.Value(…)` in a class of the file."""
    around = Surroundings(tree)
    for each in (node for node in tree.body if isinstance(node, ast.ClassDef)):
        for line in ast.walk(each):
            if isinstance(line, ast.Assign) and isinstance(line.value, ast.Call):
                target, kind = line.targets[0], (dotted(line.value.func) or ("",))[-1]
                if isinstance(target, ast.Name) and kind.endswith("Value"):
                    yield from _value(line.value, target.id, kind, file, around)


def _value(node: ast.Call, setting: str, kind: str, file: str, around: Surroundings) -> Iterator[Variable]:
    keywords = {each.arg: each.value for each in node.keywords}
    given = {key: each.value for key, each in keywords.items() if isinstance(each, ast.Constant)}
    if given.get("environ") is False:
        return
    own = _OWN_NAMES.get(kind, "")
    prefix = str(given.get("environ_prefix", "" if own else "DJANGO") or "").rstrip("_")
    name = str(given.get("environ_name") or own or setting.upper())
    default = keywords.get("default", node.args[0] if node.args else None)
    yield Variable(
        name=f"{prefix}_{name}" if prefix else name,
        source=Source(file, node.lineno),
        required=kind == "SecretValue" or given.get("environ_required") is True,
        default=None if default is None else text_of(default),
        kind="url" if own else _KINDS.get(kind, "text"),
        targets=around.targets(node),
    )
