"""The words that are known: `words.csv` says which spellings stand for which word, in which column.

Words of the reach `always` are known in every file, those of the reach `mapped` only where a source's mapping says that
a file speaks this way: in another file `EX` may be anything. Headers have the reach `within` too: words by which a
longer one is known. Spellings stand there as `spelled` leaves them, headers without marks, so one line does for every
case, accent and hyphen. An `aside` is a word that may stand beside a figure, in brackets or before a colon, and changes
nothing of it. Someone who misses a word adds it there; neither Python nor SQL changes.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from functools import cache
from pathlib import Path
from typing import Literal

Reach = Literal["always", "mapped", "within"]
MISSING = ("na", "n/a", "null", "none", "nan", "\\n", "-", "--")
"""Texts by which programs say that there is no value, in lower case."""
# What `str.strip` takes away, except for a space and a line feed.
ODD_BLANKS = (
    "\t\v\f\r\x1c\x1d\x1e\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
# Characters that take no room and change no word: what shows alike must be alike.
UNSEEN = "\u200b\u200e\u200f\u2060\ufeff\u00ad"
_UNSEEN = re.compile(f"[{UNSEEN}]")


def shown(text: str) -> str:
    """Return `text` without blanks around it and unseen characters."""
    return seen(text).strip()


def seen(text: str) -> str:
    """Return `text` without unseen characters."""
    return _UNSEEN.sub("", text)


def folded(text: str) -> str:
    """Return `text` as it is `shown`, without case and accents."""
    apart = unicodedata.normalize("NFKD", shown(text).lower())
    return "".join(char for char in apart if not unicodedata.combining(char)).strip()


def spelled(text: str) -> str:
    """Return `text` folded, with a blank for every run of blanks, hyphens and underscores."""
    return re.sub(r"[\s_-]+", " ", folded(text)).strip()


@cache
def spellings(column: str, reach: Reach) -> dict[str, str]:
    """Return spelling -> word for a column; those of each reach have the words of every file too."""
    with (Path(__file__).parent / "words.csv").open(encoding="utf-8", newline="") as handle:
        rows = [row for row in csv.DictReader(handle) if row["column"] == column and row["reach"] in ("always", reach)]
    return {spelling: row["word"] for row in rows for spelling in row["spellings"].split("|")}
