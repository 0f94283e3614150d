"""A site that Django's own command made, under each server, behind what a load balancer sends."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from opsctl.layer import contents
from tests.functional.layer.site import HOST, PASSWORD, Server, serving
from tests.ports import free_port

OPTIONS = {
    "OPSCTL_HEALTH": "/-/health", "OPSCTL_HEALTH_PATH": "/up", "OPSCTL_HEALTH_HOST": HOST, "OPSCTL_TLS": "True",
    "OPSCTL_PROXY": "1", "OPSCTL_STATIC": "1",
}  # fmt: skip
TLS = {"Host": HOST, "X_Forwarded_Proto": "https", "X_Forwarded_For": "203.0.113.7"}
SERVERS = {
    "gunicorn": ["python", "START"],
    "gunicorn+uvicorn": ["python", "START"],
    "uvicorn": ["python", "START", "uvicorn", "shop.asgi:application", "--port=PORT"],
    "daphne": ["daphne", "--bind=127.0.0.1", "--port=PORT", "shop.routes:application"],
    "uwsgi": [
        "uwsgi", "--http-socket=127.0.0.1:PORT", "--module=shop.wsgi", "--virtualenv=VENV", "--master", "--need-app",
        "--die-on-term",
    ],
}  # fmt: skip


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest, venv: Path, site: Path, layer: Path) -> Iterator[Server]:
    """One server with the hook."""
    if request.param == "uwsgi" and not (venv / "bin" / "uwsgi").is_file():
        pytest.skip(f"pyuwsgi can't be built here: {(venv / 'complete').read_text()}")
    port = free_port()
    named = {"PORT": str(port), "START": str(layer / "start.py"), "VENV": str(venv)}
    program, *rest = (re.sub("|".join(named), lambda found: named[found[0]], each) for each in SERVERS[request.param])
    variables = {
        **OPTIONS, **contents.environment({}, layer), "PATH": f"{venv / 'bin'}:/usr/bin:/bin", "PORT": str(port),
        "BIND_HOST": "127.0.0.1", "OPSCTL_ASGI": "1" if request.param == "gunicorn+uvicorn" else "",
    }  # fmt: skip
    with serving([str(venv / "bin" / program), *rest], port, site, variables) as running:
        yield running


@pytest.fixture(scope="module")
def bare(venv: Path, site: Path) -> Iterator[Server]:
    """The same site without the hook: what the hook is for."""
    port = free_port()
    command = [str(venv / "bin" / "gunicorn"), f"--bind=127.0.0.1:{port}", "--no-control-socket", "shop.wsgi"]
    with serving(command, port, site, OPTIONS) as running:
        yield running


@pytest.fixture(autouse=True)
def _new_browser(request: pytest.FixtureRequest) -> None:
    for name in {"server", "bare"} & set(request.fixturenames):
        request.getfixturevalue(name).cookies.clear()


def stylesheet(server: Server) -> str:
    """The path of a stylesheet of the admin, as its login page names it."""
    page = server.ask("/admin/login/", **TLS)
    assert page.status == 200, page.body
    found = re.search(r'href="(/static/admin/css/base\.[0-9a-f]{12}\.css)"', page.body.decode())
    assert found, page.body
    return found[1]


def log_in(server: Server) -> int:
    """The status of a login, as a browser at https://shop.example.org sends it."""
    page = server.ask("/admin/login/", **TLS)
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.body.decode())
    form = {
        "username": "ann",
        "password": PASSWORD,
        "next": "/admin/",
        "csrfmiddlewaretoken": token[1] if token else "",
    }
    return server.ask(
        "/admin/login/", "POST", urlencode(form), Content_Type="application/x-www-form-urlencoded",
        Origin=f"https://{HOST}", Referer=f"https://{HOST}/admin/login/", **TLS,
    ).status  # fmt: skip


def test_the_health_check_is_answered_while_the_project_refuses_the_address(server: Server) -> None:
    answer = server.ask("/-/health")
    assert (answer.status, answer.body, answer.headers["Cache-Control"]) == (200, b"ok", "no-store")
    assert server.ask("/-/health", "HEAD").status == 200
    assert server.ask("/up").status == 400


@pytest.mark.parametrize("server", ["gunicorn", "gunicorn+uvicorn"], indirect=True)
def test_opsctls_own_command_does_not_name_its_server(server: Server) -> None:
    assert "Server" not in server.ask("/-/health").headers


def test_a_probe_of_the_projects_own_path_is_let_in(server: Server) -> None:
    answer = server.ask("/up", User_Agent="ELB-HealthChecker/2.0")
    assert (answer.status, answer.body.decode()) == (200, HOST)


def test_the_admin_has_its_stylesheet(server: Server) -> None:
    path = stylesheet(server)
    answer = server.ask(path, **TLS)
    assert (answer.status, answer.headers.get_content_type()) == (200, "text/css")
    assert answer.headers["Cache-Control"] == "max-age=315360000, public, immutable"
    assert len(answer.body) == int(answer.headers["Content-Length"]) > 1000
    assert server.ask(path.replace("css/", "none/"), **TLS).status == 404


def test_a_file_of_the_release_beside_this_one_is_answered_and_kept_by_nobody(server: Server) -> None:
    path = stylesheet(server)
    answer = server.ask(re.sub(r"\.\w{12}\.", ".0123456789ab.", path), **TLS)
    assert (answer.status, answer.headers.get_content_type()) == (200, "text/css")
    assert answer.headers.get_all("Cache-Control") == ["no-store"]
    assert len(answer.body) > 1000
    assert server.ask(path.replace("/base.", "/nothing."), **TLS).status == 404


def test_a_file_that_this_release_lacks_is_asked_of_another_task_by_pages_alone(server: Server) -> None:
    path, page = "/static/main-4f3a2b1c.js", f"https://{HOST}/"
    again = server.ask(f"{path}?v=1", Referer=page, **TLS)
    assert (again.status, again.headers["Location"], again.body) == (307, "?v=1&opsctl-again=1", b"")
    assert again.headers.get_all("Cache-Control") == ["no-store"]
    assert server.ask(f"{path}?v=1&opsctl-again=15", Referer=page, **TLS).status == 404
    assert server.ask(path, **TLS).status == 404
    assert server.ask(stylesheet(server) + "?opsctl-again=1", Referer=page, **TLS).status == 200


def test_a_static_file_can_be_asked_for_in_every_way(server: Server) -> None:
    path = stylesheet(server)
    whole = server.ask(path, **TLS)
    head = server.ask(path, "HEAD", **TLS)
    assert (head.status, head.headers["Content-Length"], head.body) == (200, str(len(whole.body)), b"")
    again = server.ask(path, If_None_Match=whole.headers["ETag"], **TLS)
    assert (again.status, again.body) == (304, b"")
    part = server.ask(path, Range="bytes=10-19", **TLS)
    assert (part.status, part.body) == (206, whole.body[10:20])


def test_a_login_over_https_is_not_refused(server: Server) -> None:
    assert log_in(server) == 302
    assert "sessionid" in server.cookies
    assert server.ask("/admin/", **TLS).status == 200


def test_the_client_is_whom_the_load_balancer_names(server: Server) -> None:
    seen = server.ask("/who", **{**TLS, "X_Forwarded_For": "6.6.6.6, [2001:db8::7]:4711"}).json
    assert seen == {"scheme": "https", "REMOTE_ADDR": "2001:db8::7", "SERVER_PORT": "443", "HTTP_X_FORWARDED_SSL": "on"}


def test_what_a_client_writes_about_itself_is_not_trusted(server: Server) -> None:
    spoofed = {"X_Forwarded_Ssl": "on", "X_Forwarded_Protocol": "ssl", "X_Forwarded_For": "127.0.0.1, 203.0.113.7"}
    seen = server.ask("/who", **{**TLS, **spoofed, "X_Forwarded_Proto": "http"}).json
    assert seen == {"scheme": "http", "REMOTE_ADDR": "203.0.113.7", "SERVER_PORT": "80", "HTTP_X_FORWARDED_SSL": None}
    assert server.ask("/up", **{**TLS, **spoofed, "X_Forwarded_Proto": "http"}).status == 301


def test_a_client_does_not_say_where_the_application_begins(server: Server) -> None:
    assert server.ask("/evil/up", Daphne_Root_Path="/evil", **TLS).status == 404


@pytest.mark.parametrize("server", ["daphne"], indirect=True)
def test_a_websocket_of_channels_is_adjusted_too(server: Server) -> None:
    seen = server.websocket(X_Forwarded_Proto="https", X_Forwarded_For="6.6.6.6, 203.0.113.7")
    assert seen == {"scheme": "wss", "client": "203.0.113.7"}


def test_without_the_hook_all_of_this_fails(bare: Server) -> None:
    assert bare.ask("/-/health").status == 400
    assert bare.ask("/up", User_Agent="ELB-HealthChecker/2.0").status == 400
    assert bare.ask("/static/admin/css/base.css", **TLS, X_Forwarded_Ssl="on").status == 404
    assert bare.ask("/admin/login/", **TLS).status == 301
    assert bare.ask("/who", **TLS).json["REMOTE_ADDR"] == "127.0.0.1"
    assert bare.ask("/who", **{**TLS, "X_Forwarded_Proto": "http"}, X_Forwarded_Ssl="on").json["scheme"] == "https"
