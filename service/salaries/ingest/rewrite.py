"""The careful path: turn a raw file of any kind into a plain one, row by row, with line numbers and what is wrong.

Used for files that `inspect` found not to be plain. Every record ends up in the output: a damaged one with a `problem`
that the build counts as its reason.
"""

from __future__ import annotations

import csv
import io
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from salaries.ingest.inspect import RawFile, open_raw

NOT_IN_ENCODING = "not valid in the file's encoding"
_REPLACEMENT = "\ufffd"
# A quoted text longer than this many lines is a quote that was never closed.
_LONGEST_RECORD_LINES = 100
_LONGEST_LINE = 1_000_000
# Far more than a column takes, so what is cut is rejected all the same; DuckDB has a limit for a row.
_LONGEST_FIELD = 1000
Record = tuple[int, str, list[str]]


def rewrite_plain(raw: RawFile, target: Path) -> int:
    """Write `raw` to `target` as `line,problem,c0…cN` and return how many rows it holds."""
    width = len(raw.header)
    rows = 0
    with target.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle, lineterminator="\n", quoting=csv.QUOTE_ALL)
        writer.writerow(["line", "problem", *[f"c{number}" for number in range(width)]])
        for line, problem, fields in records(raw):
            found = problem or _problem(fields, width)
            clean = [field.replace("\0", "").strip()[:_LONGEST_FIELD] for field in fields[:width]]
            writer.writerow([line, found, *clean, *[""] * (width - len(clean))])
            rows += 1
    return rows


def records(raw: RawFile) -> Iterator[Record]:
    """Yield (line number, problem or "", fields) of each record below the header; blank lines are no records."""
    lines = _lines(raw)
    for _, text in lines:
        if text.strip():
            break
    waiting: deque[tuple[int, str]] = deque()
    while True:
        pair = waiting.popleft() if waiting else next(lines, None)
        if pair is None:
            return
        number, text = pair
        if not text.strip():
            continue
        taken = text
        rest: list[tuple[int, str]] = []
        while (unclosed := _open_quote(taken, raw.delimiter)) and len(rest) < _LONGEST_RECORD_LINES:
            following = waiting.popleft() if waiting else next(lines, None)
            if following is None:
                break
            rest.append(following)
            taken += "\n" + following[1]
        if unclosed:
            # Give the following lines back: one bad quote must cost one row.
            waiting.extendleft(reversed(rest))
            yield number, "a quote is never closed", _split(text.replace('"', ""), raw.delimiter)
        else:
            yield number, "", _split(taken, raw.delimiter)


def _open_quote(text: str, delimiter: str) -> bool:
    """Tell whether `text` ends inside a quoted field; a quote opens one at the start of a field only."""
    at = 0
    while True:
        if text.startswith('"', at):
            at = _after_closing(text, at + 1)
            if at < 0:
                return True
        at = text.find(delimiter, at) + 1
        if at == 0:
            return False


def _after_closing(text: str, at: int) -> int:
    """Return the place behind the quote that closes the field open at `at`, or -1; two quotes stand for one."""
    while True:
        at = text.find('"', at) + 1
        if at == 0:
            return -1
        if not text.startswith('"', at):
            return at
        at += 1


def _split(text: str, delimiter: str) -> list[str]:
    if '"' not in text:
        return text.split(delimiter)
    # NOTE: no splitlines here: it also splits at blanks such as U+0085, and the reader would end the record there.
    return next(csv.reader(io.StringIO(text, newline="\n"), delimiter=delimiter), [])


def _problem(fields: list[str], width: int) -> str:
    joined = "".join(fields)
    if "\0" in joined:
        return "NUL character"
    if _REPLACEMENT in joined:
        return NOT_IN_ENCODING
    if any(field.strip() for field in fields[width:]):
        return "more fields than the header"
    return ""


def _lines(raw: RawFile) -> Iterator[tuple[int, str]]:
    """Yield (number, text) of each line without its end, decoded; a wrong byte becomes U+FFFD.

    A lone carriage return ends a line too, as in files of old Macs.
    """
    with io.TextIOWrapper(open_raw(raw.path), raw.encoding, errors="replace", newline=None) as handle:
        for number, line in enumerate(iter(lambda: handle.readline(_LONGEST_LINE), ""), 1):
            yield number, line.removesuffix("\n")
