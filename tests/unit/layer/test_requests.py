"""A request as a load balancer hands it over, and as Django should see it."""

from __future__ import annotations

from typing import Any

import pytest

from opsctl.layer.files.hook.opsctl_requests import (
    Options,
    adjust_environ,
    adjust_scope,
    client_of,
    port_of,
    scheme_of,
    scope_path,
)

PROXY = Options(proxy=True)
FOREIGN = ("HTTP_X_FORWARDED_SSL", "on")
PROBE = Options(probe_path="/up", probe_host="shop.example.org", tls=True)
AGENT = "ELB-HealthChecker/2.0"


def environ(**more: str) -> dict[str, Any]:
    """What a server makes of a request that came from the load balancer's address."""
    return {
        "wsgi.url_scheme": "http", "REQUEST_METHOD": "GET", "PATH_INFO": "/", "HTTP_HOST": "shop.example.org",
        "REMOTE_ADDR": "10.0.0.9", "REMOTE_PORT": "999", "SERVER_NAME": "10.0.1.5", "SERVER_PORT": "8000", **more,
    }  # fmt: skip


def scope(*headers: tuple[str, str], **more: Any) -> dict[str, Any]:
    """The same as an ASGI connection."""
    pairs = [(b"host", b"shop.example.org"), *((name.encode(), value.encode()) for name, value in headers)]
    return {
        "type": "http", "scheme": "http", "method": "GET", "path": "/", "root_path": "", "client": ("10.0.0.9", 999),
        "server": ("10.0.1.5", 8000), "headers": pairs, **more,
    }  # fmt: skip


def adjusted(before: dict[str, Any], options: Options = PROXY, secure: tuple[str, str] | None = None) -> dict[str, Any]:
    """The request after the hook, WSGI or ASGI."""
    (adjust_scope if "type" in before else adjust_environ)(before, options, secure)
    return before


@pytest.mark.parametrize(
    ("text", "client"),
    [
        ("203.0.113.7", ("203.0.113.7", 0)),
        ("6.6.6.6, 203.0.113.7", ("203.0.113.7", 0)),
        ("6.6.6.6,203.0.113.7:4711", ("203.0.113.7", 4711)),
        ("2001:db8::1", ("2001:db8::1", 0)),
        ("6.6.6.6, [2001:db8::1]", ("2001:db8::1", 0)),
        ("[2001:db8::1]:4711", ("2001:db8::1", 4711)),
        ("203.0.113.7, unknown", None),
        ("203.0.113.7,", None),
        ("fe80::1%<script>", None),
        ("", None),
    ],
)
def test_the_client_is_the_last_element(text: str, client: tuple[str, int] | None) -> None:
    assert client_of(text) == client


@pytest.mark.parametrize(
    ("text", "scheme"),
    [("https", "https"), (" HTTPS ", "https"), ("http", "http"), ("https,http", None), ("wss", None), ("", None)],
)
def test_a_scheme_is_http_or_https_and_nothing_else(text: str, scheme: str | None) -> None:
    assert scheme_of(text) == scheme


@pytest.mark.parametrize(
    ("host", "port"),
    [("shop.example.org", "443"), ("localhost:8443", "8443"), ("[::1]", "443"), ("[::1]:81", "81"), ("a:b", "443")],
)
def test_the_port_is_what_host_names_or_the_schemes_own(host: str, port: str) -> None:
    assert port_of(host, "https") == port


def test_wsgi_gets_scheme_port_and_client() -> None:
    after = adjusted(environ(HTTP_X_FORWARDED_PROTO="https", HTTP_X_FORWARDED_FOR="6.6.6.6, 203.0.113.7:4711"))
    assert (after["wsgi.url_scheme"], after["HTTPS"], after["SERVER_PORT"]) == ("https", "on", "443")
    assert (after["REMOTE_ADDR"], after["REMOTE_PORT"]) == ("203.0.113.7", "4711")


def test_wsgi_over_http_is_not_https_whatever_the_server_thought() -> None:
    after = adjusted(environ(HTTP_X_FORWARDED_PROTO="http", HTTPS="on", **{"wsgi.url_scheme": "https"}))
    assert (after["wsgi.url_scheme"], after["SERVER_PORT"]) == ("http", "80")
    assert "HTTPS" not in after


def test_asgi_gets_scheme_port_and_client() -> None:
    after = adjusted(scope(("x-forwarded-proto", "https"), ("x-forwarded-for", "6.6.6.6"), ("x-forwarded-for", "::1")))
    assert (after["scheme"], after["client"], after["server"]) == ("https", ("::1", 0), ("10.0.1.5", 443))


@pytest.mark.parametrize(("proto", "scheme"), [("https", "wss"), ("http", "ws")])
def test_a_websocket_gets_a_websockets_scheme(proto: str, scheme: str) -> None:
    assert adjusted(scope(("x-forwarded-proto", proto), type="websocket", scheme="ws"))["scheme"] == scheme


@pytest.mark.parametrize("make", [environ, scope])
@pytest.mark.parametrize("secure", [None, FOREIGN])
def test_without_forwarded_headers_nothing_changes(make: Any, secure: tuple[str, str] | None) -> None:
    assert adjusted(make(), secure=secure) == make()


def test_a_foreign_header_alone_was_written_by_a_client() -> None:
    assert adjusted(environ(HTTP_X_FORWARDED_SSL="on"), secure=FOREIGN) == environ()
    assert adjusted(scope(("x-forwarded-ssl", "on")), secure=FOREIGN) == scope()


def test_without_proxy_nothing_changes() -> None:
    headers = {"HTTP_X_FORWARDED_PROTO": "https", "HTTP_X_FORWARDED_FOR": "203.0.113.7", "HTTP_X_FORWARDED_SSL": "on"}
    assert adjusted(environ(**headers), Options(), FOREIGN) == environ(**headers)
    pairs = (("x-forwarded-proto", "https"), ("x-forwarded-for", "203.0.113.7"))
    assert adjusted(scope(*pairs), Options(), FOREIGN) == scope(*pairs)


@pytest.mark.parametrize("proto", ["ftp", "https, http", ""])
def test_a_scheme_that_is_none_changes_nothing_but_the_spoofed_header(proto: str) -> None:
    after = adjusted(environ(HTTP_X_FORWARDED_PROTO=proto, HTTP_X_FORWARDED_SSL="on"), secure=FOREIGN)
    assert after == environ(HTTP_X_FORWARDED_PROTO=proto)


@pytest.mark.parametrize(("proto", "value"), [("https", "on"), ("http", None)])
def test_a_foreign_header_follows_the_scheme_in_wsgi(proto: str, value: str | None) -> None:
    for sent in ({}, {"HTTP_X_FORWARDED_SSL": "on"}, {"HTTP_X_FORWARDED_SSL": "off"}):
        after = adjusted(environ(HTTP_X_FORWARDED_PROTO=proto, **sent), secure=FOREIGN)
        assert after.get("HTTP_X_FORWARDED_SSL") == value


@pytest.mark.parametrize(("proto", "value"), [("https", [b"on"]), ("http", [])])
@pytest.mark.parametrize("name", ["x-forwarded-ssl", "x_forwarded_ssl", "X-Forwarded_SSL"])
def test_a_foreign_header_follows_the_scheme_in_asgi(proto: str, value: list[bytes], name: str) -> None:
    after = adjusted(scope(("x-forwarded-proto", proto), (name, "on"), (name, "off")), secure=FOREIGN)
    assert [text for key, text in after["headers"] if b"ssl" in key.lower()] == value


def test_djangos_usual_header_stays_what_it_says() -> None:
    usual = ("HTTP_X_FORWARDED_PROTO", "https")
    for sent, kept in (("HTTPS", "https"), ("http", "http"), ("https,http", "http")):
        assert adjusted(environ(HTTP_X_FORWARDED_PROTO=sent), secure=usual)["HTTP_X_FORWARDED_PROTO"] == kept
        assert (b"x-forwarded-proto", kept.encode()) in adjusted(scope(("x-forwarded-proto", sent)), secure=usual)[
            "headers"
        ]


def test_a_name_in_environ_that_is_no_header_is_left_alone() -> None:
    after = adjusted(environ(HTTP_X_FORWARDED_PROTO="http"), secure=("wsgi.url_scheme", "https"))
    assert after["wsgi.url_scheme"] == "http"


def test_adjusting_twice_is_adjusting_once() -> None:
    """Channels' router does it, and then the application below it."""
    pairs = (("x-forwarded-proto", "https"), ("x-forwarded-for", "203.0.113.7"), ("x-forwarded-ssl", "off"))
    once = adjusted(scope(*pairs), secure=FOREIGN)
    assert adjusted(adjusted(scope(*pairs), secure=FOREIGN), secure=FOREIGN) == once


def test_a_load_balancers_probe_gets_a_host_that_django_allows_and_https() -> None:
    after = adjusted(environ(PATH_INFO="/up", HTTP_USER_AGENT=AGENT, HTTP_HOST="10.0.1.5:8000"), PROBE)
    assert (after["HTTP_HOST"], after["wsgi.url_scheme"], after["SERVER_PORT"]) == ("shop.example.org", "https", "443")
    connection = adjusted({**scope(("user-agent", AGENT), path="/up"), "headers": [
        (b"host", b"10.0.1.5:8000"), (b"user-agent", AGENT.encode()),
    ]}, PROBE)  # fmt: skip
    assert connection["headers"] == [(b"user-agent", AGENT.encode()), (b"host", b"shop.example.org")]
    assert connection["scheme"] == "https"


@pytest.mark.parametrize("request_", [
    {"PATH_INFO": "/up", "HTTP_USER_AGENT": "curl ELB-HealthChecker/2.0"},
    {"PATH_INFO": "/up"},
    {"PATH_INFO": "/up/", "HTTP_USER_AGENT": AGENT},
])  # fmt: skip
def test_other_requests_keep_their_host(request_: dict[str, str]) -> None:
    before = environ(HTTP_HOST="10.0.1.5:8000", **request_)
    assert adjusted(dict(before), PROBE) == before


def test_a_client_that_poses_as_a_probe_stays_on_http() -> None:
    """What came through the load balancer has X-Forwarded-Proto; its probes do not."""
    after = adjusted(environ(PATH_INFO="/up", HTTP_USER_AGENT=AGENT, HTTP_X_FORWARDED_PROTO="http"), PROBE)
    assert after["wsgi.url_scheme"] == "http"


def test_a_probe_without_tls_stays_on_http() -> None:
    after = adjusted(environ(PATH_INFO="/up", HTTP_USER_AGENT=AGENT), PROBE._replace(tls=False))
    assert after["wsgi.url_scheme"] == "http"


def test_the_path_is_counted_from_the_applications_root() -> None:
    assert scope_path(scope(path="/shop/up", root_path="/shop")) == "/up"
    assert scope_path(scope(path="/shopping", root_path="/shop")) == "/shopping"


def test_options_are_off_unless_they_are_set() -> None:
    assert Options.read({}) == Options()
    assert Options.read({"OPSCTL_TLS": "False", "OPSCTL_PROXY": "0", "OPSCTL_STATIC": ""}) == Options()
    assert Options.read({
        "OPSCTL_HEALTH": "/-/health", "OPSCTL_HEALTH_PATH": "/up", "OPSCTL_HEALTH_HOST": "a", "OPSCTL_TLS": "True",
        "OPSCTL_PROXY": "1", "OPSCTL_STATIC": "1", "OPSCTL_STATIC_ROOT": "/static",
    }) == Options("/-/health", "/up", "a", tls=True, proxy=True, static=True, static_root="/static")  # fmt: skip
