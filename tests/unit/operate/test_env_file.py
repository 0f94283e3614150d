"""What a `.env` file says, in the ways in which people write it."""

from __future__ import annotations

from pathlib import Path

import pytest

from opsctl.errors import UsageError
from opsctl.operate.env_file import read_env_file


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("A=plain", "plain"),
        ("export A=exported", "exported"),
        ("  A = spaced  ", "spaced"),
        ("A=a=b==", "a=b=="),
        ("A=value # a comment", "value"),
        ("A=value\t# a comment", "value"),
        ("A=p#hash", "p#hash"),
        ("A=#hash", "#hash"),
        ("A= # fill in", ""),
        ("A=", ""),
        ('A=""', ""),
        ('A="in # quotes"  # a comment', "in # quotes"),
        ('A="say \\"hi\\" and go"', 'say "hi" and go'),
        ('A="two\\nlines"', "two\nlines"),
        ('A="back\\\\slash"', "back\\slash"),
        ("A='as \\n it \\\" is'", 'as \\n it \\" is'),
        ('A="first\nsecond"', "first\nsecond"),
        ("A='{\n  \"a\": 1\n}'", '{\n  "a": 1\n}'),
        ("A=line\u2028separator", "line\u2028separator"),
        ("A=${B}/path", "before/path"),
        ('A="${B}/path"', "before/path"),
        ("A='${B}/path'", "${B}/path"),
        ('A="\\${B}/path"', "${B}/path"),
        ('C="a\\\\n"\nA="${C}"', "a\\n"),
        ("A=${UNKNOWN}/$B", "${UNKNOWN}/$B"),
    ],
)
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_a_value_is_read_as_it_was_meant(line: str, value: str, ending: str, tmp_path: Path) -> None:
    path = tmp_path / ".env"
    text = f"\ufeff# first\nB=before\n\n{line}\nC=after"
    path.write_bytes(text.replace("\n", ending).encode())
    assert read_env_file(path) == {"B": "before", "A": value, "C": "after"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("A=x\n\nwords-CANARY", ":3: this line is not NAME=value"),
        ("A-B=CANARY", ":1: this line is not NAME=value"),
        ('A="CANARY\nB=x', ":1: the quote that begins here never ends"),
        ("B='one\ntwo'\nA='it'\\''s CANARY'", ":3: more of the value follows its closing quote"),
    ],
)
def test_a_line_that_can_not_be_read_is_named_without_what_stands_in_it(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text(text)
    with pytest.raises(UsageError) as raised:
        read_env_file(path)
    assert said in raised.value.message
    assert "CANARY" not in raised.value.message + (raised.value.hint or "")
