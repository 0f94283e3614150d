"""docs/dataset.md lists the columns with their aliases as the code has them, and every key and preset of a mapping."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from salaries.ingest.columns import ALIASES, DEFAULTS
from salaries.ingest.mapping_keys import MAPPING_KEYS, presets

PAGE = Path(__file__).parents[2] / "docs" / "dataset.md"
_START, _END = "<!-- columns: kept by tests/service/test_service_dataset_doc.py -->\n", "<!-- end -->"

pytestmark = pytest.mark.skipif(not PAGE.is_file(), reason="inside an image there is no documentation")


def table() -> str:
    rows = [
        f"| {name} | {', '.join(f'`{alias}`' for alias in aliases)} | {DEFAULTS.get(name, '')} |"
        for name, aliases in ALIASES.items()
    ]
    return "\n".join(["| column | headers | when blank |", "|---|---|---|", *rows, ""])


def test_the_columns_are_those_of_the_code() -> None:
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(_START)
    shown, _, after = rest.partition(_END)
    if os.environ.get("WRITE_DOCS"):
        PAGE.write_text(before + _START + table() + _END + after, encoding="utf-8")
    assert shown == table(), "run this test with WRITE_DOCS=1 and review the difference"


@pytest.mark.parametrize("name", [*MAPPING_KEYS, *presets()])
def test_every_key_and_preset_is_described(name: str) -> None:
    assert f"`{name}`" in PAGE.read_text(encoding="utf-8")
