"""Log lines for people: a JSON record on one line, and of a traceback what the project can do something about."""

from __future__ import annotations

import json
import sys
import traceback

import pytest

from opsctl.deploy.log_lines import entry, readable

CHAINED = """Traceback (most recent call last):
  File "/venv/lib/python3.13/site-packages/django/db/backends/utils.py", line 105, in _execute
    return self.cursor.execute(sql, params)
           ~~~~~~~~~~~~~~~~~~~^^^^^^^^^^^^^
psycopg2.errors.UndefinedTable: relation "shop_order" does not exist
LINE 1: SELECT 1 FROM "shop_order"
                      ^

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/venv/lib/python3.13/site-packages/django/core/handlers/base.py", line 197, in _get_response
    response = callback(request)
  File "/app/shop/views.py", line 12, in orders
    return render(list(Order.objects.all()))
                  ~~~~^^^^^^^^^^^^^^^^^^^^^
  File "/usr/local/lib/python3.13/functools.py", line 1026, in __get__
    val = self.func(instance)
  File "/app/shop/models.py", line 40, in rows
    yield from self.fetch()
  File "/venv/lib/python3.13/site-packages/django/db/models/query.py", line 384, in __iter__
    self._fetch_all()
django.db.utils.ProgrammingError: relation "shop_order" does not exist
"""


def record(**fields: object) -> str:
    return json.dumps({"time": "2026-11-29T10:00:00.123+00:00", "level": "INFO", "logger": "access", **fields})


def test_a_json_record_is_time_level_message_and_what_else_it_knows() -> None:
    line = record(message="request", method="GET", path="/a b", status=500, user=None)
    assert readable(line) == ['2026-11-29T10:00:00.123+00:00 INFO request method=GET path="/a b" status=500 user=null']


@pytest.mark.parametrize(
    "names",
    [("timestamp", "levelname", "msg"), ("@timestamp", "log.level", "message"), ("ts", "severity", "event")],
)
def test_records_of_other_formatters_are_understood(names: tuple[str, str, str]) -> None:
    assert readable(json.dumps(dict(zip(names, ("then", "error", "no"), strict=True)))) == ["then ERROR no"]


def test_a_traceback_shows_own_frames_then_the_exception() -> None:
    lines = readable(record(message="Internal Server Error: /", error=CHAINED))
    assert lines == [
        "2026-11-29T10:00:00.123+00:00 INFO Internal Server Error: /",
        "Traceback (most recent call last):",
        '  File "/venv/lib/python3.13/site-packages/django/db/backends/utils.py", line 105, in _execute',
        "    return self.cursor.execute(sql, params)",
        'psycopg2.errors.UndefinedTable: relation "shop_order" does not exist',
        'LINE 1: SELECT 1 FROM "shop_order"',
        "                      ^",
        "The above exception was the direct cause of the following exception:",
        "Traceback (most recent call last):",
        "  (3 frames of libraries left out)",
        '  File "/app/shop/views.py", line 12, in orders',
        "    return render(list(Order.objects.all()))",
        '  File "/app/shop/models.py", line 40, in rows',
        "    yield from self.fetch()",
        'django.db.utils.ProgrammingError: relation "shop_order" does not exist',
    ]


def test_a_traceback_of_python_itself_is_understood_as_it_is_written() -> None:
    try:
        json.loads("{")
    except ValueError:
        text = traceback.format_exc()
    lines = readable(text)
    assert lines[0] == "Traceback (most recent call last):"
    assert sum("File" in line for line in lines) == 1
    assert __file__ in "".join(lines)
    assert lines[-1].startswith("json.decoder.JSONDecodeError: ")
    assert not any(sys.prefix in line for line in lines[1:] if __file__ not in line)


def test_a_syntax_error_keeps_the_file_it_is_in() -> None:
    text = (
        "Traceback (most recent call last):\n"
        '  File "/usr/lib/python3.13/ast.py", line 50, in parse\n    return compile(source)\n'
        '  File "/app/x.py", line 3\n    def f(:\n          ^\nSyntaxError: invalid syntax\n'
    )
    assert readable(text)[2:] == ['  File "/app/x.py", line 3', "    def f(:", "SyntaxError: invalid syntax"]


def test_an_error_that_is_no_traceback_is_a_field() -> None:
    assert readable('{"message": "no", "error": "timed out"}') == ['no error="timed out"']


@pytest.mark.parametrize("text", ["plain", "{not json", "[1, 2]", '{"a": 1', "", "{}"])
def test_other_text_stays_as_it_is(text: str) -> None:
    assert readable(f"{text}\n") == [text]
    assert not entry(text).fields


def test_colours_and_tabs_of_a_log_do_not_reach_the_screen() -> None:
    assert readable("\x1b[31mred\x1b[0m\tx") == ["red x"]
    assert readable(json.dumps({"message": "\x1b[1mbold\x1b[0m"})) == ["bold"]


def test_a_message_of_several_lines_stays_so() -> None:
    assert readable(record(message="one\ntwo", n=1))[0].endswith("INFO one n=1")
    assert readable(record(message="one\ntwo"))[1] == "two"


def test_deeply_nested_text_is_no_json_record() -> None:
    text = '{"a":' * 100_000
    assert readable(text) == [text]
