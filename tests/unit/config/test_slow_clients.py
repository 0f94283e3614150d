"""Which web commands let a slow client hold their server, as gunicorn itself reads them."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path

import pytest
from gunicorn.config import Config

from opsctl.cli import app
from opsctl.config.loader import load

TEXT = """defaults:
  service: shop
  client: acme
  application:
    MORE
    web:
      command: COMMAND
environments:
  local: {target: local, ecs: {manage_repository: true}}
"""
GUNICORN = [
    "gunicorn shop.wsgi", "gunicorn -w 4 --bind 0.0.0.0:8000 shop.wsgi", "gunicorn -k sync shop.wsgi",
    "gunicorn shop.wsgi --worker-class=sync --threads 1", "gunicorn -k egg:gunicorn#sync shop.wsgi",
    "gunicorn --threads 4 shop.wsgi", "gunicorn -k sync --threads=4 shop.wsgi", "gunicorn --thread 2 shop.wsgi",
    "gunicorn -k gthread shop.wsgi", "gunicorn -kgthread shop.wsgi", "gunicorn --worker-class gthread shop.wsgi",
    "gunicorn --threads 4 --threads 1 shop.wsgi", "gunicorn -k=gevent shop.wsgi", "gunicorn --worker-cl eventlet a",
]  # fmt: skip
HELD = [
    ["/app/.venv/bin/gunicorn", "shop.wsgi"],
    ["python", "-m", "gunicorn", "shop.wsgi"],
    ["sh", "-c", "python manage.py check && exec gunicorn shop.wsgi --bind=:$PORT"],
    ["bash", "-ec", "gunicorn --threads 4 other.wsgi & gunicorn shop.wsgi; true --threads 4"],
]
NOT_HELD = [
    ["uvicorn", "shop.asgi:application"],
    ["gunicorn", "-c", "conf/gunicorn.py", "shop.wsgi"],
    ["sh", "-c", "gunicorn shop.wsgi $OPTIONS"],
    ["sh", "-c", "gunicorn --threads $THREADS shop.wsgi"],
    ["sh", "-c", "pip show gunicorn; gunicorn --threads 4 shop.wsgi"],
    ["sh", "-c", "gunicorn 'shop.wsgi"],
    ["sh", "-c", "gunicorn --threads ${THREADS:-4} shop.wsgi | tee log"],
    ["serve"],
]


def notes(root: Path, command: list[str], more: str = "path: .") -> list[str]:
    """What is told of a block with this command, from its line on."""
    path = root / "environments.yaml"
    path.write_text(TEXT.replace("MORE", more).replace("COMMAND", json.dumps(command)), encoding="utf-8")
    assert load(path).notes == ()
    return [note.removeprefix(f"{path}:") for note in load(path, checkout=True).notes]


@pytest.mark.parametrize("command", GUNICORN)
def test_a_command_is_read_as_gunicorn_reads_it(tmp_path: Path, command: str) -> None:
    words = shlex.split(command)
    config = Config()
    for name, value in vars(config.parser().parse_args(words[1:])).items():
        if value is not None and name in {"worker_class", "threads"}:
            config.set(name, value)
    is_sync = config.worker_class_str in {"sync", "egg:gunicorn#sync"}
    assert bool(notes(tmp_path, words)) is is_sync


@pytest.mark.parametrize("command", HELD, ids=" ".join)
def test_the_note_names_the_place_and_what_to_do(tmp_path: Path, command: list[str]) -> None:
    (note,) = notes(tmp_path, command)
    assert note.startswith("7: defaults.application.web.command: gunicorn without threads serves one client")
    assert "Add --threads 4" in note


@pytest.mark.parametrize("command", NOT_HELD, ids=" ".join)
def test_of_what_the_command_does_not_say_nothing_is_told(tmp_path: Path, command: list[str]) -> None:
    assert notes(tmp_path, command) == []


@pytest.mark.parametrize(("more", "told"), [
    ("environment: {GUNICORN_CMD_ARGS: --threads 4}", 0), ("environment: {GUNICORN_CMD_ARGS: -w 4}", 1),
    ("environment: {GUNICORN_CMD_ARGS: '${secrets.A}'}\n    secrets: [A]", 0), ("secrets: [GUNICORN_CMD_ARGS]", 0),
    ("image: shop:1", 0), ("files: {/app/gunicorn.conf.py: threads = 4}", 0),
])  # fmt: skip
def test_options_may_stand_elsewhere(tmp_path: Path, more: str, told: int) -> None:
    assert len(notes(tmp_path, ["gunicorn", "shop.wsgi"], more)) == told


@pytest.mark.parametrize("folder", ["", "site"])
def test_a_file_that_gunicorn_reads_by_itself_may_say_more(tmp_path: Path, folder: str) -> None:
    (tmp_path / folder).mkdir(exist_ok=True)
    (tmp_path / folder / "gunicorn.conf.py").touch()
    assert notes(tmp_path, ["gunicorn", "shop.wsgi"]) == []


def test_validate_tells_it_and_finds_the_file_valid(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    notes(tmp_path, ["gunicorn", "shop.wsgi"])
    assert app.run(["env", "validate", "--config", os.fspath(tmp_path / "environments.yaml"), "--json"]) == 0
    (note,) = json.loads(capsys.readouterr().out)["notes"]
    assert "one client of each worker at a time" in note
