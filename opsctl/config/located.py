"""YAML read into plain values that remember the line each came from.

PyYAML's own loader forgets positions, accepts a key twice and expands aliases without end; this one does none of that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from opsctl.config.unreadable import Fault, decode, invisible, syntax_faults, typographic, unprintable, unreadable
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

    `written` is the key path at which the file holds it, which merging does not change; `text` a scalar's own spelling,
    such as 16.10 of what YAML takes for the number 16.1.
    """

    value: Any
    line: int
    written: KeyPath = ()
    text: str | None = None

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

    def find(self, path: KeyPath) -> Located | None:
        """What stands at `path`, if anything does."""
        node: Located | None = self
        for key in path:
            node = node.child(key) if node is not None else None
        return node

    def scalars(self, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Located]]:
        """Every value that is no block and no list, with its path below this one."""
        inner: Iterable[tuple[str | int, Located]] = ()
        if isinstance(self.value, dict):
            inner = self.value.items()
        elif isinstance(self.value, list):
            inner = enumerate(self.value)
        else:
            yield path, self
        for key, item in inner:
            yield from item.scalars((*path, key))

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


def read_yaml(path: Path) -> tuple[Located, list[Fault]]:
    """The file as a located tree, and what was left out of it because it is written wrongly.

    Raises ConfigError with file and line when it is no usable YAML at all.
    """
    return parse_yaml(_read_text(path), name=str(path))


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError(
            f"{path} does not exist.",
            code="config-missing",
            hint="Run opsctl in the project's folder, or name the file with --config.",
        ) from None
    except OSError as error:
        raise ConfigError(f"{path} can't be read: {error.strerror}.", code="config-unreadable") from None
    if len(raw) > MAX_BYTES:
        raise ConfigError(
            f"{path} is larger than {MAX_BYTES:,} bytes; it is not an environments file.",
            hint="Name the right file with --config.",
        )
    return decode(raw, str(path))


def parse_yaml(text: str, *, name: str) -> tuple[Located, list[Fault]]:
    """Parse one YAML document. Raises ConfigError naming `name` and the line."""
    unprintable(text, name)
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            raise ConfigError(f"{name}:1: the file is empty.", hint="Write `defaults` and `environments`.")
        reader = _Reader(loader, name)
        root = reader.kept(node, ())
        if root is None:
            raise unreadable(name, reader.faults)
        return root, reader.faults
    except yaml.YAMLError as error:
        raise unreadable(name, syntax_faults(error, text)) from None
    except RecursionError:
        raise ConfigError(
            f"{name}: the file is nested too deeply.", hint="Settings have five levels at most: write no more."
        ) from None
    finally:
        loader.dispose()


class _Reader:
    """Turns composed nodes into Located values. What is written wrongly is in `faults`, and left out of the tree."""

    def __init__(self, loader: yaml.SafeLoader, name: str) -> None:
        self.faults: list[Fault] = []
        self._loader = loader
        self._name = name
        self._count = 0
        self._open: set[int] = set()

    def kept(self, node: yaml.Node, path: KeyPath) -> Located | None:
        """The value at `path`, or None where it is wrong. Raises ConfigError where nothing more can be read."""
        try:
            return self._read(node, path)
        except _FaultyError as error:
            self.faults.append(error.fault)
            return None

    def _read(self, node: yaml.Node, path: KeyPath) -> Located:
        self._count += 1
        if self._count > MAX_NODES:
            raise self._error(node, f"the file expands to more than {MAX_NODES:,} values", "Use fewer aliases.")
        if id(node) in self._open:
            raise self._error(node, "an alias refers to the value it stands in", "Write the value out.")
        self._open.add(id(node))
        try:
            text = node.value if isinstance(node, yaml.ScalarNode) else None
            return Located(self._value(node, path), node.start_mark.line + 1, path, text)
        finally:
            self._open.discard(id(node))

    def _value(self, node: yaml.Node, path: KeyPath) -> Any:
        short = node.tag.removeprefix("tag:yaml.org,2002:")
        if short not in _PLAIN_TAGS:
            shown = node.tag if node.tag.startswith("!") else f"!!{short}"
            raise _FaultyError(self._fault(node, path, f"the tag {shown} is not allowed", "Write a plain value."))
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            items = [self.kept(item, (*path, index)) for index, item in enumerate(node.value)]
            return [item for item in items if item is not None]
        if isinstance(node, yaml.ScalarNode) and not _LONG_TEXTS & set(path):
            self._plain_text(node, path)
        try:
            return self._loader.construct_object(node)
        except (ValueError, KeyError) as error:  # such as the date 2026-13-45, or `!!bool maybe`
            said = f"{node.value!r} can't be read as what it looks like: {error}"
            raise _FaultyError(self._fault(node, path, said, f'Put it in quotes: "{node.value}".')) from None

    def _plain_text(self, node: yaml.ScalarNode, path: KeyPath) -> None:
        """One line of what can be seen."""
        control = any(ord(char) < 32 or ord(char) == 127 for char in node.value)
        odd = "a line break or control character" if control else None if node.style else invisible(node.value)
        if odd is not None:
            fix = "Write it on one line." if control else "Write the value anew, with plain characters."
            raise _FaultyError(self._fault(node, path, f"a value holds {odd}", fix))
        if typographic(node.value) and node.style is None:
            fix = f'Write "{node.value[1:-1]}" in plain quotes.'
            raise _FaultyError(self._fault(node, path, "the quotes around this value are typographic ones", fix))

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Located]:
        result: dict[str, Located] = {}
        written: dict[str, int] = {}
        for key_node, value_node in node.value:
            key, line = self._key(key_node, path), key_node.start_mark.line + 1
            if key is None:
                continue
            if key in written:
                self.faults.append(
                    Fault(line, f"`{key}` is written twice, first on line {written[key]}", "Keep one of the two.", path)
                )
                continue
            written[key] = line
            item = self.kept(value_node, (*path, key))
            if item is not None:
                result[key] = Located(item.value, line, item.written, item.text)
        return result

    def _key(self, node: yaml.Node, path: KeyPath) -> str | None:
        """The key's text; None where it was told to be wrong."""
        if node.tag == "tag:yaml.org,2002:merge":
            self.faults.append(
                self._fault(
                    node,
                    (*path, "<<"),
                    "merge keys (`<<`) are not supported",
                    "`defaults` already merges into every environment; or write the alias as a whole block's value.",
                )
            )
        elif not isinstance(node, yaml.ScalarNode):
            braces = isinstance(node, yaml.MappingNode)
            self.faults.append(
                self._fault(
                    node,
                    path,
                    "a key must be plain text",
                    "Put what is in braces in quotes, or write `key: value`." if braces else "Write `key: value`.",
                )
            )
        elif odd := invisible(node.value):
            shown = "".join(char for char in node.value if not invisible(char))
            self.faults.append(
                self._fault(node, (*path, shown), f"{odd} stands at this key", "Write it and its indentation anew.")
            )
        else:
            return str(node.value)
        return None

    @staticmethod
    def _fault(node: yaml.Node, path: KeyPath, what: str, fix: str) -> Fault:
        return Fault(node.start_mark.line + 1, what, fix, path)

    def _error(self, node: yaml.Node, what: str, fix: str) -> ConfigError:
        return ConfigError(f"{self._name}:{node.start_mark.line + 1}: {what}.", hint=fix)


class _FaultyError(Exception):
    """A value that is to be left out."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.what)
        self.fault = fault
