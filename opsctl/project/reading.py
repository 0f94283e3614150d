"""Files of a project, written by strangers: read within bounds, and never a traceback for what they hold.

What can't be read becomes a note. Links that lead out of the project are not followed, nor are links to folders.
"""

from __future__ import annotations

import ast
import codecs
import json
import os
import re
import stat
import tomllib
import warnings
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

MAX_BYTES = 1_000_000
# Locks of large projects are long; YAML takes a second per hundred kilobytes.
_OTHER_LIMITS = {".lock": 5_000_000, ".yaml": 200_000, ".yml": 200_000}
MAX_TOTAL_BYTES = 20_000_000
MAX_ENTRIES = 50_000
MAX_DEPTH = 10
# Nothing below these is the project's own.
IGNORED = frozenset({
    "__pycache__", "node_modules", "bower_components", "site-packages", "venv", "build", "dist",
    "htmlcov", "staticfiles", "cdk.out", "vendor",
})  # fmt: skip


class Block(dict[str, Any]):
    """A YAML mapping that remembers the line of each key."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: dict[str, int] = {}


class _Loader(yaml.SafeLoader):
    """Mappings as Block; unknown tags are passed over, since they are for other tools."""


def _mapping(loader: yaml.SafeLoader, node: yaml.Node) -> Block:
    block = Block()
    assert isinstance(node, yaml.MappingNode)
    for key_node, value_node in node.value:
        value = loader.construct_object(value_node, deep=True)
        if key_node.tag == "tag:yaml.org,2002:merge":
            # Not PyYAML's own way: that copies, so that a few lines of merges fill the memory.
            for merged in value if isinstance(value, list) else [value]:
                for name, item in merged.items() if isinstance(merged, Block) else ():
                    block.setdefault(name, item)
                    block.lines.setdefault(name, merged.lines.get(name, 0))
            continue
        name = str(key_node.value) if isinstance(key_node, yaml.ScalarNode) else ""
        block[name] = value
        block.lines[name] = key_node.start_mark.line + 1
    return block


def _tagged(loader: yaml.SafeLoader, _suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return _mapping(loader, node)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return str(node.value)


_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)
_Loader.add_multi_constructor("!", _tagged)


class Reader:
    """The project's files below `root`, by their names relative to it, with slashes."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.notes: list[str] = []
        self._real = Path(os.path.realpath(root))
        self._left = MAX_TOTAL_BYTES
        self._texts: dict[str, bytes | None] = {}

    @cached_property
    def files(self) -> tuple[str, ...]:
        """Every file that may be the project's own, the ones nearest to the root first."""
        found: list[str] = []
        folders, seen = [""], 0
        for folder in folders:
            for entry in self._entries(folder):
                seen += 1
                if seen > MAX_ENTRIES:
                    self.note(f"The project has more than {MAX_ENTRIES:,} files; the rest was not looked at.")
                    return tuple(found)
                name = f"{folder}/{entry.name}" if folder else entry.name
                if not _is_folder(entry):
                    found.append(name)
                elif _is_own(entry, name):
                    folders.append(name)
        return tuple(found)

    def _entries(self, folder: str) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(self.root / folder) as entries:
                # A name that is no text can't be written into a file of text either.
                return sorted((each for each in entries if each.name.isprintable()), key=lambda each: each.name)
        except OSError:
            self.note(f"{folder or 'The folder'} can't be read, so it was passed over.")
            return []

    def note(self, text: str) -> None:
        """Remember what was passed over, once."""
        if text not in self.notes:
            self.notes.append(text)

    def has(self, name: str) -> bool:
        """Whether there is such a file, not too deep and not ignored."""
        return name in self._known

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(self.files)

    def data(self, name: str) -> bytes | None:
        """The file's content; None, with a note, when it is no regular file of bearable size inside the project."""
        if name not in self._texts:
            self._texts[name] = self._read(name) if self.has(name) else None
        return self._texts[name]

    def _read(self, name: str) -> bytes | None:
        path = self.root / name
        limit = _OTHER_LIMITS.get(path.suffix, MAX_BYTES)
        try:
            real = Path(os.path.realpath(path))
            if not real.is_relative_to(self._real) or ".git" in real.relative_to(self._real).parts:
                self._pass(name, "leads out of the project")
                return None
            if not stat.S_ISREG(real.stat().st_mode):
                self._pass(name, "is no regular file")
                return None
            with real.open("rb") as file:
                content = file.read(limit + 1)
        except (OSError, ValueError, RuntimeError):
            self._pass(name, "can't be read")
            return None
        if len(content) > limit:
            self._pass(name, f"is larger than {limit:,} bytes")
            return None
        self._left -= len(content)
        if self._left < 0:
            self._pass(name, "comes after more than can be read in reasonable time")
            return None
        return content

    def _pass(self, name: str, why: str) -> None:
        self.note(f"{name} {why}, so it was passed over.")

    def text(self, name: str) -> str | None:
        """The file as UTF-8, or as the UTF-16 that Windows' PowerShell writes (`pip freeze > requirements.txt`)."""
        content = self.data(name)
        if content is None:
            return None
        wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        try:
            text = content.decode("utf-16" if wide else "utf-8-sig")
        except UnicodeDecodeError:
            self._pass(name, "is not UTF-8")
            return None
        if "\0" in text:
            self._pass(name, "is no text")
            return None
        return text

    def lines(self, name: str) -> list[tuple[int, str]]:
        """Its lines, numbered from 1; none of a file that can't be read."""
        return list(enumerate((self.text(name) or "").splitlines(), 1))

    def python(self, name: str) -> ast.Module | None:
        """The file's syntax tree. Python 2 and the like are a note."""
        content = self.data(name)
        if content is None:
            return None
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of escapes in somebody else's strings
                return ast.parse(content)
        except SyntaxError as error:
            self._pass(f"{name}:{error.lineno or 1}", "is not the syntax of this Python 3")
            return None
        except (ValueError, RecursionError, MemoryError):
            self._pass(name, "can't be understood as Python")
            return None

    def yaml(self, name: str) -> Block:
        """Its first document, if that is a mapping."""
        text = self.text(name)
        try:
            found = yaml.load(text, Loader=_Loader) if text else None  # noqa: S506  made of SafeLoader
        except (yaml.YAMLError, ValueError, RecursionError, AttributeError, TypeError):
            self._pass(name, "is not valid YAML")
            found = None
        return found if isinstance(found, Block) else Block()

    def toml(self, name: str) -> dict[str, Any]:
        """Its tables."""
        try:
            return tomllib.loads(self.text(name) or "")
        except (ValueError, RecursionError):
            self._pass(name, "is not valid TOML")
            return {}

    def json(self, name: str) -> dict[str, Any]:
        """Its object."""
        text = self.text(name)
        try:
            found = json.loads(text) if text else {}
        except (ValueError, RecursionError):
            self._pass(name, "is not valid JSON")
            return {}
        return found if isinstance(found, dict) else {}

    def line_of(self, name: str, pattern: str) -> int:
        """The first line that holds the pattern; 0 for none."""
        return next((number for number, line in self.lines(name) if re.search(pattern, line)), 0)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False


def _is_own(entry: os.DirEntry[str], name: str) -> bool:
    """Not a package folder, an environment, a hidden one, nor a generator's template such as `{{ name }}`."""
    if entry.name in IGNORED or "{{" in entry.name or name.count("/") >= MAX_DEPTH:
        return False
    if entry.name.startswith("."):
        return False
    return not Path(entry.path, "pyvenv.cfg").is_file()


def join(*parts: str) -> str:
    """Names put together without `.` and leading slash: `join(".", "a")` is `a`."""
    path = PurePosixPath(*(part for part in parts if part not in {"", "."}))
    return os.path.normpath(path).replace("\\", "/") if str(path) != "." else ""


def mapping(value: object) -> dict[str, Any]:
    """`value` if it is a mapping, else an empty one."""
    return value if isinstance(value, dict) else {}


def listing(value: object) -> list[Any]:
    """`value` if it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def word(value: object) -> str:
    """A scalar as text; "" for anything else."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else ""
