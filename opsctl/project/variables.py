"""Environment variables that a Python file reads, found in its syntax tree, with what becomes of each."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from opsctl.project.findings import Kind, Source, Variable
from opsctl.project.surroundings import Surroundings, dotted, text_of

_NAME = re.compile(r"[A-Z][A-Z0-9_]{1,127}")
_ANY_NAME = re.compile(r"[A-Za-z_]\w{0,127}")
# Readers of django-environ, environs and dj-database-url that have a variable of their own when none is named.
_OWN_NAMES = {
    "db": "DATABASE_URL", "db_url": "DATABASE_URL", "dj_db_url": "DATABASE_URL",
    "cache": "CACHE_URL", "cache_url": "CACHE_URL", "dj_cache_url": "CACHE_URL",
    "email": "EMAIL_URL", "email_url": "EMAIL_URL", "dj_email_url": "EMAIL_URL", "search_url": "SEARCH_URL",
    "channels": "CHANNELS_URL", "channels_url": "CHANNELS_URL",
}  # fmt: skip
_MODULES = {
    "dj_database_url": "DATABASE_URL", "dj_email_url": "EMAIL_URL", "django_cache_url": "CACHE_URL",
    "dj_redis_url": "REDIS_URL",
}  # fmt: skip
_KINDS: dict[str, Kind] = {
    "int": "integer", "integer": "integer", "float": "number", "decimal": "number", "bool": "truth",
    "boolean": "truth", "flag": "truth", "list": "list", "tuple": "list", "Csv": "list", "json": "json", "dict": "list",
    "url": "url", "str": "text",
}  # fmt: skip
_NOT_READERS = frozenset({
    "read_env", "setdefault", "putenv", "unsetenv", "prefixed", "load_dotenv", "find_dotenv", "get_env_file", "dump",
    "seal", "update",
})  # fmt: skip
_Way = Literal["needed", "optional", "other"]
"""What a function of the project does without the variable whose name it is given; `other`: it reads none so called."""


@dataclass(frozen=True, slots=True)
class _Read:
    """One place that reads a variable, before what stands around it was looked at."""

    name: str
    node: ast.expr
    default: ast.expr | None = None
    optional: bool = False
    kind: Kind = "text"


def variables(tree: ast.Module, file: str, others: Iterable[ast.Module] = ()) -> tuple[Variable, ...]:
    """Every variable that the file reads, in the order of its lines; one that is read twice counts once.

    `others` are files of the same settings, which may have made the reader with defaults.
    """
    around = Surroundings(tree)
    own = {name: way for each in (*others, tree) for name, way in _own_functions(each)}
    scheme = {name: said for each in (*others, tree) for name, said in _scheme(each)}
    environs = _environ_names(tree)
    found: dict[str, Variable] = {}
    for node in ast.walk(tree):
        read = _subscript(node, environs) or _call(node, environs, own)
        if read is None:
            continue
        name = around.prefix(read.node) + read.name
        read = replace(read, name=name)
        if name in scheme:
            kind, default = scheme[name]
            read = replace(read, kind=kind, default=read.default or default, optional=True)
        variable = _variable(read, around, file)
        found[name] = merged(found[name], variable) if name in found else variable
    return tuple(sorted(found.values(), key=lambda each: each.source.line))


def merged(one: Variable, other: Variable) -> Variable:
    """Two reads of a variable: it is required when one of them has no default, whatever the other falls back to."""
    first, second = sorted((one, other), key=lambda each: not each.targets)
    needed = next((each for each in (first, second) if each.required), first)
    return replace(
        first,
        source=needed.source,
        required=one.required or other.required,
        default=one.default if one.default is not None else other.default,
        kind=first.kind if first.kind != "text" else second.kind,
        targets=(*first.targets, *(each for each in second.targets if each not in first.targets)),
    )


def _variable(read: _Read, around: Surroundings, file: str) -> Variable:
    kind = around.kind(read.node) or read.kind
    return Variable(
        name=read.name,
        source=Source(file, read.node.lineno),
        required=not (read.optional or around.is_guarded(read.node)),
        default=None if read.default is None else text_of(read.default),
        kind=kind,
        targets=around.targets(read.node),
    )


def _subscript(node: ast.AST, environs: frozenset[str]) -> _Read | None:
    """`os.environ["NAME"]`, read and not written."""
    if not isinstance(node, ast.Subscript) or not isinstance(node.ctx, ast.Load):
        return None
    base = dotted(node.value)
    if base[-1:] != ("environ",) and not (len(base) == 1 and base[0] in environs):
        return None
    name = _name(node.slice, _ANY_NAME)
    return _Read(name, node) if name else None


def _call(node: ast.AST, environs: frozenset[str], own: Mapping[str, _Way]) -> _Read | None:
    if not isinstance(node, ast.Call):
        return None
    path = dotted(node.func)
    if not path or path[-1] in _NOT_READERS:
        return None
    keywords = {each.arg: each.value for each in node.keywords if each.arg}
    if path[0] in _MODULES:
        return _url_module(node, path, keywords)
    if _is_environ_get(path, environs):
        name = _name(node.args[0], _ANY_NAME) if node.args else ""
        default = node.args[1] if len(node.args) > 1 else keywords.get("default")
        return _Read(name, node, _real(default), optional=True) if name else None
    return _helper(node, path, keywords, own)


def _is_environ_get(path: tuple[str, ...], environs: frozenset[str]) -> bool:
    if path[-1:] == ("getenv",):
        return True
    return len(path) > 1 and path[-1] in {"get", "pop"} and (path[-2] == "environ" or path[-2] in environs)


def _url_module(node: ast.Call, path: tuple[str, ...], keywords: Mapping[str, ast.expr]) -> _Read | None:
    """`dj_database_url.config()` and its like."""
    if path[-1] != "config":
        return None
    given = node.args[0] if node.args else keywords.get("env")
    name = _MODULES[path[0]] if given is None else _name(given, _ANY_NAME)
    return _Read(name, node, _real(keywords.get("default")), optional=True, kind="url") if name else None


def _helper(
    node: ast.Call, path: tuple[str, ...], keywords: Mapping[str, ast.expr], functions: Mapping[str, _Way]
) -> _Read | None:
    """`env("NAME")`, `env.bool("NAME", False)`, `config("NAME", cast=int)`, and a project's own `get_env("NAME")`."""
    way = functions.get(path[-1])
    named = any("env" in part.lower() for part in (path[0], path[-1])) or path[-1] == "config"
    is_reader = way in {"needed", "optional"} or (named and way is None)
    if not is_reader or path[-1] in {"Env", "Config", "FileAwareEnv"}:
        return None
    own = _OWN_NAMES.get(path[-1]) if len(path) > 1 else None
    given = node.args[0] if node.args else keywords.get("var", keywords.get("name"))
    name = (own or "") if given is None else _name(given, _NAME)
    if not name:
        return None
    kind: Kind = "url" if own else _KINDS.get(path[-1], "text")
    rest = list(node.args[1:])
    if rest and (cast := dotted(rest[0])) and cast[-1] in _KINDS:  # django-environ: env(NAME, cast, default)
        kind = _KINDS[cast[-1]]
        rest.pop(0)
    kind = _cast(keywords.get("cast")) or kind
    default = keywords.get("default", rest[0] if rest and len(path) + len(rest) > 1 else None)
    optional = default is not None or _is_true(keywords.get("allow_none")) or _is_false(keywords.get("required"))
    optional = optional or (way == "optional" and not _is_true(keywords.get("required")))
    return _Read(name, node, _real(default), optional=optional, kind=kind)


def _cast(node: ast.expr | None) -> Kind | None:
    if node is None:
        return None
    path = dotted(node.func if isinstance(node, ast.Call) else node)
    return _KINDS.get(path[-1]) if path else None


def _real(node: ast.expr | None) -> ast.expr | None:
    """A default that is one: `None` says only that the variable may be missing."""
    return None if isinstance(node, ast.Constant) and node.value is None else node


def _is_true(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is True


def _is_false(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is False


def _name(node: ast.expr, shape: re.Pattern[str]) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and shape.fullmatch(node.value):
        return node.value
    return ""


def _scheme(tree: ast.Module) -> Iterator[tuple[str, tuple[Kind, ast.expr | None]]]:
    """`environ.Env(DEBUG=(bool, False))`: types and defaults said ahead."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and dotted(node.func)[-1:] in {("Env",), ("FileAwareEnv",)}:
            for each in node.keywords:
                if each.arg and isinstance(each.value, ast.Tuple) and len(each.value.elts) == 2:
                    cast, default = each.value.elts
                    yield each.arg, (_cast(cast) or "text", _real(default))


def _own_functions(tree: ast.Module) -> Iterator[tuple[str, _Way]]:
    """The project's functions that are given a name, and what they do where no variable is called so."""
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef) and function.args.args:
            yield function.name, _way(function)


def _way(function: ast.FunctionDef) -> _Way:
    given = (function.args.args[0].arg,)
    nodes = list(ast.walk(function))
    calls = [node for node in nodes if isinstance(node, ast.Call) and any(dotted(each) == given for each in node.args)]
    subscripts = [node for node in nodes if isinstance(node, ast.Subscript) and dotted(node.slice) == given]
    if not calls and not subscripts:
        return "other"
    asked = any(_is_environ_get(dotted(node.func), frozenset()) for node in calls) or any(
        isinstance(node, ast.Compare)
        and dotted(node.left) == given
        and dotted(node.comparators[0])[-1:] == ("environ",)
        for node in nodes
    )
    if not asked and not any(dotted(node.value)[-1:] == ("environ",) for node in subscripts):
        # Another function reads: a default of its own is that of the variable.
        own = function.args.defaults
        return "optional" if own and not (isinstance(own[0], ast.Constant) and own[0].value is None) else "needed"
    if any(each.arg == "required" for each in (*function.args.args, *function.args.kwonlyargs)):
        return "optional"
    # What is raised for a value that is no number says nothing of one that is missing.
    handled = {
        inner
        for node in nodes
        if isinstance(node, ast.ExceptHandler) and "KeyError" not in ast.dump(node.type or ast.Constant("KeyError"))
        for inner in ast.walk(node)
    }
    raises = any(isinstance(node, ast.Raise) and node not in handled for node in nodes)
    return "optional" if asked and not raises else "needed"


def _environ_names(tree: ast.Module) -> frozenset[str]:
    """Names that stand for os.environ."""
    return frozenset(
        target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and dotted(node.value)[-1:] == ("environ",)
        for target in node.targets
        if isinstance(target, ast.Name)
    )
