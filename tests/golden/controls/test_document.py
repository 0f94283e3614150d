"""docs/security.md says what the rows and the templates say."""

from __future__ import annotations

from tests.golden.controls.document import PATH, render, spelled
from tests.golden.controls.table.rows import ACCOUNT_LEVEL, ROWS


def test_the_page_is_up_to_date() -> None:
    assert PATH.read_text() == render(), "run `python -m tests.golden.controls`"


def test_the_page_names_every_id() -> None:
    page = render()
    ids = [one_id for row in ROWS.values() for one_id in row.split()]
    assert [one_id for one_id in [*ids, *ACCOUNT_LEVEL] if spelled(one_id) not in page] == []
