"""The committed screens are what the commands print. `python -m tests.golden.screens` rewrites them."""

from __future__ import annotations

import pytest

from tests.golden.screens.scenes import FOLDER, WIDTHS, screens

# Lines of logs, digests and the sentences of an error are kept whole, to be copied.
WRAPPED = ("plan", "status")


def test_the_committed_screens_are_what_is_printed() -> None:
    found = screens()
    assert sorted(found) == sorted(FOLDER.glob("*.txt"))
    changed = [path.name for path, text in found.items() if path.read_text(encoding="utf-8") != text]
    assert changed == [], "look at them: `python -m tests.golden.screens`, then `git diff`"


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", WRAPPED)
def test_no_line_is_wider_than_its_screen_but_one_of_a_single_word(name: str, width: int) -> None:
    lines = (FOLDER / f"{name}-{width}.txt").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if len(line) > width and len(line.lstrip("+- ").split()) > 1] == []


def test_the_cause_is_the_first_line_of_what_is_told_later_and_among_the_last_of_the_screen() -> None:
    for width in WIDTHS:
        cause = (FOLDER / f"explain-{width}.txt").read_text(encoding="utf-8").splitlines()[0]
        last = (FOLDER / f"failure-{width}.txt").read_text(encoding="utf-8").splitlines()[-2:]
        assert last[0] == f"Error: {cause.removesuffix('.')}"
        assert last[1].startswith("Next: ")
