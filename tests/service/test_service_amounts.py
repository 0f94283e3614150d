"""Amounts against a second opinion: DuckDB's rules and Python's Decimal agree on thousands of odd figures."""

from __future__ import annotations

import csv
import random
import re
from decimal import Decimal, InvalidOperation
from pathlib import Path

from salaries.ingest.build import build_dataset

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?", re.ASCII)
# Both marks stand before decimals in the file, so neither reading of these is sure.
_TWO_READINGS = re.compile(r"\+?[1-9]\d{0,2}\.\d{3}", re.ASCII)
_GROUPED = re.compile(r"\+?\d{1,3}(,\d{3})+(\.\d*)?", re.ASCII)


def expected(text: str) -> Decimal | None:
    """Return the amount `text` stands for, or None when it is to be rejected."""
    if _TWO_READINGS.fullmatch(text) or not (_NUMBER.fullmatch(text) or _GROUPED.fullmatch(text)):
        return None
    try:
        value = Decimal(text.replace(",", ""))
    except InvalidOperation:
        return None
    fits = (
        0 <= value < Decimal(10) ** 10 and value == value.quantize(Decimal("0.01"))
        if value < Decimal(10) ** 12
        else False
    )
    return value if fits else None


def odd_figures(count: int) -> list[str]:
    """Return texts made of the parts that figures in the wild are made of."""
    picks = random.Random(5)
    parts = ["0", "1", "12", "123", "1234", "999999", ".", ",", "00", "000", ".5", ".10", ".105", "e3", "E-2", "e+10",
             "-", "+", " ", "x", ",000", ",123", "9999999999", ".99"]  # fmt: skip
    return ["".join(picks.choices(parts, k=picks.randint(1, 4))).strip() for _ in range(count)]


def test_every_odd_figure_is_kept_or_rejected_as_decimal_says(tmp_path: Path) -> None:
    texts = sorted({text for text in odd_figures(6000) if text})
    (tmp_path / "raw").mkdir()
    with (tmp_path / "raw" / "odd.csv").open("w", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerows([("role", "salary"), *((f"r{number}", text) for number, text in enumerate(texts))])
    report = build_dataset(data_dir=tmp_path, country="Brazil", encodings={})
    assert report.holds()
    with (tmp_path / "salaries.csv").open(newline="") as handle:
        kept = {row["role"]: Decimal(row["total_compensation"]) for row in csv.DictReader(handle)}
    wanted = {f"r{number}": value for number, text in enumerate(texts) if (value := expected(text)) is not None}
    assert kept == wanted
    assert report.rejected == len(texts) - len(wanted)
