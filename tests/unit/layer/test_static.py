"""Static files: when opsctl serves them, and that ASGI gets what WSGI gets, off the event loop."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from opsctl.layer.files.hook import opsctl_static
from opsctl.layer.files.hook.opsctl_applications import Asgi, Wsgi
from opsctl.layer.files.hook.opsctl_requests import Options
from opsctl.layer.files.hook.opsctl_static import AsgiFiles, serves_itself, static_files, static_prefix, white_noise
from tests.unit.layer.test_applications import Project, ask, connect

CONTENT = b"0123456789" * 20_000
HASHED = "/static/css/base.6398cd16ee3d.css"


@pytest.fixture
def site(project: SimpleNamespace, tmp_path: Path) -> SimpleNamespace:
    """A project whose static files are collected, with nothing that serves them."""
    for name in ("base.css", "base.6398cd16ee3d.css", "jquery-3.7.1.min.js", "LICENSE.6398cd16ee3d"):
        (tmp_path / "css").mkdir(exist_ok=True)
        (tmp_path / "css" / name).write_bytes(CONTENT)
    project.STATIC_URL, project.STATIC_ROOT, project.FORCE_SCRIPT_NAME = "/static/", tmp_path, None
    project.MIDDLEWARE = []
    return project


def answer(
    application: Any, method: str = "GET", path: str = HASHED, **headers: str
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body, whichever kind of application it is."""
    if isinstance(application, Wsgi):
        more = {f"HTTP_{name.upper()}": value for name, value in headers.items()}
        status, sent, body = ask(application, method, path, **more)
        return int(status[:3]), {name.lower(): value for name, value in sent.items()}, body
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    start, *rest = connect(application, method=method, path=path, headers=pairs)
    assert [each.get("more_body", False) for each in rest] == [True] * (len(rest) - 1) + [False]
    found = {name.decode(): value.decode() for name, value in start["headers"]}
    return start["status"], found, b"".join(each["body"] for each in rest)


@pytest.fixture(params=[Wsgi, Asgi])
def application(request: pytest.FixtureRequest, site: SimpleNamespace) -> Any:
    """Either wrapper around a project, with static files."""
    project = Project()
    return request.param(project if request.param is Wsgi else project.asgi, Options(static=True))


@pytest.mark.parametrize(("name", "cached"), [
    ("base.6398cd16ee3d.css", "max-age=315360000, public, immutable"),
    ("LICENSE.6398cd16ee3d", "max-age=315360000, public, immutable"),
    ("base.css", "max-age=60, public"),
    ("jquery-3.7.1.min.js", "max-age=60, public"),
])  # fmt: skip
def test_a_file_is_served_and_cached_for_as_long_as_its_name_allows(application: Any, name: str, cached: str) -> None:
    status, headers, body = answer(application, path=f"/static/css/{name}")
    assert (status, body, headers["cache-control"]) == (200, CONTENT, cached)
    assert headers["content-length"] == str(len(CONTENT))


def test_head_has_the_headers_alone(application: Any) -> None:
    status, headers, body = answer(application, "HEAD")
    assert (status, headers["content-length"], body) == (200, str(len(CONTENT)), b"")


def test_what_a_browser_has_is_not_sent_again(application: Any) -> None:
    _, headers, _ = answer(application)
    assert answer(application, if_none_match=headers["etag"])[::2] == (304, b"")
    assert answer(application, if_modified_since=headers["last-modified"])[::2] == (304, b"")
    assert answer(application, if_none_match='"other"')[0] == 200


def test_a_range_is_a_part(application: Any) -> None:
    status, headers, body = answer(application, range="bytes=3-6")
    assert (status, headers["content-range"], body) == (206, f"bytes 3-6/{len(CONTENT)}", b"3456")


def test_other_methods_are_refused(application: Any) -> None:
    assert answer(application, "POST")[0] == 405


def test_a_file_that_is_not_there_is_the_projects_matter(application: Any) -> None:
    below = application.application if isinstance(application, Wsgi) else application.application.__self__
    (ask if isinstance(application, Wsgi) else connect)(application, path="/static/css/none.css")
    assert below.seen.get("PATH_INFO", below.seen.get("path")) == "/static/css/none.css"


def test_opening_and_reading_happen_in_another_thread_and_the_file_is_closed() -> None:
    threads = set[int]()

    class File:
        def __init__(self) -> None:
            self.blocks = [b"a", b"b", b""]
            self.closed = False

        def read(self, size: int) -> bytes:
            threads.add(threading.get_ident())
            return self.blocks.pop(0)

        def close(self) -> None:
            self.closed = True

    class Known:
        def __init__(self) -> None:
            self.file = File()

        def get_response(self, method: str, headers: dict[str, str]) -> Any:
            threads.add(threading.get_ident())
            return SimpleNamespace(status=200, headers=[], file=self.file)

    known = Known()
    assert [each.get("body") for each in connect(AsgiFiles({"/a": known}, None), path="/a")] == [None, b"a", b"b", b""]
    assert threading.get_ident() not in threads
    assert known.file.closed


def test_a_client_that_goes_away_leaves_no_file_open(site: SimpleNamespace) -> None:
    found = static_files().files[HASHED]
    response = found.get_response("GET", {})
    known = SimpleNamespace(get_response=lambda *asked: response)

    async def gone(event: dict[str, Any]) -> None:
        raise ConnectionResetError

    scope = {"type": "http", "method": "GET", "path": "/a", "headers": []}
    with pytest.raises(ConnectionResetError):
        asyncio.run(AsgiFiles({"/a": known}, None)(scope, None, gone))
    assert response.file.closed


@pytest.mark.parametrize(("url", "script", "prefix"), [
    ("/static/", None, "/static/"),
    ("/shop/static/", "/shop", "/static/"),
    ("/shopping/", "/shop", "/shopping/"),
    ("https://cdn.example.org/static/", None, ""),
    ("//cdn.example.org/static/", None, ""),
    (None, None, ""),
])  # fmt: skip
def test_only_a_local_path_is_served(url: str | None, script: str | None, prefix: str) -> None:
    assert static_prefix(url, script) == prefix


@pytest.mark.parametrize("change", [
    {"STATIC_URL": "https://cdn.example.org/"},
    {"STATIC_URL": None},
    {"STATIC_ROOT": None},
    {"STATIC_ROOT": "/nowhere/at/all"},
    {"MIDDLEWARE": ["whitenoise.WhiteNoise"]},
])  # fmt: skip
def test_nothing_is_served_when_there_is_nothing_or_somebody_does(
    site: SimpleNamespace, change: dict[str, Any]
) -> None:
    assert static_files() is not None
    site.__dict__.update(change)
    assert static_files() is None


def test_a_project_without_static_root_gets_the_one_of_the_image(site: SimpleNamespace, tmp_path: Path) -> None:
    site.STATIC_ROOT = None
    options = Options(static=True, static_root=str(tmp_path))
    assert answer(Wsgi(Project(), options))[::2] == (200, CONTENT)
    site.STATIC_ROOT = tmp_path / "own"
    assert ask(Wsgi(Project(), options), path=HASHED)[2] == b"project"


def test_a_middleware_made_from_whitenoise_counts_and_a_function_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "shop_middleware.py").write_text(
        "from whitenoise import WhiteNoise\nclass Files(WhiteNoise): pass\ndef plain(get_response): return None\n"
    )
    assert serves_itself(["shop_middleware.plain", "shop_middleware.Files"])
    assert not serves_itself(["shop_middleware.plain"])


def test_static_files_are_off_unless_asked_for(site: SimpleNamespace) -> None:
    assert ask(Wsgi(Project(), Options()), path=HASHED)[2] == b"project"


def test_an_error_is_told_and_the_project_goes_on(site: SimpleNamespace, capsys: pytest.CaptureFixture[str]) -> None:
    site.MIDDLEWARE = ["missing.Middleware"]
    assert ask(Wsgi(Project(), Options(static=True)), path=HASHED)[2] == b"project"
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("opsctl: the hook could not serve static files: ModuleNotFoundError")


def test_the_projects_own_whitenoise_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = list(sys.path)
    assert white_noise().__module__ == "whitenoise.base"
    assert sys.path == before
    for name in [each for each in sys.modules if each.partition(".")[0] == "whitenoise"]:
        monkeypatch.delitem(sys.modules, name)
    (tmp_path / "whitenoise.py").write_text("class WhiteNoise: pass\n")
    monkeypatch.setattr(opsctl_static, "LIBRARY", tmp_path)
    monkeypatch.setattr(sys, "path", [each for each in sys.path if not (Path(each) / "whitenoise").is_dir()])
    assert Path(sys.modules[white_noise().__module__].__file__ or "").parent == tmp_path
    assert sys.path[-1] == os.fspath(tmp_path)


def test_the_projects_own_whitenoise_answers_for_other_releases_too(
    tmp_path: Path,
) -> None:
    whitenoise = pytest.importorskip("whitenoise.base")
    kind = type("WhiteNoise", (whitenoise.WhiteNoise,), {})
    opsctl_static.answer_for_other_releases(SimpleNamespace(WhiteNoise=kind))  # type: ignore[arg-type]
    (tmp_path / "base.css").write_text("a {}")

    class Middleware(kind):  # type: ignore[valid-type, misc]
        def __init__(self) -> None:
            super().__init__(None)
            self.add_files(str(tmp_path), prefix="/static/")

    files = Middleware().files
    response = files.get("/static/base.0123456789ab.css").get_response("GET", {})
    response.file.close()
    assert (response.status, dict(response.headers)["Cache-Control"]) == (200, "no-store")
    assert files.get("/static/base.css") is files["/static/base.css"]
    assert files.get("/static/other.0123456789ab.css") is None
    assert files.get("/static/base.0123.css") is None
