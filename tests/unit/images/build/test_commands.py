"""Sizes, and what programs said, as people read them."""

from __future__ import annotations

import pytest

from opsctl.images.build.commands import failed
from opsctl.images.errors import last_words
from opsctl.images.listener import megabytes


@pytest.mark.parametrize(
    ("count", "text"), [(12_345_678, "12.3 MB"), (100_000, "0.1 MB"), (99_999, "100.0 kB"), (1_234, "1.2 kB")]
)
def test_a_small_size_is_not_told_as_none(count: int, text: str) -> None:
    assert megabytes(count) == text


def test_a_sentence_ends_with_one_full_stop_and_a_command_keeps_its_quotes() -> None:
    error = failed(["-c", "exit 7"], 7, "starting\nThe SECRET_KEY setting must not be empty.\n")
    assert error.message == (
        "The build command `python -c 'exit 7'` failed with 7: The SECRET_KEY setting must not be empty."
    )
    assert last_words([]) == ""


@pytest.mark.parametrize(
    ("last", "hint"),
    [
        ("ModuleNotFoundError: No module named 'rest_framework'", "If a package brings rest_framework, name it among"),
        ("ImproperlyConfigured: Set the MAPS_KEY environment variable", "Build commands get a harmless value"),
    ],
)
def test_what_is_not_installed_is_not_taken_for_a_variable(last: str, hint: str) -> None:
    assert (failed(["collect.py"], 1, f"Traceback\n{last}\n").hint or "").startswith(hint)
