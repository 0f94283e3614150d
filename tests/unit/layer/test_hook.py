"""The hook at start-up: it waits for Django's modules, lets another sitecustomize run, and never breaks a process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.functional.cli import ROOT

HOOK = ROOT / "opsctl" / "layer" / "files" / "hook"
DJANGO = {
    "django/__init__.py": "",
    "django/core/__init__.py": "",
    "django/conf.py": "class settings: SECURE_PROXY_SSL_HEADER = None\n",
    "django/core/wsgi.py": "def get_wsgi_application():\n    'Make one.'\n    return len\n",
    "django/core/asgi.py": "def get_asgi_application(): return len\n",
    "channels/__init__.py": "",
    "channels/routing.py": "class ProtocolTypeRouter:\n    async def __call__(self, scope, receive, send): pass\n",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with as much of Django as makes an application."""
    for name, text in DJANGO.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def run(code: str, *path: Path, hook: Path = HOOK, **variables: str) -> tuple[str, str]:
    """stdout and stderr of a process that has the hook."""
    environment = {"PYTHONPATH": os.pathsep.join(map(str, (hook, *path))), "PYTHONDONTWRITEBYTECODE": "1", **variables}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False, timeout=30
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip(), done.stderr.strip()


@pytest.mark.parametrize("code", [
    "from django.core.wsgi import get_wsgi_application as get; print(type(get()).__name__, get.__doc__)",
    "import django.core.wsgi as m; get = m.get_wsgi_application; print(type(get()).__name__, get.__doc__)",
])  # fmt: skip
def test_an_application_is_wrapped_however_its_maker_is_imported(code: str, project: Path) -> None:
    assert run(code, project, OPSCTL_PROXY="1") == ("Wsgi Make one.", "")


def test_asgi_and_channels_are_wrapped(project: Path) -> None:
    code = (
        "from django.core.asgi import get_asgi_application as get; print(type(get()).__name__)\n"
        "from channels.routing import ProtocolTypeRouter as r; print(r.__call__.opsctl_hook)"
    )
    assert run(code, project, OPSCTL_HEALTH="/-/health") == ("Asgi\nTrue", "")


def test_a_module_that_was_there_before_the_hook_is_wrapped_too(project: Path) -> None:
    code = (
        "import sys; from django.core import wsgi; sys.path.insert(0, sys.argv[0]); import opsctl_hook\n"
        "opsctl_hook.install(); opsctl_hook.install(); print(type(wsgi.get_wsgi_application().application).__name__)\n"
        "print(sum(isinstance(each, opsctl_hook.Finder) for each in sys.meta_path))"
    )
    assert run(code, project) == ("builtin_function_or_method\n1", "")


def test_another_import_hook_that_asks_again_does_not_wrap_twice(project: Path) -> None:
    code = (
        "import sys, importlib.util as u\n"
        "class Other:\n"
        "    busy = False\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if self.busy or name != 'django.core.wsgi': return None\n"
        "        self.busy = True\n"
        "        try: return u.find_spec(name)\n"
        "        finally: self.busy = False\n"
        "for place in (0, len(sys.meta_path)): sys.meta_path.insert(place, Other())\n"
        "from django.core.wsgi import get_wsgi_application as get; print(type(get().application).__name__)"
    )
    assert run(code, project, OPSCTL_PROXY="1") == ("builtin_function_or_method", "")


def test_without_options_nothing_is_watched(project: Path) -> None:
    code = (
        "import sys; from django.core.wsgi import get_wsgi_application as g\n"
        "print(g() is len, 'opsctl_hook' in sys.modules)"
    )
    assert run(code, project) == ("True False", "")


def test_a_process_without_django_loads_two_small_modules_and_no_more() -> None:
    code = "import sys; print(*sorted(sys.modules))"
    without = set(run(code, hook=Path("/nowhere"))[0].split())
    extra = set(run(code, OPSCTL_PROXY="1", OPSCTL_STATIC="1")[0].split()) - without
    assert extra <= {"__future__", "opsctl_hook", "sitecustomize"}


def test_a_missing_module_is_missing_as_ever() -> None:
    code = "try: import django.core.wsgi\nexcept ImportError as error: print(error)"
    assert run(f"import sys; sys.path = [sys.path[1]]\n{code}", OPSCTL_PROXY="1")[0] == "No module named 'django'"


def test_another_sitecustomize_runs_as_if_it_were_alone(tmp_path: Path, project: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("print('other', __name__, __file__)\nVALUE = 1\n")
    code = (
        "import sitecustomize; print(sitecustomize.VALUE)\n"
        "from django.core import wsgi; print(wsgi.get_wsgi_application())"
    )
    out, err = run(code, tmp_path, OPSCTL_PROXY="1")
    first, second, third = out.splitlines()
    assert (first, second, err) == (f"other sitecustomize {tmp_path / 'sitecustomize.py'}", "1", "")
    assert "Wsgi" in third


def test_two_layers_and_another_sitecustomize_end(tmp_path: Path) -> None:
    """An image of an image may have the layer twice."""
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in HOOK.glob("*.py"):
        (copy / path.name).write_bytes(path.read_bytes())
    (tmp_path / "sitecustomize.py").write_text("print('other')\n")
    assert run("pass", copy, tmp_path, OPSCTL_PROXY="1") == ("other", "")


def test_the_failure_of_another_sitecustomize_is_told_by_python(tmp_path: Path, project: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("raise ValueError('theirs')\n")
    code = "from django.core import wsgi; print(type(wsgi.get_wsgi_application()).__name__)"
    out, err = run(code, tmp_path, OPSCTL_PROXY="1")
    assert out == "Wsgi"
    assert "ValueError: theirs" in err


def broken(tmp_path: Path, name: str) -> Path:
    """A copy of the hook in which one module is broken."""
    copy = tmp_path / "broken"
    copy.mkdir()
    for path in HOOK.glob("*.py"):
        (copy / path.name).write_bytes(path.read_bytes())
    (copy / name).write_text("raise RuntimeError('two\\nlines')\n")
    return copy


@pytest.mark.parametrize(("name", "what"), [
    ("opsctl_hook.py", "could not start"),
    ("opsctl_applications.py", "could not wrap the application"),
    ("opsctl_requests.py", "could not wrap the application"),
])  # fmt: skip
def test_an_error_of_the_hook_is_one_line_and_breaks_nothing(name: str, what: str, project: Path) -> None:
    code = "from django.core import wsgi; print(wsgi.get_wsgi_application() is len)"
    out, err = run(code, project, hook=broken(project, name), OPSCTL_PROXY="1")
    assert out == "True"
    assert err == f"opsctl: the hook {what}: RuntimeError('two\\nlines')"


def test_a_django_that_looks_different_is_told(project: Path) -> None:
    (project / "django/core/wsgi.py").write_text("other = 1\n")
    out, err = run("from django.core import wsgi; print(wsgi.other)", project, OPSCTL_PROXY="1")
    assert out == "1"
    assert err.startswith("opsctl: the hook could not change django.core.wsgi: AttributeError")


@pytest.mark.parametrize(
    ("asked", "found"),
    [("0.0.0.0", "127.64.0.9"), ("", "127.64.0.9"), ("127.0.0.1", "127.0.0.1")],  # noqa: S104
)
def test_what_would_listen_everywhere_listens_at_the_tasks_address(asked: str, found: str) -> None:
    code = (
        f"import socket; probe = socket.socket(); probe.bind(({found!r}, 0)); port = probe.getsockname()[1]\n"
        f"probe.close(); server = socket.socket(); server.bind(({asked!r}, port)); print(server.getsockname()[0])"
    )
    assert run(code, OPSCTL_LISTEN_ADDRESS="127.64.0.9") == (found, "")


def test_who_binds_to_no_port_in_particular_is_left_alone() -> None:
    code = "import socket; client = socket.socket(); client.bind(('', 0)); print(client.getsockname()[0])"
    assert run(code, OPSCTL_LISTEN_ADDRESS="127.64.0.9") == ("0.0.0.0", "")  # noqa: S104


SHOP = """
import logging, sys
from django.conf import settings
from django.http import HttpResponse
from django.urls import path

def broken(request):
    logging.getLogger("django.request").warning("a warning")
    raise ValueError("no total")

urlpatterns = [path("", broken)]
settings.configure(ROOT_URLCONF="shop", ALLOWED_HOSTS=["*"], SECRET_KEY="x" * 50, USE_TZ=True, MORE)
"""
REQUEST = """
import asyncio, shop
from django.core.KIND import get_KIND_application as get
from django.test import RequestFactory
for _ in range(2):
    application = get().application
request = RequestFactory().get("/")
wsgi = lambda: application.get_response(request)
asgi = lambda: asyncio.run(application.get_response_async(request))
print(KIND().status_code)
"""
HANDLERS = "'handlers': {'own': {'class': 'logging.NullHandler'}}"
OWN = f"{{'version': 1, {HANDLERS}, 'loggers': {{'django': {{'handlers': ['own']}}}}}}"


@pytest.mark.parametrize("kind", ["wsgi", "asgi"])
@pytest.mark.parametrize(
    ("more", "tracebacks"),
    [("DEBUG=False", 1), (f"DEBUG=False, LOGGING={OWN}", 0), ("DEBUG=False, LOGGING_CONFIG=None", 1)],
)
def test_what_a_view_raises_is_in_the_log_where_the_project_configured_none(
    kind: str, more: str, tracebacks: int, tmp_path: Path
) -> None:
    (tmp_path / "shop.py").write_text(SHOP.replace("MORE", more))
    status, log = run(REQUEST.replace("KIND", kind), tmp_path, OPSCTL_HEALTH="/-/health")
    assert status == "500"
    assert log.count("ValueError: no total") == log.count("Traceback") == tracebacks, log
    assert ("ERROR django.request: Internal Server Error: /" in log) is ("LOGGING" not in more)


@pytest.mark.parametrize("kind", ["wsgi", "asgi"])
def test_a_request_under_a_strange_name_writes_no_traceback(kind: str, tmp_path: Path) -> None:
    shop = SHOP.replace("MORE", "DEBUG=False").replace('raise ValueError("no total")', "request.get_host()")
    (tmp_path / "shop.py").write_text(shop.replace('["*"]', '["shop.example.org"]'))
    status, log = run(REQUEST.replace("KIND", kind), tmp_path, OPSCTL_HEALTH="/-/health")
    assert (status, "Traceback" in log) == ("400", False), log
