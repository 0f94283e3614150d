"""What `opsctl explain` prints, and the page that it writes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from opsctl.cli.render_explain import page, text, write
from opsctl.deploy.evidence.record import Explanation, Moment
from opsctl.errors import OpsctlError

LONG = "Task 1a2b stopped: EssentialContainerExited, exit code 1: Essential container in task exited and more"
FOUND = Explanation(
    run="20260101-000000-abcdef", environment="dev", command="opsctl deploy --env dev", owner="ann@host",
    started="2026-01-01T00:00:00.000+00:00", seconds=130.0, outcome="failed",
    cause="app: Service failed: ValueError: no (task 1a2b…, exit code 1).", next="Correct it.",
    plan=("app: update: parameters differ",), image="v1",
    moments=(
        Moment("2026-01-01T00:00:01.000+00:00", "app", "evidence", (LONG, "| ValueError: <b>no</b>")),
        Moment("2026-01-01T00:00:02.000+00:00", "", "note", ("AWS answers again.",)),
    ),
)  # fmt: skip


def test_the_first_line_is_the_cause_and_the_last_what_to_do() -> None:
    lines = text(FOUND, None).splitlines()
    assert lines[0] == FOUND.cause
    assert lines[-1] == "Next: Correct it."
    assert f"00:00:01Z  app: {LONG}" in lines
    assert "           | ValueError: <b>no</b>" in lines
    assert "00:00:02Z  AWS answers again." in lines


def test_on_a_narrow_screen_lines_are_wrapped_and_nothing_is_lost() -> None:
    wide, narrow = text(FOUND, None), text(FOUND, 60)
    assert narrow.splitlines()[0] == FOUND.cause
    assert max(len(line) for line in narrow.splitlines()[1:]) <= 60
    assert narrow.split() == wide.split()


def test_the_page_stands_alone_and_escapes_whatever_the_log_held() -> None:
    hostile = "<script>alert(1)</script><img src=https://evil.example/x>"
    moment = Moment("", "app", "evidence", (hostile, f"| {hostile}"))
    body = page(replace(FOUND, cause=hostile, owner=hostile, plan=(hostile,), moments=(moment,)))
    assert "<script" not in body
    assert "<img" not in body
    assert "&lt;script&gt;" in body
    assert "default-src 'none'" in body
    assert "http-equiv" in body
    assert 'src="' not in body
    assert "href" not in body


def test_a_page_that_can_not_be_written_is_one_sentence(tmp_path: Path) -> None:
    write(tmp_path / "a.html", page(FOUND))
    assert (tmp_path / "a.html").read_text().startswith("<!doctype html>")
    with pytest.raises(OpsctlError, match="can't be written: No such file or directory"):
        write(tmp_path / "no" / "a.html", "")
