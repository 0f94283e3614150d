"""The committed screens are what the commands print. `python -m tests.golden.screens` rewrites them."""

from __future__ import annotations

import pytest

from tests.golden.screens.scenes import FOLDER, WIDTHS, screens

# What `explain` says is kept whole, to be copied, as are digests and lines of a log.
WRAPPED = ("plan", "status", "failure")
_LOG = "  | "


def test_the_committed_screens_are_what_is_printed() -> None:
    found = screens()
    assert sorted(found) == sorted(FOLDER.glob("*.txt"))
    changed = [path.name for path, text in found.items() if path.read_text(encoding="utf-8") != text]
    assert changed == [], "look at them: `python -m tests.golden.screens`, then `git diff`"


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", WRAPPED)
def test_no_line_is_wider_than_its_screen_but_one_of_a_single_word(name: str, width: int) -> None:
    lines = (FOLDER / f"{name}-{width}.txt").read_text(encoding="utf-8").splitlines()
    broken = [line for line in lines if not line.startswith(_LOG) and len(line.lstrip("+- ").split()) > 1]
    assert [line for line in broken if len(line) > width] == []


def test_the_cause_is_the_first_line_of_what_is_told_later_and_the_last_but_what_to_do_on_the_screen() -> None:
    for width in WIDTHS:
        cause = (FOLDER / f"explain-{width}.txt").read_text(encoding="utf-8").splitlines()[0]
        _, _, last = (FOLDER / f"failure-{width}.txt").read_text(encoding="utf-8").rpartition("\nError: ")
        error, _, then = " ".join(last.split()).partition(" Next: ")
        assert error == cause.removesuffix(".")
        assert then
