"""What lies in the layer, the variable that switches it on, and a copy of it on this machine."""

from __future__ import annotations

import ast
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from opsctl.layer import contents

OWN = {
    "alone", "opsctl_admission", "opsctl_answers", "opsctl_applications", "opsctl_clients", "opsctl_elsewhere",
    "opsctl_errors", "opsctl_gunicorn", "opsctl_hook", "opsctl_requests", "opsctl_static", "opsctl_urls",
}  # fmt: skip
SOURCES = sorted((Path(contents.__file__).parent / "files").rglob("*.py"))


def test_it_has_hook_start_program_and_whitenoise_with_its_licence(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_bytes(b"certificates")
    found = contents.files(tmp_path / "ca.pem")
    assert list(found) == sorted(found)
    assert {
        "opt/opsctl/hook/sitecustomize.py", "opt/opsctl/hook/opsctl_hook.py", "opt/opsctl/start.py",
        "opt/opsctl/lib/whitenoise/__init__.py",
        "opt/opsctl/lib/whitenoise/base.py", "opt/opsctl/lib/whitenoise/LICENSE",
    } <= set(found)  # fmt: skip
    assert found["opt/opsctl/rds.pem"] == b"certificates"
    assert b"Permission is hereby granted" in found["opt/opsctl/lib/whitenoise/LICENSE"]
    assert all(name.endswith((".py", ".pem", "/LICENSE")) for name in found)
    assert not any("__pycache__" in name for name in found)


def test_without_certificates_there_are_none_and_it_is_the_same_every_time() -> None:
    found = contents.files(None)
    assert "opt/opsctl/rds.pem" not in found
    assert list(found.items()) == list(contents.files(None).items())


@pytest.mark.parametrize(("before", "after"), [
    ({}, "/opt/opsctl/hook"),
    ({"PYTHONPATH": ""}, "/opt/opsctl/hook"),
    ({"PYTHONPATH": "/app:/lib"}, "/opt/opsctl/hook:/app:/lib"),
    ({"PYTHONPATH": "/app:"}, "/opt/opsctl/hook:/app:"),
    ({"PYTHONPATH": "/app:/opt/opsctl/hook"}, "/opt/opsctl/hook:/app"),
])  # fmt: skip
def test_the_hook_comes_first_and_once(before: dict[str, str], after: str) -> None:
    assert contents.environment({"PATH": "/bin", **before}) == {"PYTHONPATH": after}


def test_the_hook_of_an_unpacked_layer(tmp_path: Path) -> None:
    folder = contents.unpack(tmp_path, None)
    assert contents.environment({}, folder) == {"PYTHONPATH": str(folder / "hook")}
    assert (folder / "hook" / "sitecustomize.py").is_file()


def test_unpacking_gives_the_tree_of_the_image(tmp_path: Path) -> None:
    folder = contents.unpack(tmp_path / "new", None)
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert {f"opt/opsctl/{name}": data for name, data in found.items()} == contents.files(None)


def test_many_may_unpack_at_once_and_nothing_is_written_twice(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        folders = set(pool.map(lambda _: contents.unpack(tmp_path, None), range(16)))
    assert len(folders) == 1
    assert list(tmp_path.iterdir()) == list(folders)
    before = (folder := folders.pop()).stat().st_mtime_ns
    assert contents.unpack(tmp_path, None).stat().st_mtime_ns == before
    assert folder.stat().st_mode & 0o777 == 0o755


def test_one_who_comes_second_takes_what_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make = tempfile.mkdtemp

    def slowly(**where: str) -> str:
        monkeypatch.setattr(tempfile, "mkdtemp", make)
        contents.unpack(tmp_path, None)
        return make(**where)

    monkeypatch.setattr(tempfile, "mkdtemp", slowly)
    folder = contents.unpack(tmp_path, None)
    assert list(tmp_path.iterdir()) == [folder]


def test_another_content_is_another_folder(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_bytes(b"certificates")
    assert contents.unpack(tmp_path, None) != contents.unpack(tmp_path, tmp_path / "ca.pem")


def test_a_folder_that_cannot_be_written_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    target = contents.unpack(tmp_path / "a", None)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / target.name).touch()
    with pytest.raises(OSError, match="Not a directory"):
        contents.unpack(tmp_path / "b", None)
    assert [each.name for each in (tmp_path / "b").iterdir()] == [target.name]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_the_files_are_python_3_8_and_import_the_standard_library_alone(path: Path) -> None:
    tree = ast.parse(path.read_text(), feature_version=(3, 8))
    names = set[str]()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    allowed = sys.stdlib_module_names | OWN | {"django", "gunicorn", "whitenoise"}
    assert {name.partition(".")[0] for name in names} <= allowed
