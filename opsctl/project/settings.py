"""The settings module: which one serves, what it is made of, and the variables and values in it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePosixPath

from opsctl.project import configurations, dynaconf
from opsctl.project import variables as reading_of
from opsctl.project.findings import Assigned, Fact, Settings, Source, Variable
from opsctl.project.pydantic_settings import fields
from opsctl.project.reading import Reader, join
from opsctl.project.surroundings import dotted, text_of

_MODULE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
_DEVELOPMENT = frozenset({"dev", "develop", "development", "local", "test", "testing", "tests", "debug", "localdev"})
_PRODUCTION = ("production", "prod", "live", "deploy", "deployment", "heroku", "aws", "docker", "server")
_MAX_FILES = 40
_MAX_TEXTS = 400


def find(reader: Reader, manage: str, told: Fact | None) -> Settings:
    """The settings of the project whose manage.py lies in `manage`; `told` is what a platform was told."""
    entries = _entry_points(reader, manage)
    own = _named_in(reader, join(manage, "manage.py"))
    wsgi, asgi = (_entry_module(entries, manage, name, own) for name in ("wsgi", "asgi"))
    chosen, why = _choose(reader, manage, [told, *(fact for _, fact in entries), own])
    if chosen is None:
        return Settings("", Source(join(manage, "manage.py")), wsgi=wsgi, asgi=asgi)
    files = tuple(_followed(reader, manage, chosen.value))
    configuration = _configuration(reader, manage, entries)
    trees = _trees(reader, files, configuration)
    return Settings(
        chosen.value, chosen.source, why, files, _variables(trees), _assigned(trees), wsgi, asgi,
        configuration, _imports_os(reader, files),
    )  # fmt: skip


def read(reader: Reader, manage: str, module: str) -> Settings:
    """What one module of settings holds, whatever other files name."""
    files = tuple(_followed(reader, manage, module))
    trees = _trees(reader, files, None)
    return Settings(
        module, Source(files[-1] if files else ""), files=files, variables=_variables(trees), assigned=_assigned(trees)
    )


def _imports_os(reader: Reader, files: tuple[str, ...]) -> bool:
    """Whether the module itself, the last of the files, can say `os.environ`."""
    tree = reader.python(files[-1]) if files else None
    return any(
        isinstance(node, ast.Import) and any(alias.name == "os" for alias in node.names)
        for node in (tree.body if tree else ())
    )


def module_file(reader: Reader, manage: str, module: str) -> str:
    """The file of a module of the project; "" when it is somebody else's."""
    path = module.replace(".", "/")
    for base in (manage, join(manage, "src"), join(manage, "apps")):
        for name in (f"{path}.py", f"{path}/__init__.py"):
            if reader.has(join(base, name)):
                return join(base, name)
    return ""


def _entry_points(reader: Reader, manage: str) -> list[tuple[str, Fact]]:
    """`(file, settings)` of every wsgi.py and asgi.py, the one nearest to manage.py first, and wsgi before asgi."""
    names = [
        name
        for name in reader.files
        if PurePosixPath(name).name in {"wsgi.py", "asgi.py"} and (not manage or name.startswith(f"{manage}/"))
    ]
    found = []
    for name in sorted(names, key=lambda each: (each.count("/"), "asgi.py" in each, each)):
        fact = _named_in(reader, name)
        if fact is not None:
            found.append((name, fact))
    return found


def _entry_module(entries: list[tuple[str, Fact]], manage: str, kind: str, own: Fact | None) -> str:
    """`config.wsgi`: the one beside the settings that manage.py names, if several are there."""
    package = own.value.partition(".")[0] if own else ""
    files = [name for name, _ in entries if PurePosixPath(name).stem == kind]
    modules = [_module_of(name, manage) for name in files]
    near = [module for module in modules if module.startswith(f"{package}.")]
    return (near or modules or [""])[0]


def _module_of(name: str, manage: str) -> str:
    inside = PurePosixPath(name).relative_to(manage) if manage else PurePosixPath(name)
    return ".".join(inside.with_suffix("").parts)


def _named_in(reader: Reader, name: str) -> Fact | None:
    """What the file sets DJANGO_SETTINGS_MODULE to."""
    return _set_in(reader, name, "DJANGO_SETTINGS_MODULE")


def _set_in(reader: Reader, name: str, variable: str) -> Fact | None:
    tree = reader.python(name)
    for node in ast.walk(tree) if tree else ():
        value: ast.AST | None = None
        if isinstance(node, ast.Call) and dotted(node.func)[-1:] == ("setdefault",) and len(node.args) == 2:
            value = node.args[1] if text_of(node.args[0]) == variable else None
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
            value = node.value if text_of(node.targets[0].slice) == variable else None
        text = text_of(value)
        if text and value is not None and _MODULE.fullmatch(text):
            return Fact(text, Source(name, getattr(value, "lineno", 0)))
    return None


def _configuration(reader: Reader, manage: str, entries: list[tuple[str, Fact]]) -> Fact | None:
    """The class of django-configurations that serves."""
    for name in [*(file for file, _ in entries), join(manage, "manage.py")]:
        found = _set_in(reader, name, "DJANGO_CONFIGURATION")
        if found is not None:
            return found
    return None


def _choose(reader: Reader, manage: str, facts: list[Fact | None]) -> tuple[Fact | None, str]:
    """The first that is there; production's beside it, where that one is for development."""
    there = [fact for fact in facts if fact is not None]
    for fact in there:
        if not module_file(reader, manage, fact.value):
            near = _beside(reader, manage, fact.value)
            others = f" Beside their place {'is' if len(near) == 1 else 'are'} {' and '.join(near)}." if near else ""
            reader.note(f"{fact.source} names the settings {fact.value}, which no file of the project holds.{others}")
            continue
        package, _, last = fact.value.rpartition(".")
        if last not in _DEVELOPMENT:
            return fact, ""
        for name in _PRODUCTION:
            other = f"{package}.{name}" if package else name
            file = module_file(reader, manage, other)
            if file:
                return Fact(other, Source(file)), f"{fact.value}, named in {fact.source}, is for development"
        return fact, ""
    return (there[0], "") if there else (None, "")


def _beside(reader: Reader, manage: str, module: str) -> list[str]:
    """Modules that are called nearly so: `settings_docker`, or the example from which everybody makes their own."""
    folder = join(manage, *module.split(".")[:-1])
    files = (PurePosixPath(name) for name in reader.files if name.startswith(f"{folder}/" if folder else ""))
    near = [
        each for each in files if str(each.parent) == (folder or ".") and re.fullmatch(r"\w*settings\w*\.py", each.name)
    ]
    return [_module_of(str(each), manage) for each in near][:3]


def _followed(reader: Reader, manage: str, module: str) -> Iterator[str]:
    """The files that make the settings, those that are imported before the ones that import them.

    Of many the nearest: what a helper's own imports lead to is the application, which reads nothing for settings.
    """
    first = module_file(reader, manage, module)
    imported: dict[str, list[str]] = {first: []} if first else {}
    waiting = list(imported)
    while waiting:
        file = waiting.pop(0)
        for other in _imports(reader, manage, file):
            # Settings of one machine, not kept in git as a rule, and for what they hold not to be read.
            if not other or PurePosixPath(other).stem in {"local", "local_settings", "settings_local"}:
                continue
            if other not in imported and len(imported) < _MAX_FILES:
                imported[other] = []
                waiting.append(other)
            imported[file].append(other)
    done: dict[str, None] = {}

    def visit(file: str) -> None:
        if file in imported and file not in done:
            done[file] = None
            for other in imported[file]:
                visit(other)
            done[file] = done.pop(file)

    visit(first)
    yield from done


def _imports(reader: Reader, manage: str, file: str) -> Iterator[str]:
    tree = reader.python(file)
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, ast.ImportFrom):
            base = _imported_from(node, file, manage)
            yield module_file(reader, manage, base)
            for alias in node.names:
                yield module_file(reader, manage, f"{base}.{alias.name}" if base else alias.name)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                yield module_file(reader, manage, alias.name)
        elif isinstance(node, ast.Call) and dotted(node.func)[-1:] == ("include",):
            yield from _included(reader, file, node)


def _imported_from(node: ast.ImportFrom, file: str, manage: str) -> str:
    if not node.level:
        return node.module or ""
    inside = PurePosixPath(file).relative_to(manage) if manage else PurePosixPath(file)
    package = inside.parts[: -node.level]
    return ".".join((*package, *([node.module] if node.module else [])))


def _included(reader: Reader, file: str, node: ast.Call) -> Iterator[str]:
    """django-split-settings: `include("components/*.py")`."""
    folder = str(PurePosixPath(file).parent)
    for argument in node.args:
        pattern = text_of(argument.args[0] if isinstance(argument, ast.Call) and argument.args else argument)
        if pattern and pattern.endswith(".py"):
            wanted = join(folder, pattern)
            yield from (name for name in reader.files if name == wanted or PurePosixPath(name).match(wanted))


def _trees(reader: Reader, files: tuple[str, ...], configuration: Fact | None) -> dict[str, ast.Module]:
    """The files that can be read, as far as they serve."""
    trees = {file: tree for file in files if (tree := reader.python(file)) is not None}
    if configuration is None:
        return trees
    return dict(zip(trees, configurations.serving(trees.values(), configuration.value), strict=True))


def _variables(trees: dict[str, ast.Module]) -> tuple[Variable, ...]:
    found: dict[str, Variable] = {}
    for file, tree in trees.items():
        own = (*fields(tree, file, trees), *configurations.values(tree, file), *dynaconf.values(tree, file))
        for each in (*reading_of.variables(tree, file, trees.values()), *own):
            found[each.name] = reading_of.merged(found[each.name], each) if each.name in found else each
    return tuple(found.values())


def _assigned(trees: dict[str, ast.Module]) -> dict[str, Assigned]:
    """The last value of each setting in capitals."""
    found: dict[str, Assigned] = {}
    for file, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign):
                names = [target.id for target in node.targets if isinstance(target, ast.Name)]
                for target in node.targets:
                    _add_part(found, target, node.value)
            elif isinstance(node, ast.AnnAssign | ast.AugAssign) and isinstance(node.target, ast.Name):
                names = [node.target.id]
            else:
                continue
            for name in names:
                if name.isupper() and node.value is not None:
                    found[name] = _value(node.value, Source(file, node.lineno), found.get(name))
    return found


def _add_part(found: dict[str, Assigned], target: ast.expr, value: ast.expr) -> None:
    """`DATABASES["default"]["ENGINE"] = …` adds its texts to what DATABASES was."""
    inside = target
    while isinstance(inside, ast.Subscript):
        inside = inside.value
    if inside is not target and isinstance(inside, ast.Name) and inside.id in found:
        before = found[inside.id]
        found[inside.id] = replace(before, strings=_value(value, before.source, before).strings)


def _value(node: ast.expr, source: Source, before: Assigned | None) -> Assigned:
    strings = tuple(
        each.value for each in ast.walk(node) if isinstance(each, ast.Constant) and isinstance(each.value, str)
    )
    try:
        literal: object = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return Assigned(source, None, ((before.strings if before else ()) + strings)[:_MAX_TEXTS], computed=True)
    return Assigned(source, literal, ((before.strings if before else ()) + strings)[:_MAX_TEXTS])
