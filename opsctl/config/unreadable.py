"""Words for files that are no YAML: what is wrong on which line, and what to write. The parser's own words are for
programmers, and it stops at the first mistake; of those that can be seen without it, all are told.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

import yaml

from opsctl.config.nearest import near
from opsctl.errors import ConfigError


class Fault(NamedTuple):
    """One mistake in how the file is written. `path`: the key path at which it stands, as far as one is known."""

    line: int
    what: str
    fix: str
    path: tuple[str | int, ...] = ()


_MARKS = ((b"\xff\xfe\0\0", "UTF-32"), (b"\0\0\xfe\xff", "UTF-32"), (b"\xff\xfe", "UTF-16"), (b"\xfe\xff", "UTF-16"))
_CONFLICT = re.compile(r"(<<<<<<<|>>>>>>>|\|\|\|\|\|\|\|) ?|=======$")
_ANCHOR = re.compile(r"(?:^|[\s\[{,])&([\w-]+)")
_QUOTES = "“”„‟«»‘’‚‹›"
_AT_MOST = 20


def decode(raw: bytes, name: str) -> str:
    """The file's text. Raises ConfigError where it is no UTF-8, or no text at all."""
    marked = next((encoding for mark, encoding in _MARKS if raw.startswith(mark)), None) or _unmarked(raw[:4096])
    if marked is not None:
        raise ConfigError(f"{name}:1: the file is {marked}, and must be UTF-8.", hint="Save it as UTF-8.")
    if raw.count(0) > 1:
        raise ConfigError(f"{name}:1: this is a binary file, not text.", hint="Name the right file with --config.")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise ConfigError(
            f"{name}:{line}: the file is not UTF-8: byte 0x{raw[error.start]:02x}.", hint="Save it as UTF-8."
        ) from None


def _unmarked(raw: bytes) -> str | None:
    """UTF-16 without a mark: every other byte of plain text is 0."""
    halves = sorted(half.count(0) / max(1, len(half)) for half in (raw[::2], raw[1::2]))
    return "UTF-16" if len(raw) > 8 and halves[0] < 0.05 and halves[1] > 0.6 else None


def unprintable(text: str, name: str) -> None:
    """Raise ConfigError at the first character that YAML does not take."""
    match = yaml.reader.Reader.NON_PRINTABLE.search(text)
    if match is not None:
        line = text[: match.start()].count("\n") + 1
        raise ConfigError(f"{name}:{line}: character {match.group()!r} is not allowed in YAML.", hint="Remove it.")


def invisible(text: str) -> str | None:
    """The first character of `text` that looks like a blank or like nothing, in words; None without one."""
    for char in text:
        if char != " " and unicodedata.category(char) in {"Zs", "Zl", "Zp", "Cf"}:
            return f"U+{ord(char):04X} ({unicodedata.name(char, 'no name').lower()})"
    return None


def typographic(text: str) -> bool:
    """Whether a text stands in the quotes of a word processor, which YAML takes for a part of it."""
    return len(text) > 1 and text[0] in _QUOTES and text[-1] in _QUOTES


def unreadable(name: str, faults: list[Fault]) -> ConfigError:
    """One error that tells all of them."""
    if len(faults) == 1:
        return ConfigError(f"{name}:{faults[0].line}: {faults[0].what}.", hint=faults[0].fix)
    return ConfigError(
        f"{name} has {len(faults)} problems.",
        hint="Correct the lines above, then run `opsctl env validate`.",
        detail=tuple(f"{name}:{fault.line}: {fault.what}. {fault.fix}" for fault in faults),
    )


def syntax_faults(error: yaml.YAMLError, text: str) -> list[Fault]:
    """What is wrong with a text that the parser gave up on: what can be seen of each line, else its own finding."""
    return [*_lines_at_fault(text)][:_AT_MOST] or [_translated(error, text)]


def _lines_at_fault(text: str) -> Iterator[Fault]:
    for number, line in enumerate(text.splitlines(), 1):
        before = line[: len(line) - len(line.lstrip())]
        if _CONFLICT.match(line):
            yield Fault(
                number, f"this line is left over from a merge in Git: {line[:20].strip()}", "Keep one of the two sides."
            )
        elif "\t" in before:
            yield Fault(
                number, "a tab indents this line, and YAML takes blanks only", "Indent it with two blanks each."
            )
        elif odd := invisible(before):
            yield Fault(
                number, f"this line is indented with {odd}, which YAML takes for text", "Indent it with plain blanks."
            )


def _translated(error: yaml.YAMLError, text: str) -> Fault:
    mark, opened = getattr(error, "problem_mark", None), getattr(error, "context_mark", None)
    problem = str(getattr(error, "problem", None) or "it can't be parsed")
    context = str(getattr(error, "context", None) or "")
    lines = text.rstrip().splitlines()
    line, start = (min(len(lines), each.line + 1) if each else 1 for each in (mark or opened, opened or mark))
    given = lines[line - 1].strip()
    for pattern, at_start, what, fix in _WORDS:
        found = re.search(pattern, f"{context}: {problem}")
        if found:
            said = found.groups()[-1] if found.groups() else ""
            values = {"said": said, "line": given[:40], "end": line, "near": _near_anchor(said, text)}
            return Fault(start if at_start else line, what.format_map(values), fix.format_map(values).rstrip())
    return Fault(line, f"this is not valid YAML: {problem}", "Check indentation and quotes around that line.")


def _near_anchor(name: str, text: str) -> str:
    return near(name.strip("'\""), set(_ANCHOR.findall(text)))


# Of the parser's words, in order: a pattern, whether its line is where the mistake begins rather than where it showed,
# what is wrong and what to do. `{said}`: what the pattern caught; `{end}`: the line where it showed.
_WORDS: tuple[tuple[str, bool, str, str], ...] = (
    (r"found undefined alias '?([\w-]+)", False, "nothing is called &{said}, which the alias *{said} refers to",
     "Write &{said} at the value that is meant, above this line. {near}"),
    (r"found duplicate anchor '?([\w-]+)", False, "the anchor &{said} is there already", "Give it another name."),
    (r"while scanning an alias", False, "a value that starts with * is an alias in YAML",
     'Put it in quotes, such as "*/5 * * * *".'),
    (r"while scanning an anchor", False, "a value that starts with & is an anchor in YAML", "Put it in quotes."),
    (r"character '\\t' that cannot|tab", False, "a tab stands where YAML takes blanks only", "Write blanks."),
    (r"character '(.)' that cannot", False, "a value can't start with {said} in YAML", "Put it in quotes."),
    (r"unknown escape character '(.)'", False, "a backslash in double quotes begins an escape, and \\{said} is none",
     "Use single quotes, or write the backslash twice."),
    (r"while scanning a quoted scalar", True, "the quote that opens here is not closed", "Close it on this line."),
    (r"mapping values are not allowed", False, "a second colon, or a line that is indented too far: `{line}`",
     "Put a value with a colon in quotes, or indent the line as those beside it."),
    (r"could not find expected ':'", True, "this line is neither `key: value` nor the end of the value before",
     "Write a colon and a blank after the key."),
    (r"but got '\?'", False, "a value in brackets holds ` ?`, which is YAML's there", "Put the value in quotes."),
    (r"while parsing a flow (sequence|mapping)", True,
     "the list or block in brackets that begins here is not closed, or lacks a comma (read up to line {end})",
     "Close it with `]` or `}}`, with commas between the values."),
    (r"expected the node content", False, "a value is missing here: `{line}`",
     "Write the value; one that starts with # is a comment without quotes."),
    (r"expected a single document|another document", False, "a second document starts here (`---`)",
     "Keep one document in the file."),
    (r"expected '<document start>'", False, "this is not YAML: `{line}`", "Write `key: value` lines."),
    (r"but found '-'", False, "a list stands where `key: value` lines do",
     "Remove the hyphen, or indent it below a key."),
    (r"expected <block end>|did not find expected", False,
     "this line is indented otherwise than those beside it: `{line}`", "Indent keys of one block alike."),
    (r"while scanning a tag", False, "a value that starts with ! is a tag in YAML", "Put it in quotes."),
    (r"while scanning a directive", False, "a line that starts with % is a directive in YAML", "Put it in quotes."),
    (r"while scanning a block scalar", False, "the text after | or > starts on a line of its own",
     "Write | alone on the line, and the text indented below it."),
)  # fmt: skip
