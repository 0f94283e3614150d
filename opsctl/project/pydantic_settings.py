"""Variables that classes of pydantic-settings read: one per field, by its name, prefix or alias."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from opsctl.project.findings import Kind, Source, Target, Variable
from opsctl.project.surroundings import Surroundings, dotted, text_of

_KINDS: dict[str, Kind] = {
    "int": "integer", "float": "number", "bool": "truth", "list": "json", "List": "json", "dict": "json",
    "tuple": "json", "set": "json", "PostgresDsn": "url", "AnyUrl": "url", "AnyHttpUrl": "url", "HttpUrl": "url",
}  # fmt: skip


def fields(tree: ast.Module, file: str, trees: Mapping[str, ast.Module]) -> Iterator[Variable]:
    """The variables of the file's classes; `trees` are all files in which a field may become a setting."""
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    names = {"BaseSettings"}
    for each in classes:
        if any((dotted(base) or ("",))[-1] in names for base in each.bases):
            names.add(each.name)
            prefix = _prefix(each)
            for field in each.body:
                if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                    yield _variable(field, field.target.id, prefix, file, trees)


def _prefix(node: ast.ClassDef) -> str:
    """`env_prefix` of `model_config`, or of version 1's inner class."""
    for each in ast.walk(node):
        if isinstance(each, ast.keyword) and each.arg == "env_prefix":
            return text_of(each.value) or ""
        if isinstance(each, ast.Assign) and dotted(each.targets[0]) == ("env_prefix",):
            return text_of(each.value) or ""
        if isinstance(each, ast.Dict):
            for key, value in zip(each.keys, each.values, strict=True):
                if text_of(key) == "env_prefix":
                    return text_of(value) or ""
    return ""


def _variable(field: ast.AnnAssign, name: str, prefix: str, file: str, trees: Mapping[str, ast.Module]) -> Variable:
    given = field.value
    alias, default, required = "", given, given is None
    if isinstance(given, ast.Call) and dotted(given.func)[-1:] == ("Field",):
        keywords = {each.arg: each.value for each in given.keywords}
        alias = next((text for key in ("validation_alias", "alias", "env") if (text := text_of(keywords.get(key)))), "")
        default = keywords.get("default", given.args[0] if given.args else None)
        required = default is None and "default_factory" not in keywords
    if isinstance(default, ast.Constant) and default.value is ...:
        default, required = None, True
    return Variable(
        name=alias or f"{prefix}{name}".upper(),
        source=Source(file, field.lineno),
        required=required,
        default=None if default is None else text_of(default),
        kind=_kind(field.annotation),
        targets=tuple(_targets(name, trees)),
    )


def _kind(annotation: ast.expr) -> Kind:
    for node in ast.walk(annotation):
        path = dotted(node)
        if path and path[-1] in _KINDS:
            return _KINDS[path[-1]]
    return "text"


def _targets(name: str, trees: Mapping[str, ast.Module]) -> Iterator[Target]:
    """The settings that `something.name` is assigned to."""
    for tree in trees.values():
        around: Surroundings | None = None
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr == name and isinstance(node.ctx, ast.Load):
                around = around or Surroundings(tree)
                yield from around.targets(node)
