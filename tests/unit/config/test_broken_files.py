"""Broken environments.yaml files: each mistake with its line, what is wrong and what to write."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from opsctl.config.located import MAX_BYTES
from opsctl.config.schema import schema
from opsctl.config.suggest import suggestion
from tests.unit.config.broken import RIGHT, Case, cases, plain, told

CASES = {case.name: case for case in cases()}


@pytest.fixture(scope="module")
def schema_of_editors() -> Any:
    return jsonschema.Draft202012Validator(schema())


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_each_mistake_is_told_so_that_a_person_can_act(tmp_path: Path, case: Case) -> None:
    path = tmp_path / "environments.yaml"
    path.write_bytes(case.text.encode())
    assert told(path) == case.told
    assert case.told
    for line in case.told:
        # Where, what and what to write: at least two sentences, none of them the parser's or Python's.
        assert re.match(r"(\d+:| the file is nested)", line)
        assert line.endswith((".", "?"))
        assert len(re.findall(r"[.?](?: |$)", line)) >= 2
        assert not re.search(r"block end|datetime|Located|yaml\.org|flow (?:mapping|sequence)|  |Valid: \.", line)


@pytest.mark.parametrize("case", [case for case in CASES.values() if case.kind != "syntax"], ids=lambda case: case.name)
def test_the_schema_of_editors_agrees(schema_of_editors: Any, case: Case) -> None:
    refused = not schema_of_editors.is_valid(plain(case.text))
    assert refused is (case.kind == "schema")


def test_the_file_that_is_right_is_right(tmp_path: Path, schema_of_editors: Any) -> None:
    path = tmp_path / "environments.yaml"
    path.write_text(RIGHT)
    assert told(path) == ()
    assert schema_of_editors.is_valid(plain(RIGHT))


def test_there_are_many_and_no_two_alike() -> None:
    assert len(CASES) == len(list(cases())) > 150
    assert len({case.text for case in CASES.values()}) == len(CASES)


RIGHT_ALL_THE_SAME = {
    "a byte order mark": RIGHT.encode("utf-8-sig"),
    "lines as on Windows": RIGHT.replace("\n", "\r\n").encode(),
    "lines as on old Macs": RIGHT.replace("\n", "\r").encode(),
    "marks of a document": f"---\n{RIGHT}...\n".encode(),
    "one line of JSON": b'{"environments": {"dev": {"service": "shop", "client": "acme", '
    b'"nat": {"use_nat_instance": true}, "ecs": {"manage_repository": true}, '
    b'"observability": {"alert_email": "a@example.com"}}}}',
    **{f"called {name}": RIGHT.replace("dev", name).encode() for name in ("no", "yes", "on", "off", "null", "true")},
    "no-break blanks in a comment": RIGHT.replace("environments:", "environments: #\u00a0ours").encode(),
    "a long text with tabs": (
        RIGHT + "    application:\n      files:\n        /etc/shop.cfg: |\n          a\tb\u00a0c\n"
    ).encode(),
}


@pytest.mark.parametrize("name", RIGHT_ALL_THE_SAME)
def test_what_looks_odd_and_is_right_is_taken(tmp_path: Path, name: str) -> None:
    path = tmp_path / "environments.yaml"
    path.write_bytes(RIGHT_ALL_THE_SAME[name])
    assert told(path) == ()


NO_TEXT = {
    "UTF-16": (RIGHT.encode("utf-16"), "1: the file is UTF-16, and must be UTF-8. Save it as UTF-8."),
    "UTF-16 without a mark": (RIGHT.encode("utf-16-le"), "1: the file is UTF-16, and must be UTF-8. Save it as UTF-8."),
    "UTF-32": (RIGHT.encode("utf-32"), "1: the file is UTF-32, and must be UTF-8. Save it as UTF-8."),
    "Latin-1": (
        RIGHT.replace("acme", "acm\xe9").encode("latin-1"), "4: the file is not UTF-8: byte 0xe9. Save it as UTF-8.",
    ),
    "a program": (b"\x7fELF\x01\0\0\0", "1: this is a binary file, not text. Name the right file with --config."),
    "a picture": (b"\x89PNG\r\n\x1a\n\0\0\0", "1: this is a binary file, not text. Name the right file with --config."),
    "nothing": (b"", "1: the file is empty. Write `defaults` and `environments`."),
    "blanks": (b"  \n\n", "1: the file is empty. Write `defaults` and `environments`."),
    "ten megabytes": (
        RIGHT.encode() + b"# x\n" * 2_500_000,
        f" is larger than {MAX_BYTES:,} bytes; it is not an environments file. Name the right file with --config.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", NO_TEXT)
def test_what_is_no_text_is_called_what_it_is(tmp_path: Path, name: str) -> None:
    path = tmp_path / "environments.yaml"
    path.write_bytes(NO_TEXT[name][0])
    assert told(path) == (NO_TEXT[name][1],)


def test_a_suggestion_is_valid_or_there_is_none() -> None:
    assert suggestion("name", "Über_Prod 2", r"^[a-z][a-z0-9-]+$") == "uber-prod-2"
    assert suggestion("name", "dev", r"^[a-z]+$") is None
    assert suggestion("account_id", "12-34", r"^\d{12}$") is None
    assert suggestion("domains", "\u0130\u0130.." + "x" * 70, r"^[a-z.]+$") is None
    assert suggestion("tags", "X", r".*") is None
