"""YAML read into plain values that remember the line each came from.

PyYAML's own loader forgets positions, accepts a key twice and expands aliases without end; this one does none of that.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from opsctl.errors import ConfigError

# A file for people stays far below this; aliases that multiply do not.
MAX_NODES = 20_000
MAX_BYTES = 1_000_000

_PLAIN_TAGS = {"str", "int", "float", "bool", "null", "timestamp", "seq", "map", "value"}

KeyPath = tuple[str | int, ...]
# Blocks of texts that a program reads, such as a whole settings file.
_LONG_TEXTS = {"environment", "files"}


@dataclass(frozen=True, slots=True)
class Located:
    """A value and where it stands: `value` is a scalar, a list of Located or a dict of str to Located.

    `written` is the key path at which the file holds it, which merging does not change.
    """

    value: Any
    line: int
    written: KeyPath = ()

    def plain(self) -> Any:
        """The value without positions."""
        if isinstance(self.value, dict):
            return {key: item.plain() for key, item in self.value.items()}
        if isinstance(self.value, list):
            return [item.plain() for item in self.value]
        return self.value

    def locate(self, path: KeyPath) -> tuple[int, KeyPath]:
        """Line and key path, as written in the file, of `path`; of its deepest part that exists, plus the rest."""
        node = self
        for depth, key in enumerate(path):
            found = node.child(key)
            if found is None:
                return node.line, (*node.written, *path[depth:])
            node = found
        return node.line, node.written

    def child(self, key: str | int) -> Located | None:
        """The value under `key`, if there is one."""
        if isinstance(self.value, dict):
            return self.value.get(key)
        if isinstance(self.value, list) and isinstance(key, int) and key < len(self.value):
            found: Located = self.value[key]
            return found
        return None


def merge(base: Located, over: Located) -> Located:
    """`over` on top of `base`: mappings merge key by key, everything else replaces."""
    if not isinstance(base.value, dict) or not isinstance(over.value, dict):
        return over
    merged = dict(base.value)
    for key, item in over.value.items():
        merged[key] = merge(merged[key], item) if key in merged else item
    return Located(merged, over.line, over.written)


def read_yaml(path: Path) -> Located:
    """The file as a located tree. Raises ConfigError with file and line when it is not usable YAML."""
    return parse_yaml(_read_text(path), name=str(path))


def _read_text(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise ConfigError(
            f"{path} does not exist.",
            code="config-missing",
            hint="Run opsctl in the project's folder, or name the file with --config.",
        ) from None
    except OSError as error:
        raise ConfigError(f"{path} can't be read: {error.strerror}.", code="config-unreadable") from None
    if len(raw) > MAX_BYTES:
        raise ConfigError(f"{path} is larger than {MAX_BYTES:,} bytes; it is not an environments file.")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise ConfigError(f"{path}:{line}: the file is not UTF-8.", hint="Save it as UTF-8.") from None


def parse_yaml(text: str, *, name: str) -> Located:
    """Parse one YAML document. Raises ConfigError naming `name` and the line."""
    loader = yaml.SafeLoader(text) if _printable(text, name) else None
    assert loader is not None
    try:
        node = loader.get_single_node()
        if node is None:
            raise ConfigError(f"{name}:1: the file is empty.", hint="Write `defaults` and `environments`.")
        return _Reader(loader, name).read(node, ())
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        line = mark.line + 1 if mark else 1
        problem = getattr(error, "problem", None) or "it can't be parsed"
        raise ConfigError(
            f"{name}:{line}: this is not valid YAML: {problem}.",
            hint="Check indentation and quotes around that line.",
        ) from None
    except RecursionError:
        raise ConfigError(f"{name}: the file is nested too deeply.") from None
    finally:
        loader.dispose()


def _printable(text: str, name: str) -> bool:
    match = yaml.reader.Reader.NON_PRINTABLE.search(text)
    if match is not None:
        line = text[: match.start()].count("\n") + 1
        raise ConfigError(f"{name}:{line}: character {match.group()!r} is not allowed in YAML.", hint="Remove it.")
    return True


class _Reader:
    """Turns composed nodes into Located values."""

    def __init__(self, loader: yaml.SafeLoader, name: str) -> None:
        self._loader = loader
        self._name = name
        self._count = 0
        self._open: set[int] = set()

    def read(self, node: yaml.Node, path: KeyPath) -> Located:
        self._count += 1
        if self._count > MAX_NODES:
            raise self._error(node, f"the file expands to more than {MAX_NODES:,} values", "Use fewer aliases.")
        if node.tag.rpartition(":")[2] not in _PLAIN_TAGS:
            raise self._error(node, f"the tag {node.tag!r} is not allowed", "Write a plain value.")
        if id(node) in self._open:
            raise self._error(node, "an alias refers to the value it stands in", "Write the value out.")
        self._open.add(id(node))
        try:
            return Located(self._value(node, path), node.start_mark.line + 1, path)
        finally:
            self._open.discard(id(node))

    def _value(self, node: yaml.Node, path: KeyPath) -> Any:
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.read(item, (*path, index)) for index, item in enumerate(node.value)]
        allowed = "\n\t" if _LONG_TEXTS & set(path) else ""
        if any((ord(char) < 32 or ord(char) == 127) and char not in allowed for char in node.value):
            raise self._error(node, "a value holds a line break or control character", "Write it on one line.")
        try:
            return self._loader.construct_object(node)
        except ValueError as error:  # such as the date 2026-13-45
            raise self._error(node, f"{node.value!r} can't be read: {error}", "Quote it.") from None

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Located]:
        result: dict[str, Located] = {}
        for key_node, value_node in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                raise self._error(
                    key_node,
                    "merge keys (`<<`) are not supported",
                    "`defaults` already merges into every environment.",
                )
            key = str(key_node.value) if isinstance(key_node, yaml.ScalarNode) else None
            if key is None:
                raise self._error(key_node, "a key must be plain text", "Write `key: value`.")
            if key in result:
                raise self._error(key_node, f"`{key}` is written twice", "Keep one of the two.")
            item = self.read(value_node, (*path, key))
            result[key] = Located(item.value, key_node.start_mark.line + 1, item.written)
        return result

    def _error(self, node: yaml.Node, what: str, fix: str) -> ConfigError:
        return ConfigError(f"{self._name}:{node.start_mark.line + 1}: {what}.", hint=fix)
