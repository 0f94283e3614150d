"""`opsctl secret set` as people type it who have not read its help."""

from __future__ import annotations

import pytest

from opsctl.cli import app


@pytest.mark.parametrize("typed", [["MAIL_KEY", "hunter2"], ["MAIL_KEY=hunter2"], ["MAIL_KEY", "hunter2", "--json"]])
def test_a_value_as_an_argument_is_refused_without_being_repeated(
    typed: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert app.run(["secret", "set", *typed]) == 2
    shown = capsys.readouterr()
    assert "A value is never an argument" in shown.out + shown.err
    assert "`opsctl secret set MAIL_KEY`" in shown.out + shown.err
    assert "hunter2" not in shown.out + shown.err


def test_an_option_that_there_is_not_is_still_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["secret", "set", "MAIL_KEY", "--vlaue"]) == 2
    assert "--vlaue" in capsys.readouterr().err
