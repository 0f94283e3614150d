"""What `build_salary_dataset` prints of files that should not pass in silence, and what --strict makes of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError

from tests.service.test_service_rejects import run

FILES: dict[str, str | bytes] = {
    "a.csv": "role,salary\n=cmd|x,12000\ndev,24000\n",
    "plan.md": "nothing",
}


def test_what_was_assumed_passed_over_and_suspicious_is_told_and_strict_refuses_it(data_dir: Path) -> None:
    out = run(data_dir, FILES)
    for line in (
        "  passed over: plan.md: neither .csv nor .csv.gz",
        "  warning: a.csv: country (Brazil), currency (BRL) and period (month) are assumed for all of its rows; "
        "`opsctl dataset inspect` proposes what to say of its source",
        "  a.csv: taken for role <- role; total_compensation <- salary; not used: nothing; assumed: source of 2 rows, "
        "level of 2 rows, location of 2 rows, state of 2 rows, country of 2 rows, currency of 2 rows, "
        "work_model of 2 rows",
        "  warning: the role '=cmd|x' (1 row) begins as a formula of a spreadsheet; it is kept as text",
    ):
        assert line in out.splitlines()
    with pytest.raises(CommandError, match=r"is doubtful \(a\.csv\), which --strict refuses; nothing is loaded"):
        run(data_dir, {}, strict=True)


def test_a_source_that_says_it_all_is_silent_but_for_its_factors(data_dir: Path, tmp_path: Path, settings: Any) -> None:
    source = {"name": "a", "url": "x", "currency": "BRL", "period": "year", "defaults": {"country": "Brazil"}}
    settings.SALARY_SOURCES = tmp_path / "sources.json"
    settings.SALARY_SOURCES.write_text(json.dumps({"sources": [source]}))
    out = run(data_dir, {"a.csv": "role,salary\ndev,12000\n"}, strict=True)
    assert out.splitlines()[1:] == [
        "  note: the figures of a.csv are made those of a month (a year's / 12, an hour's × 2,080 / 12)"
    ]
