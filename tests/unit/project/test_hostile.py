"""Files that were made to break a reader, or are merely broken: a note, never a traceback, never without end."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from opsctl.project import reading
from opsctl.project.reading import Reader
from tests.unit.project.trees import init, shop, write


def _nested(line: str) -> bytes:
    """Sixty mappings, each of which holds the one before several times."""
    lines = ["m0: &m0 {k: v}"] + [line.format(new=f"m{number}", old=f"*m{number - 1}") for number in range(1, 60)]
    return "\n".join(lines).encode() + b"\n"


BROKEN = {
    "binary": b"\x00\x01\xff\xfe" * 500,
    "latin": "name: caf\xe9\n".encode("latin-1"),
    "deep": b"[" * 50_000,
    "braces": b'{"a":' * 50_000,
    "long line": b"a" * 900_000,
    "bombs": _nested("{new}: &{new} [{old}, {old}, {old}, {old}, {old}, {old}, {old}, {old}, {old}]"),
    "merges": _nested("{new}: &{new} {{<<: [{old}, {old}]}}") + b"services: {web: {<<: *m59, build: .}}\n",
    "recursive": b"services: &s {web: *s, build: *s}\nenv: *s\n",
    "tags": b"services: !!python/object/apply:os.system ['touch pwned']\n",
    "wrong shapes": b"services: [1, {}, null, [2]]\nenv: 3\nbuild: [x]\nrun: x\nrelease: 7\n",
    "empty": b"",
    "lone surrogate": b'{"env": {"X": {"value": "\\ud800"}}, "cron": [{"command": "\\u0000", "schedule": 5}]}',
}  # fmt: skip
NAMES = [
    "Procfile", "app.json", "heroku.yml", "render.yaml", "fly.toml", "compose.yaml", ".env.example", "Dockerfile",
    "copilot/web/manifest.yml", "pyproject.toml", "uv.lock", "requirements.txt", "Pipfile", "runtime.txt",
    ".python-version", "package.json", "shop/settings.py", "shop/wsgi.py", "shop/celery.py", ".git/config",
    "config/deploy.yml",
]  # fmt: skip


@pytest.mark.parametrize("kind", BROKEN)
def test_every_file_may_be_broken_in_every_way(tmp_path: Path, kind: str) -> None:
    for number, name in enumerate(NAMES):
        root = tmp_path / f"shop{number}"
        files = {**shop(), "requirements.txt": "django\ncelery\n"}
        write(root, files)
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(BROKEN[kind])
        done = init(root, {})
        assert done.env.application.path == "."
    assert not (tmp_path / "pwned").exists()


def test_settings_of_python_2_are_a_note(tmp_path: Path) -> None:
    done = init(tmp_path, {**shop('print "hello"\nSECRET_KEY = u"x"\n')})
    assert any(line.startswith("shop/settings.py:1 is not the syntax") for line in done.said.warnings)
    assert done.env.application.settings == "shop.settings"


def test_settings_in_another_encoding_are_read_as_python_reads_them(tmp_path: Path) -> None:
    write(tmp_path, shop())
    text = '# -*- coding: latin-1 -*-\nNAME = "caf\xe9"\nX = env("NEEDED_HERE")\n'
    (tmp_path / "shop" / "settings.py").write_bytes(text.encode("latin-1"))
    assert "NEEDED_HERE" in init(tmp_path, {}).text


def test_a_file_that_is_too_large_is_a_note(tmp_path: Path) -> None:
    done = init(tmp_path, {**shop(), "Procfile": "web: gunicorn x\n" + "#" * reading.MAX_BYTES})
    assert any(line.startswith("Procfile is larger than") for line in done.said.warnings)
    assert done.env.application.web.command is None


def test_links_are_not_followed_out_of_the_project_nor_in_circles(tmp_path: Path) -> None:
    outside = write(
        tmp_path / "outside",
        {"Procfile": "web: gunicorn elsewhere.wsgi --workers 9\n", "manage.py": "DJANGO_SETTINGS_MODULE"},
    )
    root = write(tmp_path / "shop", shop())
    (root / "Procfile").symlink_to(outside / "Procfile")
    (root / "loop").symlink_to(root)
    (root / "fly.toml").symlink_to("fly.toml")
    (root / "other").symlink_to(outside)
    (root / "app.json").symlink_to("nowhere")
    done = init(root, {})
    assert "elsewhere" not in done.text
    assert any(line.startswith("Procfile leads out of the project") for line in done.said.warnings)
    assert done.said.project == "."


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    root = write(tmp_path, shop())
    os.mkfifo(root / "Procfile")
    assert any("Procfile is no regular file" in line for line in init(root, {}).said.warnings)


def test_a_deep_tree_is_left_at_some_depth(tmp_path: Path) -> None:
    deep = "/".join(["d"] * 60)
    done = init(tmp_path, {**shop(), f"{deep}/manage.py": "DJANGO_SETTINGS_MODULE"})
    assert done.said.project == "."


def test_many_files_are_not_all_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_ENTRIES", 20)
    done = init(tmp_path, {**shop(), **{f"zz/{number}.txt": "" for number in range(50)}})
    assert any("more than 20 files" in line for line in done.said.warnings)


def test_reading_ends_when_too_much_was_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_TOTAL_BYTES", 10)
    reader = Reader(write(tmp_path, {"a.txt": "123456", "b.txt": "123456"}))
    assert (reader.text("a.txt"), reader.text("b.txt")) == ("123456", None)
    assert reader.notes == ["b.txt comes after more than can be read in reasonable time, so it was passed over."]


@pytest.mark.parametrize(
    "folder", [".venv", "venv", "node_modules", "lib/site-packages", "tests", "project_template", "{{ name }}"]
)
def test_what_is_not_the_projects_own_is_no_second_project(tmp_path: Path, folder: str) -> None:
    done = init(tmp_path, {**shop(), f"{folder}/manage.py": "DJANGO_SETTINGS_MODULE"})
    assert done.said.project == "."
    assert not any("not " in line and "project in" in line for line in done.said.assumed)


def test_an_environment_of_any_name_is_known_by_its_mark(tmp_path: Path) -> None:
    done = init(tmp_path, {**shop(), "myenv/pyvenv.cfg": "", "myenv/x/manage.py": "DJANGO_SETTINGS_MODULE"})
    assert done.said.project == "."


def test_settings_that_import_each_other_end(tmp_path: Path) -> None:
    files = shop("from .other import *\nfrom .settings import *\n")
    files["shop/other.py"] = 'from .settings import *\nX = env("FROM_OTHER")\n'
    assert "FROM_OTHER" in init(tmp_path, files).text


def test_names_that_yaml_or_a_person_could_take_for_more_stay_text(tmp_path: Path) -> None:
    lines = "q: python 'a\tb' \"# no comment\" 'x: y' yes 010 --flag={a} '*star' \xe9\n"
    done = init(tmp_path, {**shop(), "Procfile": lines})
    command = done.env.application.workers["q"].command
    assert command == ("python", "a b", "# no comment", "x: y", "yes", "010", "--flag={a}", "*star", "\xe9")
