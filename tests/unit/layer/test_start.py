"""The start program: files, the command it becomes, and the web server that fits a project."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from opsctl.layer.files import start
from tests.functional.cli import ROOT, Ran

START = ROOT / "opsctl" / "layer" / "files" / "start.py"
PRINT = "import json, os; print(json.dumps(dict(os.environ)))"


def run(*command: str, cwd: Path | None = None, **variables: str) -> Ran:
    """The start program with nothing else in its environment."""
    done = subprocess.run(
        [sys.executable, str(START), *command], cwd=cwd, env=variables, capture_output=True, text=True, check=False,
        timeout=30,
    )  # fmt: skip
    return Ran(done.returncode, done.stdout, done.stderr)


def test_it_writes_files_and_the_command_does_not_see_what_they_were_made_from(tmp_path: Path) -> None:
    path = tmp_path / "etc" / "shop" / "shop.cfg"
    files = {str(path): "key = ${LICENCE}\nother = ${OTHER} $LICENCE $${LICENCE}\n"}
    ran = run(
        sys.executable, "-c", PRINT, OPSCTL_FILES=json.dumps(files), OPSCTL_FILES_VARIABLES="LICENCE, SPARE",
        LICENCE="a${SPARE}\\1\N{LATIN SMALL LETTER E WITH ACUTE}", SPARE="s", OTHER="o",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    value = "a${SPARE}\\1\N{LATIN SMALL LETTER E WITH ACUTE}"
    assert path.read_text("utf-8") == f"key = {value}\nother = ${{OTHER}} $LICENCE ${value}\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["shop.cfg"]
    assert {"OPSCTL_FILES", "OPSCTL_FILES_VARIABLES", "LICENCE", "SPARE"}.isdisjoint(ran.json)
    assert ran.json["OTHER"] == "o"


def test_a_file_that_was_there_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("much longer than before")
    path.chmod(0o644)
    environ = {"OPSCTL_FILES": json.dumps({str(path): "x"})}
    start.write_files(environ)
    assert (path.read_text(), stat.S_IMODE(path.stat().st_mode), environ) == ("x", 0o600, {})


@pytest.mark.parametrize(("name", "reason"), [
    ("plain/a", "File exists"), ("folder", "Is a directory"), ("a\0b", "its path or its text is not valid"),
])  # fmt: skip
def test_a_path_that_cannot_be_written_is_one_sentence(name: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    (tmp_path / "folder").mkdir()
    ran = run("true", OPSCTL_FILES=json.dumps({f"{tmp_path}/{name}": "secret"}))
    (line,) = ran.err.splitlines()
    assert ran.code == 78
    assert line.startswith(f"opsctl: The file {tmp_path}/{name} can't be written by user {os.getuid()}: {reason}")
    assert "secret" not in ran.err
    assert sorted(each.name for each in tmp_path.iterdir()) == ["folder", "plain"]


@pytest.mark.parametrize(("text", "message"), [
    ("{secret", "OPSCTL_FILES is not JSON"),
    ('["/a"]', "has to be an object of paths and texts"),
    ('{"/a": 1}', "has to be an object of paths and texts"),
])  # fmt: skip
def test_files_that_make_no_sense_are_one_sentence(text: str, message: str) -> None:
    ran = run("true", OPSCTL_FILES=text)
    assert (ran.code, len(ran.err.splitlines())) == (78, 1)
    assert message in ran.err
    assert "secret" not in ran.err


def test_a_variable_that_is_missing_is_named(tmp_path: Path) -> None:
    ran = run("true", OPSCTL_FILES=json.dumps({str(tmp_path / "a"): "${B}"}), OPSCTL_FILES_VARIABLES="B")
    assert (ran.code, list(tmp_path.iterdir())) == (78, [])
    assert "names B, which the environment does not hold" in ran.err


def test_it_becomes_the_command(tmp_path: Path) -> None:
    assert run(sys.executable, "-c", "raise SystemExit(5)").code == 5
    missing = run("no-such-command", PATH="/usr/bin")
    assert (missing.code, missing.err) == (127, "opsctl: The command no-such-command is not there.\n")
    (tmp_path / "plain").touch()
    refused = run(str(tmp_path / "plain"))
    assert (refused.code, refused.err.count("\n")) == (126, 1)
    assert "Permission denied" in refused.err


def test_without_settings_there_is_nothing_to_start() -> None:
    ran = run()
    assert (ran.code, ran.err.count("\n")) == (78, 1)
    assert "DJANGO_SETTINGS_MODULE is not set" in ran.err


def bare(tmp_path: Path, *modules: str) -> Path:
    """A working directory with these empty modules, from which an isolated Python imports."""
    for name in modules:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def test_without_gunicorn_it_says_what_to_write(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-S", str(START)], cwd=bare(tmp_path), env={"DJANGO_SETTINGS_MODULE": "shop.settings"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr.count("\n")) == (78, 1)
    assert "add: [gunicorn]" in done.stderr


def test_settings_that_fail_are_told_with_where(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text("import os\nKEY = os.environ['SHOP_KEY']\n")
    ran = run(cwd=tmp_path, DJANGO_SETTINGS_MODULE="shop")
    assert ran.code == 78
    assert f'File "{tmp_path}/shop.py", line 2' in ran.err
    assert ran.err.splitlines()[-1] == "opsctl: The settings shop can't be read: KeyError: 'SHOP_KEY'"


def test_the_default_command_of_a_project_is_gunicorn(tmp_path: Path) -> None:
    """The working directory is imported from, and the program's own is not."""
    (tmp_path / "gunicorn").mkdir()
    (tmp_path / "gunicorn" / "__init__.py").touch()
    (tmp_path / "gunicorn" / "__main__.py").write_text("import sys; print(sys.argv[1:])\n")
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "settings.py").write_text(
        "import sys\nWSGI_APPLICATION = 'shop.web.application'\n"
        f"assert {str(START.parent)!r} not in sys.path\nassert sys.path[0] == {str(tmp_path)!r}\n"
    )
    ran = run(cwd=tmp_path, DJANGO_SETTINGS_MODULE="shop.settings", PORT="9000")
    assert ran.code == 0, ran.err
    assert ran.out.startswith("['shop.web:application', '--worker-class=gthread', '--bind=0.0.0.0:9000',")


@pytest.mark.parametrize(("settings", "wish", "asgi"), [
    ({}, "", False),
    ({"WSGI_APPLICATION": "a.wsgi.application"}, "", False),
    ({"WSGI_APPLICATION": "a.wsgi.application", "ASGI_APPLICATION": "a.asgi.application"}, "", False),
    ({"WSGI_APPLICATION": None, "ASGI_APPLICATION": "a.asgi.application"}, "", True),
    ({"WSGI_APPLICATION": "a", "ASGI_APPLICATION": "b", "INSTALLED_APPS": ["channels"]}, "", True),
    ({"WSGI_APPLICATION": "a", "ASGI_APPLICATION": "b", "INSTALLED_APPS": ["daphne.apps.DaphneConfig"]}, "", True),
    ({"WSGI_APPLICATION": "a", "INSTALLED_APPS": ["channels"]}, "", False),
    ({"WSGI_APPLICATION": "a"}, "1", True),
    ({"ASGI_APPLICATION": "b", "INSTALLED_APPS": ["channels"]}, "0", False),
])  # fmt: skip
def test_asgi_only_on_evidence(settings: dict[str, object], wish: str, asgi: bool) -> None:
    assert start.is_asgi(SimpleNamespace(**{"INSTALLED_APPS": [], **settings}), wish) is asgi


def test_a_wish_that_is_none_is_refused() -> None:
    with pytest.raises(start.StartError, match="OPSCTL_ASGI is 'yes'"):
        start.is_asgi(SimpleNamespace(), "yes")


@pytest.mark.parametrize(("module", "settings", "asgi", "found"), [
    ("config.settings.production", {"WSGI_APPLICATION": "config.wsgi.application"}, False, "config.wsgi:application"),
    ("config.settings.production", {"WSGI_APPLICATION": None}, False, "config.wsgi:application"),
    ("config.settings.production", {}, True, "config.asgi:application"),
    ("settings", {}, False, "wsgi:application"),
    ("shop.settings", {"ASGI_APPLICATION": "shop.routing.app"}, True, "shop.routing:app"),
    ("shop.settings", {"ASGI_APPLICATION": "shop.routing:app"}, True, "shop.routing:app"),
])  # fmt: skip
def test_the_application_is_what_settings_name(
    module: str, settings: dict[str, object], asgi: bool, found: str
) -> None:
    assert start.application(module, SimpleNamespace(**settings), asgi) == found


def test_gunicorns_options_have_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start, "SHARED_MEMORY", "/nowhere")
    monkeypatch.setattr(start, "find_spec", lambda name: None)
    assert start.server_options({}, asgi=False) == [
        "--bind=0.0.0.0:8000", "--workers=2", "--timeout=60", "--graceful-timeout=25", "--keep-alive=65",
        "--access-logfile=-", "--threads=4",
    ]  # fmt: skip


def test_gunicorns_options_come_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start, "SHARED_MEMORY", str(tmp_path))
    environ = {
        "PORT": "80", "BIND_HOST": "127.0.0.1", "WEB_CONCURRENCY": "3", "OPSCTL_THREADS": "8", "OPSCTL_TIMEOUT": "100",
        "OPSCTL_GRACEFUL_TIMEOUT": "110", "OPSCTL_PROXY": "1",
    }  # fmt: skip
    assert start.server_options(environ, asgi=True) == [
        "--bind=127.0.0.1:80", "--workers=3", "--timeout=100", "--graceful-timeout=110", "--keep-alive=105",
        "--access-logfile=-", f"--worker-tmp-dir={tmp_path}", "--forwarded-allow-ips=", "--no-control-socket",
    ]  # fmt: skip
    assert "--threads=8" in start.server_options(environ, asgi=False)


@pytest.mark.parametrize("value", ["0", "-1", "two", "1.5"])
def test_a_number_that_is_none_is_refused(value: str) -> None:
    with pytest.raises(start.StartError, match=f"WEB_CONCURRENCY is '{value}'"):
        start.server_options({"WEB_CONCURRENCY": value}, asgi=False)


@pytest.mark.parametrize(("installed", "worker"), [
    ({"uvicorn_worker", "uvicorn", "uvicorn.workers"}, "uvicorn_worker.UvicornWorker"),
    ({"uvicorn", "uvicorn.workers"}, "uvicorn.workers.UvicornWorker"),
])  # fmt: skip
def test_the_newer_worker_is_taken_when_it_is_there(
    installed: set[str], worker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(start, "find_spec", lambda name: name if name in installed else None)
    assert start.uvicorn_worker() == worker


@pytest.mark.parametrize(
    ("found", "worker"), [({"opsctl_gunicorn"}, "opsctl_gunicorn.Worker"), (set[str](), "gthread")]
)
def test_the_hooks_worker_is_taken_where_gunicorn_will_find_it(
    found: set[str], worker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(start, "find_spec", lambda name: name if name in found else None)
    assert start.threads_worker() == worker


@pytest.mark.parametrize("installed", [set[str](), {"uvicorn"}])
def test_without_a_worker_it_says_what_to_write(installed: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start, "find_spec", lambda name: name if name in installed else None)
    with pytest.raises(start.StartError, match=r"add: \[gunicorn, uvicorn-worker\]"):
        start.uvicorn_worker()
