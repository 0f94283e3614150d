"""The wrappers around an application, with an application that says what reached it."""

from __future__ import annotations

import asyncio
import sys
import threading
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from opsctl.layer.files.hook.opsctl_applications import Asgi, Wsgi, adjust_router
from opsctl.layer.files.hook.opsctl_requests import Options
from opsctl.layer.files.hook.opsctl_urls import Urls

OPTIONS = Options(health="/-/health", proxy=True)
FORWARDED = {"HTTP_X_FORWARDED_PROTO": "https", "HTTP_X_FORWARDED_FOR": "203.0.113.7"}
HEADERS = [(b"x-forwarded-proto", b"https"), (b"x-forwarded-for", b"203.0.113.7")]

pytestmark = pytest.mark.usefixtures("project")


class Project:
    """An application of either kind that remembers the last request."""

    name = "shop"

    def __init__(self) -> None:
        self.seen: dict[str, Any] = {}

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        self.seen = environ
        start_response("404 Not Found", [])
        return [b"project"]

    async def asgi(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """The same as ASGI."""
        self.seen = scope


def ask(application: Any, method: str = "GET", path: str = "/", **more: Any) -> tuple[str, dict[str, str], bytes]:
    """Status, headers and body of a WSGI answer."""
    answered: list[Any] = []
    environ = {"REQUEST_METHOD": method, "PATH_INFO": path, "wsgi.url_scheme": "http", **more}
    body = b"".join(application(environ, lambda *answer: answered.extend(answer)))
    return answered[0], dict(answered[1]), body


def connect(application: Any, **scope: Any) -> list[dict[str, Any]]:
    """What an ASGI application sends."""
    sent: list[dict[str, Any]] = []

    async def send(event: dict[str, Any]) -> None:
        sent.append(event)

    connection = {"type": "http", "method": "GET", "path": "/", "scheme": "http", "headers": [], **scope}
    asyncio.run(application(connection, None, send))
    return sent


@pytest.mark.parametrize(("method", "body"), [("GET", b"ok"), ("HEAD", b"")])
def test_wsgi_answers_a_health_check_before_the_project(method: str, body: bytes) -> None:
    project = Project()
    status, headers, sent = ask(Wsgi(project, OPTIONS), method, "/-/health")
    assert (status, sent, project.seen) == ("200 OK", body, {})
    assert headers["Cache-Control"] == "no-store"
    assert headers["Content-Type"].startswith("text/plain")


@pytest.mark.parametrize(("method", "path"), [("POST", "/-/health"), ("GET", "/-/health/"), ("GET", "/")])
def test_everything_else_reaches_the_project(method: str, path: str) -> None:
    project = Project()
    assert ask(Wsgi(project, OPTIONS), method, path)[2] == b"project"
    connect(Asgi(project.asgi, OPTIONS), method=method, path=path)
    assert project.seen["path"] == path


def test_no_path_is_a_health_check_unless_one_is_set() -> None:
    assert ask(Wsgi(Project(), Options()), path="")[2] == b"project"


@pytest.mark.parametrize(("method", "body"), [("GET", b"ok"), ("HEAD", b"")])
def test_asgi_answers_a_health_check_before_the_project(method: str, body: bytes) -> None:
    project = Project()
    start, rest = connect(Asgi(project.asgi, OPTIONS), method=method, path="/-/health")
    assert (start["status"], dict(start["headers"])[b"cache-control"]) == (200, b"no-store")
    assert (rest["body"], project.seen) == (body, {})


def test_the_project_sees_adjusted_requests() -> None:
    project = Project()
    ask(Wsgi(project, OPTIONS), **FORWARDED)
    assert (project.seen["wsgi.url_scheme"], project.seen["REMOTE_ADDR"]) == ("https", "203.0.113.7")
    assert project.seen["HTTP_X_FORWARDED_SSL"] == "on"
    connect(Asgi(project.asgi, OPTIONS), headers=HEADERS)
    assert (project.seen["scheme"], project.seen["client"]) == ("https", ("203.0.113.7", 0))


def test_a_lifespan_is_handed_on_as_it_is() -> None:
    project = Project()
    asyncio.run(Asgi(project.asgi, OPTIONS)({"type": "lifespan"}, None, None))
    assert project.seen == {"type": "lifespan"}


def test_an_error_of_the_hook_is_one_line_and_the_request_goes_on(
    project: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    project.SECURE_PROXY_SSL_HEADER = 7
    assert ask(Wsgi(Project(), OPTIONS), **FORWARDED)[2] == b"project"
    below = Project()
    connect(Asgi(below.asgi, OPTIONS), headers=HEADERS)
    assert below.seen["path"] == "/"
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("opsctl: the hook could not adjust a request: TypeError")
    assert second.startswith("opsctl: the hook could not adjust a connection: TypeError")


def test_other_attributes_are_the_projects() -> None:
    project = Project()
    for wrapped in (Wsgi(project, OPTIONS), Asgi(project, OPTIONS)):
        assert (wrapped.name, wrapped.application) == ("shop", project)
        with pytest.raises(AttributeError):
            _ = wrapped.missing


def test_channels_router_adjusts_what_it_hands_on(monkeypatch: pytest.MonkeyPatch) -> None:
    class ProtocolTypeRouter:
        seen: dict[str, Any]

        async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
            self.seen = scope

    module = ModuleType("channels.routing")
    module.__dict__["ProtocolTypeRouter"] = ProtocolTypeRouter
    monkeypatch.setenv("OPSCTL_PROXY", "1")
    adjust_router(module)
    once = ProtocolTypeRouter.__call__
    adjust_router(module)
    assert ProtocolTypeRouter.__call__ is once
    router = ProtocolTypeRouter()
    connect(router, type="websocket", scheme="ws", headers=HEADERS)
    assert (router.seen["scheme"], router.seen["client"]) == ("wss", ("203.0.113.7", 0))


class Resolver:
    """A project's URLs, which may raise when they are read."""

    def __init__(self, *failures: Exception) -> None:
        self.failures, self.read = list(failures), 0

    @property
    def url_patterns(self) -> list[str]:
        self.read += 1
        if self.failures:
            raise self.failures.pop(0)
        return []


@pytest.fixture
def resolver(project: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> Resolver:
    found, module = Resolver(), ModuleType("django.urls")
    project.ROOT_URLCONF = "shop.urls"
    module.__dict__["get_resolver"] = lambda: found
    monkeypatch.setitem(sys.modules, "django.urls", module)
    return found


def health(kind: str, application: Project) -> Any:
    """What asks for the health: answers its status."""
    if kind == "wsgi":
        wsgi = Wsgi(application, OPTIONS)
        return lambda: int(ask(wsgi, path="/-/health")[0][:3])
    asgi = Asgi(application.asgi, OPTIONS)
    return lambda: connect(asgi, path="/-/health")[0]["status"]


@pytest.mark.parametrize("kind", ["wsgi", "asgi"])
def test_a_project_whose_urls_raise_is_not_well_until_they_do_not(
    kind: str, resolver: Resolver, capsys: pytest.CaptureFixture[str]
) -> None:
    resolver.failures = [ImportError("no module shop.views"), ImportError("no module shop.views"), OSError("refused")]
    application = Project()
    status = health(kind, application)
    assert [status() for _ in range(5)] == [500, 500, 503, 200, 200]
    assert (resolver.read, application.seen) == (4, {}), "once they are imported nobody asks again"
    said = capsys.readouterr().err
    assert said.startswith("opsctl: the project's URLs can't be imported, so the health check fails:\nTraceback")
    assert said.endswith("ImportError: no module shop.views\n"), "told once a second at most"


def test_after_an_error_that_may_pass_none_is_final(resolver: Resolver) -> None:
    resolver.failures = [OSError("refused"), ImportError("half of it is registered already")]
    status = health("wsgi", Project())
    assert [status(), status(), status()] == [503, 503, 200]


def test_one_thread_imports_and_another_health_check_does_not_wait_for_it(resolver: Resolver) -> None:
    urls, begun, go_on = Urls(), threading.Event(), threading.Event()

    class Slow:
        @property
        def url_patterns(self) -> list[str]:
            begun.set()
            go_on.wait(10)
            return []

    sys.modules["django.urls"].__dict__["get_resolver"] = Slow
    importing = threading.Thread(target=urls.ready)
    importing.start()
    assert begun.wait(10)
    assert urls.ready() == 503
    go_on.set()
    importing.join(10)
    assert urls.ready() == 200


@pytest.mark.parametrize("error", [SyntaxError("never closed"), NameError("view"), ModuleNotFoundError("shop.views")])
@pytest.mark.parametrize("kind", ["wsgi", "asgi"])
def test_code_that_can_not_run_is_told_from_what_may_come_later(
    kind: str, error: Exception, resolver: Resolver
) -> None:
    resolver.failures = [error]
    status = health(kind, Project())
    assert [status(), status()] == [500, 200]
