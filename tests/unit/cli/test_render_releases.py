"""Releases as people read them: whole in 80 columns, and nothing of them that a terminal would act on."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest

from opsctl.cli.render_releases import audit_text, releases_text, when
from opsctl.cli.render_status import clock
from opsctl.operate.releases import Audited, Listed


@pytest.fixture(autouse=True)
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A zone that is not UTC."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    os.environ.setdefault("TZ", "UTC")
    time.tzset()


def listed(number: int, **more: object) -> Listed:
    values: dict[str, object] = {
        "at": "2026-11-29T22:10:00+00:00", "by": "ann@laptop", "tag": "c" * 40, "commit": "c" * 40,
        "digest": f"sha256:{number:064}", "runs": False, "how": "deploy", "migrations": (), "rollback": True, **more,
    }  # fmt: skip
    return Listed(number, **values)  # type: ignore[arg-type]


def test_each_release_says_when_who_what_and_whether_there_is_a_way_back() -> None:
    why = "notes.0012_no_text removes Note.text, which the release before still reads"
    text = releases_text([
        listed(14, runs=True, how="rollback to 12", why_not="it runs", rollback=False),
        listed(13, migrations=("notes.0012_no_text",), tag="v13"),
        listed(12, rollback=False, why_not=why, image_only=True),
        listed(11, image_only=True),
    ])  # fmt: skip
    assert text.splitlines() == [
        "* 14   2026-11-29 23:10 CET  ann@laptop  rollback to 12  runs now",
        f"       tag {'c' * 40}",
        f"       sha256:{14:064}",
        "  13   2026-11-29 23:10 CET  ann@laptop",
        "       tag v13",
        f"       commit {'c' * 40}",
        f"       sha256:{13:064}",
        "       migrations: notes.0012_no_text",
        "  12   2026-11-29 23:10 CET  ann@laptop",
        f"       tag {'c' * 40}",
        f"       sha256:{12:064}",
        "       no rollback to it: notes.0012_no_text removes Note.text, which the",
        "         release before still reads",
        "  11   2026-11-29 23:10 CET  ann@laptop",
        f"       tag {'c' * 40}",
        f"       sha256:{11:064}",
        "       rollback: its image only; an earlier opsctl did not record its",
        "         application block",
    ]
    assert max(map(len, text.splitlines())) <= 80
    assert releases_text([]) == "Nothing was released yet."


def test_an_audit_says_what_was_typed_and_which_parameters_changed() -> None:
    stacks = {"jobs": {"action": "update", "parameters": ["ImageUri"]}, "app": {"action": "update", "parameters": []}}
    text = audit_text([
        Audited("run2", "2026-11-29T22:10:00+00:00", "this machine", "app failed: no such setting", stacks={}),
        Audited("run1", "2026-11-29T22:00:00+00:00", "ann@laptop", "release 3", 3, "opsctl rollback 1", "abc", "uri",
                1, stacks),
    ])  # fmt: skip
    assert text.splitlines() == [
        "2026-11-29 23:10 CET  this machine  no release",
        "       app failed: no such setting",
        "       run run2",
        "2026-11-29 23:00 CET  ann@laptop  release 3, rollback to 1",
        "       run run1: opsctl rollback 1",
        "       commit abc",
        "       image uri",
        "       jobs: update (ImageUri)",
        "       app: update",
    ]
    assert audit_text([]) == "Nothing is recorded yet."


def test_a_record_moves_no_cursor() -> None:
    text = releases_text([listed(1, by="ann\x1b[2J", tag="v\x1b]0;x\x07")])
    text += audit_text(
        [Audited("r", "yesterday\x1b[1m", "b\x07", "o\x1b", 1, "c\x1b[0m", "d", "e", None, {"s\x1b": {}})]
    )
    assert not [character for character in text if ord(character) < 32 and character != "\n"]
    assert when("yesterday") == "yesterday"


def test_a_time_that_no_zone_can_tell_is_shown_as_it_stands() -> None:
    assert when("0001-01-01T00:00:00+14:00") == "0001-01-01T00:00:00+14:00"
    assert clock("0001-01-01T00:00:00+14:00") == "0001-01-01T00:00:00+14:00"
