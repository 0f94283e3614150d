"""Files in the shapes that the world keeps salaries in, read with a preset and with the mapping that is proposed.

`shapes.txt` holds them: headers and quirks as public descriptions tell them, made-up values, and what is true of each
row (`=>`), what a person answers to a proposal's questions (`?>`), and how many rows each way keeps (`#>`). A row that
stands in the dataset otherwise than it is true is the one thing that must not happen.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from salaries.ingest.columns import CANONICAL
from salaries.ingest.engine import engine
from salaries.ingest.errors import IngestError
from salaries.ingest.inspection import propose
from salaries.ingest.judging import define_rules
from salaries.ingest.mapping_keys import asked, mapping_of
from salaries.ingest.reading import Reader
from salaries.ingest.records import glance_at, records
from salaries.ingest.sources import Declared

SHAPES = Path(__file__).parent / "shapes.txt"
COLUMNS = ("role", "country", "currency", "base_salary_min", "base_salary_max", "total_compensation")


@dataclass
class Shape:
    """A file, what is true of its rows by role, a person's answers to a proposal, and how many rows each way keeps."""

    title: str
    preset: str
    text: str = ""
    truth: dict[str, dict[str, str]] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)
    kept: dict[str, int] = field(default_factory=dict)


def shapes() -> Iterator[Shape]:
    for block in SHAPES.read_text(encoding="utf-8").split("### ")[1:]:
        heading, *lines = block.splitlines()
        title, _, preset = heading.partition(" | ")
        shape = Shape(title, preset)
        for line in lines:
            mark, _, said = line.partition(" ")
            if mark == "=>":
                values = [each.strip() for each in said.split("|")]
                more = dict(each.split("=") for each in values[len(COLUMNS) :])
                shape.truth[values[0]] = dict(zip(COLUMNS, values, strict=False)) | more
            elif mark == "?>":
                shape.answers = dict(each.split("=") for each in said.split("; "))
            elif mark == "#>":
                shape.kept = {name: int(count) for name, count in (each.split("=") for each in said.split())}
            else:
                shape.text += line + "\n"
        yield shape


class Readings:
    """Reads shapes one after another into one table, which is what makes forty of them cheap."""

    def __init__(self, db: Any, folder: Path) -> None:
        define_rules(db, country="Brazil")
        self._db, self._folder, self._reader, self._number = db, folder, Reader(db), -1

    def rows(self, text: str, keys: dict[str, Any]) -> list[dict[str, str]]:
        """Return the rows that are kept, or would be for their own country, under the keys of a source."""
        self._number += 1
        path = self._folder / "a.csv"
        path.write_text(text, encoding="utf-8")
        mapping = mapping_of(keys, "a")
        self._reader.read(path, "a.csv", Declared({}, {"a.csv": mapping} if mapping else {}))
        found = self._db.execute(
            "SELECT concat_ws(',', front, country, currency, back, coalesce(observed_at::VARCHAR, '')) FROM judged "
            "WHERE file = ? AND coalesce(outcome, '-country') = '-country'",
            [self._number],
        ).fetchall()
        return [dict(zip(CANONICAL, row, strict=True)) for row in csv.reader(line for (line,) in found)]

    def proposed(self, shape: Shape) -> dict[str, Any]:
        """Return what is proposed for a shape, with the answers of a person who knows the file."""
        path = self._folder / "a.csv"
        path.write_text(shape.text, encoding="utf-8")
        raw = glance_at(path, name="a.csv", encoding="utf-8")
        sample = [dict(zip(raw.header, text.split("\x1f")[1:], strict=False)) for _, text in records(raw)]
        keys = propose(raw.header, sample)
        for name, answer in shape.answers.items():
            group, _, column = name.rpartition(".")
            if name in asked(keys):
                keys |= {group: keys[group] | {column: answer}} if group else {column: answer}
        return keys


def wrong(shape: Shape, rows: list[dict[str, str]]) -> list[str]:
    """Return what rows say that is not true."""
    found = []
    for row in rows:
        truth = shape.truth.get(row["role"], {"role": "of no such row"})
        found += [
            f"{shape.title}: {row['role']}: {name} is {row[name]}, not {value}"
            for name, value in truth.items()
            if row[name] != value
        ]
    return found


def test_no_shape_of_file_gives_a_wrong_row_once_its_source_says_how_it_is_read(tmp_path: Path) -> None:
    mistakes: list[str] = []
    with engine(tmp_path) as db:
        readings = Readings(db, tmp_path)
        for shape in shapes():
            found = {}
            ways: dict[str, dict[str, Any]] = {"preset": {"preset": shape.preset}} if shape.preset else {}
            ways["proposed"] = readings.proposed(shape)
            for way, keys in ways.items():
                # What is still to be answered is refused, so it reads no row.
                rows = [] if asked(keys) else readings.rows(shape.text, keys)
                mistakes += wrong(shape, rows)
                found[way] = len(rows)
            if found != shape.kept:
                mistakes.append(f"{shape.title}: keeps {found}, not {shape.kept}; {ways['proposed']}")
    assert mistakes == []


def test_a_proposal_with_an_open_question_is_refused(tmp_path: Path) -> None:
    with engine(tmp_path) as db:
        keys = Readings(db, tmp_path).proposed(Shape("", "", "Job Title,Salary\nDev,5000\n"))
    assert asked(keys) == ["period", "currency", "defaults.country"]
    with pytest.raises(IngestError, match=r"'defaults\.country' is still '\?'; nothing in the file says it"):
        mapping_of(keys, "a")
