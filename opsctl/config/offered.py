"""What AWS sells by name, as it was known on 30 November 2026: database classes and versions of RDS for PostgreSQL.

What can't exist is an error. What is newer than these tables, or may have been added since, is a note: a deploy asks
RDS itself (deploy/checks/database_class.py), before anything is changed.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import NamedTuple

from opsctl.config.located import KeyPath
from opsctl.config.nearest import closest
from opsctl.config.problem import Problem


class Doubt(NamedTuple):
    """Why a name is none that is sold. `certain`: it can't have been added meanwhile."""

    certain: bool
    nearest: str | None


_SIZES = ("nano", "micro", "small", "medium", "large", "xlarge")
_SMALL = ("micro", "small", "medium", "large", "xlarge", "2xlarge")
_TO_16 = ("large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge")
_TO_24 = (*_TO_16, "24xlarge")
_TO_32 = (*_TO_24, "32xlarge")
_TO_48 = (*_TO_24, "48xlarge")
# Families of instance classes for PostgreSQL, of all regions, without those of the previous generations that take no
# PostgreSQL from 13 on. [DescribeOrderableDBInstanceOptions, as cfn-lint 1.58 has it]
_FAMILIES: dict[tuple[str, ...], tuple[str, ...]] = {
    ("t3", "t4g"): _SMALL,
    ("m6g", "m6gd", "m7g", "r6g", "r6gd", "r7g", "x2g"): _TO_16,
    ("m5", "m5d", "r5", "r5b", "r5d"): _TO_24,
    ("m6i", "m6id", "m6idn", "m6in", "r6i", "r6id", "r6idn", "r6in"): _TO_32,
    ("m7i", "m8a", "m8g", "m8gd", "m9g", "r7i", "r8a", "r8g", "r8gd"): _TO_48,
    ("x2idn",): ("16xlarge", "24xlarge", "32xlarge"),
    ("x2iedn",): ("xlarge", "2xlarge", "4xlarge", "8xlarge", "16xlarge", "24xlarge", "32xlarge"),
}
# Those families; and no database is as small as nano.
_GONE = frozenset({"t1", "t2", "m1", "m2", "m3", "m4", "r3", "r4"})
DATABASE_CLASSES = frozenset(
    f"db.{family}.{size}" for families, sizes in _FAMILIES.items() for family in families for size in sizes
)
# Major version: its first and its newest minor version on RDS. [DescribeDBEngineVersions, as cfn-lint 1.58 has it]
# Those before are past their standard support, and opsctl declines the paid one. [UG RDS PostgreSQL release calendar]
ENGINE_VERSIONS = {14: (1, 24), 15: (2, 19), 16: (1, 15), 17: (1, 11), 18: (1, 6)}
_NAME = re.compile(r"(?:db\.)?([a-z]+)(\d+)([a-z-]*)\.([a-z0-9-]+)")
_SIZE = re.compile(r"nano|micro|small|medium|large|\d{0,3}xlarge|metal(-\d+xl)?")
_CLOSED = 3
"""Generations after which a line gets no new members."""


def database_class(name: str) -> Doubt | None:
    """Why `db.t4.micro` is none that RDS has for PostgreSQL; None for one that is known."""
    doubt = sold(name, DATABASE_CLASSES)
    gone = name.split(".")[1] in _GONE or name.endswith(".nano")
    return Doubt(True, doubt.nearest) if doubt is not None and gone else doubt


def sold(name: str, known: Collection[str]) -> Doubt | None:
    """Whether a class or type is among `known`, or might be sold all the same."""
    if name in known:
        return None
    found = _NAME.fullmatch(name)
    near = _nearest(name, known)
    if found is None or not _SIZE.fullmatch(found[4]):
        return Doubt(True, near)
    line, generation, kind = found[1], int(found[2]), found[3]
    members = [each for each in map(_NAME.fullmatch, known) if each and each[1] == line]
    newest = max((int(each[2]) for each in members), default=0)
    if any(int(each[2]) == generation and each[3] == kind for each in members):
        return Doubt(generation < newest, near)  # sizes are added to what is new
    # From some generation on the name says whose processor it is: there is no t4 and no m6.
    named = any(int(each[2]) <= generation and each[3] for each in members) and not any(
        int(each[2]) >= generation and not each[3] for each in members
    )
    return Doubt(bool(members) and ((not kind and named) or newest - generation >= _CLOSED), near)


def _nearest(name: str, known: Iterable[str]) -> str | None:
    family, _, size = name.rpartition(".")
    same = [each for each in known if each.rpartition(".")[0] == family]
    if same and _SIZE.fullmatch(size):
        return min(same, key=lambda each: (abs(_rank(each) - _rank(name)), each))
    return closest(name, same or known, 0.0)


def _rank(name: str) -> int:
    """How large: 0 for nano, 5 for xlarge, and so on."""
    size = name.rpartition(".")[2]
    return _SIZES.index(size) if size in _SIZES else 4 + int(re.sub(r"\D", "", size) or 100)


def engine_version(text: str) -> Doubt | None:
    """Why there is no PostgreSQL `18.99`; None for a version that is known, or a major version."""
    major, _, minor = text.partition(".")
    oldest, newest = min(ENGINE_VERSIONS), max(ENGINE_VERSIONS)
    if int(major) not in ENGINE_VERSIONS:
        older = int(major) < oldest
        return Doubt(older, str(oldest if older else newest))
    first, last = ENGINE_VERSIONS[int(major)]
    if not minor or (minor == str(int(minor)) and first <= int(minor) <= last):
        return None
    near = min(max(int(minor), first), last)
    return Doubt(int(minor) <= last, f"{major}.{near}")


def problem(path: KeyPath, who: str, name: str, doubt: Doubt) -> Problem:
    """What is told of a class or type that is not known."""
    if doubt.certain:
        return Problem(path, f"{who} has no {name}", f"Write {doubt.nearest}, the nearest that it has.")
    fix = f"The deploy asks {who}; {doubt.nearest} is the nearest that is known."
    return Problem(path, f"this opsctl does not know {name}", fix, certain=False)
