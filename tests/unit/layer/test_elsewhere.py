"""A file that a task lacks is asked of another one, by pages alone, and not for ever."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from opsctl.layer.files.hook.opsctl_applications import Asgi, Wsgi
from opsctl.layer.files.hook.opsctl_elsewhere import TIMES, WsgiElsewhere, next_query
from opsctl.layer.files.hook.opsctl_requests import Options
from tests.unit.layer.test_applications import ask, connect

FILE, PAGE = "/static/main-BX3k2.js", "https://shop.example.org/"
OPTIONS = Options(static=True)


class Site:
    """An application of either kind that has one file and no page, and says when an answer was closed."""

    has = "/static/here.js"

    def __init__(self) -> None:
        self.closed = 0

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Site:
        start_response("200 OK" if environ["PATH_INFO"] == self.has else "404 Not Found", [("Content-Length", "4")])
        return self

    def __iter__(self) -> Any:
        return iter([b"site"])

    def close(self) -> None:
        self.closed += 1

    async def asgi(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        status = 200 if scope["path"] == self.has else 404
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"4")]})
        await send({"type": "http.response.body", "body": b"si", "more_body": True})
        await send({"type": "http.response.body", "body": b"te"})


@pytest.fixture(autouse=True)
def _settings(project: SimpleNamespace) -> None:
    project.STATIC_URL, project.FORCE_SCRIPT_NAME, project.STATIC_ROOT, project.MIDDLEWARE = "/static/", None, None, []


@pytest.fixture(params=["wsgi", "asgi"])
def answer(request: pytest.FixtureRequest) -> Any:
    """Asks either kind of wrapper: status, headers and body of what came."""
    site = Site()

    def of_wsgi(path: str, query: str = "", method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
        more = {f"HTTP_{name.upper()}": value for name, value in headers.items()}
        status, sent, body = ask(Wsgi(site, OPTIONS), method, path, QUERY_STRING=query, **more)
        return int(status[:3]), {name.lower(): value for name, value in sent.items()}, body

    def of_asgi(path: str, query: str = "", method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
        pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        scope = {"method": method, "path": path, "query_string": query.encode("latin-1"), "headers": pairs}
        start, *rest = connect(Asgi(site.asgi, OPTIONS), **scope)
        sent = {name.decode(): value.decode() for name, value in start["headers"]}
        return start["status"], sent, b"".join(each["body"] for each in rest)

    return of_wsgi if request.param == "wsgi" else of_asgi


@pytest.mark.parametrize("headers", [{"referer": PAGE}, {"sec_fetch_dest": "script"}])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_page_is_sent_to_the_same_address_again(answer: Any, method: str, headers: dict[str, str]) -> None:
    status, sent, body = answer(FILE, method=method, **headers)
    assert (status, sent["location"], sent["content-length"], body) == (307, "?opsctl-again=1", "0", b"")
    assert sent["cache-control"] == "no-store"


def test_what_is_there_is_answered(answer: Any) -> None:
    assert answer(Site.has, "opsctl-again=3", referer=PAGE)[::2] == (200, b"site")


@pytest.mark.parametrize(("path", "query", "method", "headers"), [
    ("/nothing/", "", "GET", {"referer": PAGE}),
    (FILE, "", "POST", {"referer": PAGE}),
    (FILE, "", "GET", {}),
    (FILE, "", "GET", {"referer": PAGE, "sec_fetch_dest": "document"}),
    (FILE, f"opsctl-again={TIMES}", "GET", {"referer": PAGE}),
    (FILE, "opsctl-again=99", "GET", {"referer": PAGE}),
    (FILE, "v=\xe9", "GET", {"referer": PAGE}),
    (FILE, "a\rX: y", "GET", {"referer": PAGE}),
])  # fmt: skip
def test_all_else_is_told_that_it_is_not_there(
    answer: Any, path: str, query: str, method: str, headers: dict[str, str]
) -> None:
    assert answer(path, query, method, **headers)[::2] == (404, b"site")


@pytest.mark.parametrize(("query", "following"), [
    ("", "opsctl-again=1"), ("opsctl-again=1", "opsctl-again=2"), ("v=3&w", "v=3&w&opsctl-again=1"),
    ("v=3&opsctl-again=9", "v=3&opsctl-again=10"), ("opsctl-again=3&v=1", "opsctl-again=3&v=1&opsctl-again=1"),
    ("opsctl-again=x", "opsctl-again=x&opsctl-again=1"),
])  # fmt: skip
def test_the_question_stays_and_the_number_grows(query: str, following: str) -> None:
    assert next_query("GET", query, page=True) == following


def test_an_answer_that_is_not_sent_is_closed() -> None:
    site = Site()
    ask(Wsgi(site, OPTIONS), path=FILE, HTTP_REFERER=PAGE)
    assert site.closed == 1


def test_an_answer_that_begins_while_it_is_read_is_left_alone() -> None:
    def late(environ: dict[str, Any], start_response: Any) -> Any:
        start_response("404 Not Found", [])
        yield b"late"

    assert ask(WsgiElsewhere(late, "/static/"), path=FILE, HTTP_REFERER=PAGE) == ("404 Not Found", {}, b"late")


@pytest.mark.parametrize("url", ["/", "", None, "https://cdn.example.org/static/"])
def test_where_files_can_not_be_told_from_pages_nobody_is_sent_anywhere(
    project: SimpleNamespace, answer: Any, url: str | None
) -> None:
    project.STATIC_URL = url
    assert answer(FILE, referer=PAGE)[0] == 404


def test_it_is_off_unless_static_files_are_asked_for(project: SimpleNamespace) -> None:
    del project.STATIC_URL
    assert ask(Wsgi(Site(), Options()), path=FILE, HTTP_REFERER=PAGE)[0] == "404 Not Found"


def test_settings_that_fail_are_one_line(project: SimpleNamespace, capsys: pytest.CaptureFixture[str]) -> None:
    project.STATIC_URL = 7
    assert ask(Wsgi(Site(), OPTIONS), path=FILE, HTTP_REFERER=PAGE)[0] == "404 Not Found"
    assert "opsctl: the hook could not tell where static files are: " in capsys.readouterr().err
