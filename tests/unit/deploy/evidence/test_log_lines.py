"""What an application logged, as a person reads it."""

from __future__ import annotations

import json

import pytest

from opsctl.deploy.evidence.log_lines import entry, readable, readable_lines

TRACE = (
    "Traceback (most recent call last):\n"
    '  File "/usr/local/lib/python3.13/site-packages/django/core/handlers/exception.py", line 55, in inner\n'
    "    response = get_response(request)\n"
    '  File "/app/shop/views.py", line 12, in basket\n'
    "    return render(total(request))\n"
    "           ^^^^^^^^^^^^^^^^^^^^^^\n"
    '  File "/usr/local/lib/python3.13/json/decoder.py", line 3, in decode\n'
    "    raise error\n"
    "ValueError: no total"
)
OWN = [
    "Traceback (most recent call last):",
    '  File "/app/shop/views.py", line 12, in basket',
    "    return render(total(request))",
    "ValueError: no total",
]


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({"time": "2026-11-29T12:00:01.250Z", "level": "info", "message": "ready"}, "2026-11-29 12:00:01 INFO ready"),
        ({"asctime": "2026-11-29 12:00:01,250", "levelname": "ERROR", "message": "x"}, "2026-11-29 12:00:01 ERROR x"),
        ({"timestamp": 1_000_000_000, "level": 40, "event": "lost"}, "2001-09-09 01:46:40 ERROR lost"),
        ({"ts": 1_000_000_000_000, "severity": "warning", "msg": "late"}, "2001-09-09 01:46:40 WARNING late"),
        ({"time": "soon", "message": "x"}, "soon x"),
        ({"time": 1e300, "message": "x"}, "1e+300 x"),
        ({"level": True, "message": "a", "extra": {"b": 1}}, "TRUE a"),
    ],
)
def test_json_is_told_as_time_level_and_message(fields: dict[str, object], line: str) -> None:
    assert readable(json.dumps(fields)) == [line]


@pytest.mark.parametrize(
    "text",
    ['{"a": 1}', "{broken", "[1, 2]", "null", "GET / 200", '{"message": {"a": 1}}'],
)
def test_what_is_no_log_record_stays_as_it_is(text: str) -> None:
    assert readable(text) == [text]


@pytest.mark.parametrize("name", ["exc_info", "exception", "traceback", "stack_trace"])
def test_a_traceback_is_unfolded_to_the_projects_own_frames(name: str) -> None:
    assert readable(json.dumps({"level": "ERROR", "message": "failed", name: TRACE})) == ["ERROR failed", *OWN]


def test_elastics_error_and_lambdas_and_structlogs_tracebacks_are_unfolded_too() -> None:
    assert readable(json.dumps({"message": "failed", "error": {"stack_trace": TRACE}})) == ["failed", *OWN]
    given = {"errorMessage": "boom", "stackTrace": ['  File "/var/task/a.py", line 1, in f\n    g()\n']}
    assert readable(json.dumps(given)) == ["boom", '  File "/var/task/a.py", line 1, in f', "    g()"]
    frames = [
        {"filename": "/app/a.py", "lineno": 7, "name": "go"},
        {"filename": "<frozen x>", "lineno": 1, "name": "y"},
    ]
    one = {"exc_type": "KeyError", "exc_value": "'A'", "frames": frames}
    assert readable(json.dumps({"event": "failed", "exception": [one]})) == [
        "failed", "Traceback (most recent call last):", '  File "/app/a.py", line 7, in go', "KeyError: 'A'",
    ]  # fmt: skip


def test_a_traceback_in_the_message_is_not_told_twice() -> None:
    text = json.dumps({"level": "ERROR", "message": f"failed\n{TRACE}", "exc_info": TRACE})
    assert readable(text) == ["ERROR failed", *OWN]


def test_a_traceback_of_one_event_a_line_loses_the_frames_of_others() -> None:
    assert readable_lines(["before", *TRACE.splitlines(), "after"]) == ["before", *OWN, "after"]


def test_the_last_frame_stays_where_no_frame_is_the_projects() -> None:
    lines = [
        "Traceback (most recent call last):",
        '  File "/opt/opsctl/start.py", line 1, in main',
        "    run()",
        '  File "/app/.venv/lib/python3.13/site-packages/django/conf.py", line 9, in get',
        "    raise ImproperlyConfigured",
        "django.core.exceptions.ImproperlyConfigured: no",
    ]
    assert readable_lines(lines) == [lines[0], *lines[3:]]


def test_paths_of_an_image_that_the_local_target_unpacked_are_the_projects() -> None:
    assert readable(f'  File "/home/ann/shop/.opsctl/local/images/{"a1" * 32}/shop/views.py", line 1, in f') == [
        '  File "shop/views.py", line 1, in f'
    ]


def test_json_too_deep_to_read_and_lines_too_long_to_read_are_cut() -> None:
    assert readable('{"a":' * 9000 + "1" + "}" * 9000) == ['{"a":' * 800 + "… (50,001 more characters)"]


def test_chained_tracebacks_keep_what_stands_between() -> None:
    between = "During handling of the above exception, another exception occurred:"
    assert readable(f"{TRACE}\n\n{between}\n\n{TRACE}") == [*OWN, between, *OWN]


def test_fields_beside_the_message_stand_behind_it_for_whoever_reads_the_log() -> None:
    given = {"time": "2026-11-29T12:00:01Z", "level": "info", "logger": "access", "message": "request\nmore"}
    found = entry(json.dumps({**given, "method": "GET", "path": "/a b", "status": 500, "user": None, "error": "late"}))
    assert (found.time, found.level) == ("2026-11-29 12:00:01", "INFO")
    assert found.lines == ('request method=GET path="/a b" status=500 user=null error=late', "more")
    assert found.fields is not None
    assert found.fields["logger"] == "access"


def test_an_entry_has_the_projects_own_frames_and_says_whether_it_was_json() -> None:
    assert entry(json.dumps({"message": "failed", "exc_info": TRACE, "n": 1})).lines == ("failed n=1", *OWN)
    assert entry(TRACE).lines == tuple(OWN)
    assert entry(TRACE).fields is None
    assert entry('{"a": 1}').lines == ('{"a": 1}',)
    assert (entry("").lines, entry("{}").lines, entry("{}").fields) == (("",), ("{}",), {})


def test_a_syntax_error_keeps_the_file_it_is_in() -> None:
    lines = [
        "Traceback (most recent call last):",
        '  File "/usr/lib/python3.13/ast.py", line 50, in parse',
        "    return compile(source)",
        '  File "/app/site-packages/x.py", line 3',
        "    def f(:",
        "          ^",
        "SyntaxError: invalid syntax",
    ]
    assert readable_lines(lines) == [lines[0], *lines[3:5], lines[6]]


@pytest.mark.parametrize("layer", ["/opt/opsctl", "/home/ann/shop/.opsctl/layers/layer-0b47b72d79d80772"])
def test_the_layers_own_frames_are_not_the_projects(layer: str) -> None:
    lines = [
        "Traceback (most recent call last):",
        f'  File "{layer}/hook/opsctl_urls.py", line 40, in ready',
        "    _import()",
        '  File "/app/shop/urls.py", line 3, in <module>',
        "    from shop import views",
        "ImportError: no views",
    ]
    assert readable_lines(lines) == [lines[0], *lines[3:]]


def test_fields_beside_the_message_are_as_harmless_as_it_is() -> None:
    found = entry(
        json.dumps({"message": "a", "level": "x\x1b[2J\ny", "b\x9b": "\u202e\x1b]0;t\x07", "c": {"d": "\u202e\n"}})
    )
    assert found.level == "X Y"
    assert found.lines == ('a b\\x9b=\\u202e c={"d": "\\u202e\\n"}',)
    assert len(entry(json.dumps({"message": "a", "b": "c" * 10_000})).lines[0]) < 5_000


def test_nothing_that_a_terminal_acts_on_comes_through() -> None:
    hostile = "\x1b[31mred\x1b[0m \x1b]0;title\x07a\tb\x00\x9b2J\u202eevil\rover"
    assert readable(hostile) == ["red a    b\\x00\\x9b2J\\u202eevil\\rover"]
    assert readable(json.dumps({"message": "a\x1b[2Jb\u001b"})) == ["ab\\x1b"]
    assert readable("a\ud800b") == ["a\\ud800b"]
