"""What stands around an expression of a settings file: the setting it ends up in, casts, and whether it may not run."""

from __future__ import annotations

import ast
import re

from opsctl.project.findings import Form, Kind, Target

_LONGEST = 300
_CASTS: dict[str, Kind] = {"int": "integer", "float": "number", "bool": "flag", "Decimal": "number", "loads": "json"}
# Tests that tell production from development: what stands on production's side is needed.
_STAGE = re.compile(r"debug|prod|dev\b|develop|local|stag|environment|testing", re.IGNORECASE)
_ERRORS = {"KeyError", "ImproperlyConfigured", "Exception", "EnvError", "UndefinedValueError"}


class Surroundings:
    """The parents of each node of a file."""

    def __init__(self, tree: ast.Module) -> None:
        self._parents: dict[ast.AST, ast.AST] = {}
        self._loads: dict[str, list[ast.Name]] = {}
        for node in ast.walk(tree):
            for child in ast.iter_child_nodes(node):
                self._parents[child] = node
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                self._loads.setdefault(node.id, []).append(node)

    def _above(self, node: ast.AST) -> list[tuple[ast.AST, ast.AST]]:
        """`(child, parent)` from the node up to the file."""
        found = []
        while (parent := self._parents.get(node)) is not None:
            found.append((node, parent))
            node = parent
        return found

    def targets(self, node: ast.AST) -> tuple[Target, ...]:
        """The settings that it ends up in, also by way of a name that is used further down."""
        first = self._target(node)
        if first is None:
            return ()
        found = [first]
        if not first.keys:
            for load in self._loads.get(first.setting, []):
                second = self._target(load)
                if second is not None and second.setting != first.setting and not self._is_tested(load):
                    found.append(second)
        return tuple(dict.fromkeys(found))

    def _target(self, node: ast.AST) -> Target | None:
        """None where only a part of a text, a test, or a function's own business is made of it."""
        keys: list[str] = []
        form: Form = "comma"
        for child, parent in self._above(node):
            if isinstance(parent, ast.JoinedStr | ast.FormattedValue | ast.FunctionDef | ast.Lambda):
                return None
            if isinstance(parent, ast.BinOp) and (form == "comma" and not _is_list(child)):
                return None
            if isinstance(parent, ast.IfExp | ast.If | ast.While) and parent.test is child:
                return None
            if isinstance(parent, ast.Dict) and child in parent.values:
                keys.append(text_of(parent.keys[parent.values.index(child)]) or "")
            elif isinstance(parent, ast.keyword) and parent.arg and self._is_of_dict(parent):
                keys.append(parent.arg)
            elif isinstance(parent, ast.List | ast.Tuple | ast.Set):
                form = "one" if form == "comma" else form
            elif isinstance(parent, ast.Call):
                form = _form(parent, child, form)
                if isinstance(parent.func, ast.Attribute) and parent.func.attr in {"append", "extend", "insert"}:
                    base = dotted(parent.func.value)
                    return Target(base[-1], (), "one" if parent.func.attr != "extend" else form) if base else None
            elif isinstance(parent, ast.Assign | ast.AnnAssign | ast.AugAssign | ast.NamedExpr):
                return _assigned(parent, keys, form)
        return None

    def _is_of_dict(self, node: ast.AST) -> bool:
        """Whether it is an item of `dict(…)`, which is a mapping by another name."""
        call = self._parents.get(node)
        return isinstance(call, ast.Call) and dotted(call.func) == ("dict",)

    def _is_tested(self, node: ast.AST) -> bool:
        return any(isinstance(parent, ast.Compare | ast.UnaryOp) for _, parent in self._above(node))

    def kind(self, node: ast.AST) -> Kind | None:
        """What the expression is cast to by calls around it."""
        for child, parent in self._above(node):
            if isinstance(parent, ast.Call) and child in parent.args:
                path = dotted(parent.func)
                if path and path[-1] in _CASTS:
                    return _CASTS[path[-1]]
            elif isinstance(parent, ast.Compare | ast.stmt):
                return None
        return None

    def is_guarded(self, node: ast.AST) -> bool:
        """Whether the file goes on without the variable: a condition on another switch, a caught error, a function."""
        for child, parent in self._above(node):
            if isinstance(parent, ast.If) and child is not parent.test and _is_switch(parent, child):
                return True
            if isinstance(parent, ast.IfExp) and child is not parent.test:
                return True
            if isinstance(parent, ast.Try) and child in parent.body and _catches(parent):
                return True
            if isinstance(parent, ast.FunctionDef | ast.Lambda):
                return True
        return False

    def prefix(self, node: ast.AST) -> str:
        """What `with env.prefixed("X_"):` puts before names inside."""
        found = ""
        for _, parent in self._above(node):
            for item in parent.items if isinstance(parent, ast.With) else ():
                call = item.context_expr
                if isinstance(call, ast.Call) and dotted(call.func)[-1:] == ("prefixed",) and call.args:
                    found = (text_of(call.args[0]) or "") + found
        return found


def _form(call: ast.Call, child: ast.AST, form: Form) -> Form:
    """How a list is written in the text: `.split()` wants spaces, json.loads JSON."""
    if isinstance(call.func, ast.Attribute):
        if call.func is child and call.func.attr == "split":
            separator = text_of(call.args[0]) if call.args else " "
            # No list is written with another separator, and one name needs none.
            return "comma" if separator in {",", None} else "space" if separator == " " else "one"
        if call.func.attr in {"loads", "json"}:
            return "json"
    return form


def _assigned(node: ast.AST, keys: list[str], form: Form) -> Target | None:
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    target = targets[0]
    while isinstance(target, ast.Subscript):
        keys.append(text_of(target.slice) or "")
        target = target.value
    return Target(target.id, tuple(reversed(keys)), form) if isinstance(target, ast.Name) else None


def _is_list(node: ast.AST) -> bool:
    """Whether it is a list for sure: lists that are added up are still what the variable says."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return node.func.attr in {"split", "list"}
    return isinstance(node, ast.List | ast.Tuple)


def _is_switch(parent: ast.If, child: ast.AST) -> bool:
    """`if USE_S3:` is one. Of `if DEBUG: … else: …` only development's side is."""
    test = " ".join(_words_of(parent.test))
    if not _STAGE.search(test):
        return True
    negated = isinstance(parent.test, ast.UnaryOp) and isinstance(parent.test.op, ast.Not)
    development = re.search(r"debug|dev|local|testing", test, re.IGNORECASE) is not None
    return development and (child in parent.body) != negated


def _words_of(node: ast.AST) -> list[str]:
    """Names and texts of a test, without `ast.unparse`, which gives up on deep ones."""
    found: list[str] = []
    for each in ast.walk(node):
        part = getattr(each, "id", None) or getattr(each, "attr", None) or getattr(each, "value", None)
        if isinstance(part, str):
            found.append(part)
    return found


def _catches(node: ast.Try) -> bool:
    for handler in node.handlers:
        names = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
        reraises = any(isinstance(each, ast.Raise) for each in handler.body)
        if not reraises and any(each is None or (dotted(each) or ("",))[-1] in _ERRORS for each in names):
            return True
    return False


def dotted(node: ast.AST | None) -> tuple[str, ...]:
    """`("os", "environ", "get")`; empty for what is no plain name."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if isinstance(node, ast.Call) and parts:  # `Env().str`
        return (*dotted(node.func)[-1:], *reversed(parts))
    return (node.id, *reversed(parts)) if isinstance(node, ast.Name) else ()


def text_of(node: ast.AST | None) -> str | None:
    """The expression as a person would write it into a variable; None when it is computed."""
    if isinstance(node, ast.List | ast.Tuple | ast.Set):
        items = [text_of(each) for each in node.elts]
        return None if None in items else ",".join(each or "" for each in items)[:_LONGEST]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant):
        return f"-{node.operand.value!r}"
    if not isinstance(node, ast.Constant) or isinstance(node.value, bytes) or node.value is ...:
        return None
    return "" if node.value is None else str(node.value)[:_LONGEST]
