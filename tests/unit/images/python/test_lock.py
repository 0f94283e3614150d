"""opsctl.lock: when it is written, when it is taken as it is, and what is told of what can't be locked."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from opsctl.config.application import Application
from opsctl.config.pinned import UnpinnedError
from opsctl.images.checkout.project import Project
from opsctl.images.errors import BuildError
from opsctl.images.names import ImageName
from opsctl.images.python import lock
from opsctl.images.python.lock import LOCK_NAME, pin_base, read_lock
from opsctl.images.python.wheels import wanted_lines

HASHED = "django==5.2.1 \\\n    --hash=sha256:" + "a" * 64 + "\n    # via -r x.in\n"


class Uv:
    """Answers instead of uv, and counts."""

    def __init__(self) -> None:
        self.ran: list[list[str]] = []
        self.code, self.out, self.err = 0, HASHED, ""

    def __call__(self, arguments: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        self.ran.append(arguments)
        return subprocess.CompletedProcess(arguments, self.code, self.out, self.err)


@pytest.fixture
def uv(monkeypatch: pytest.MonkeyPatch) -> Uv:
    found = Uv()
    monkeypatch.setattr(lock, "run_uv", found)
    return found


def project(folder: Path, text: str = "django\n", **application: object) -> Project:
    (folder / "requirements.txt").write_text(text)
    return Project(folder, Application.model_validate(application))


def silent(_: str) -> None:
    return None


def test_requirements_with_hashes_are_a_lock_already(tmp_path: Path, uv: Uv) -> None:
    found = read_lock(project(tmp_path, f"# comment\n{HASHED}\n{HASHED}"), frozen=True, tell=silent)
    assert found.path.name == "requirements.txt"
    assert uv.ran == []
    assert not (tmp_path / LOCK_NAME).exists()


def test_what_has_none_is_resolved_once_and_again_when_it_changes(tmp_path: Path, uv: Uv) -> None:
    told: list[str] = []
    made = project(tmp_path)
    first = read_lock(made, frozen=False, tell=told.append)
    assert first.text.endswith(HASHED)
    read_lock(made, frozen=False, tell=told.append)
    assert (len(uv.ran), len(told)) == (1, 1)
    assert "commit it" in told[0]
    for change in ({"add": ("gunicorn",)}, {"python": "3.12"}, {"extras": ("s3",)}):
        read_lock(project(tmp_path, **change), frozen=False, tell=silent)
    assert len(uv.ran) == 4
    (tmp_path / "requirements.txt").write_text("-r more.txt\n")
    (tmp_path / "more.txt").write_text("django\n")
    read_lock(made, frozen=False, tell=silent)
    (tmp_path / "more.txt").write_text("django<6\n")
    read_lock(made, frozen=False, tell=silent)
    assert len(uv.ran) == 6


def test_extras_and_groups_are_asked_of_the_file_that_has_them(tmp_path: Path, uv: Uv) -> None:
    """uv's resolver refuses an extra of what was exported."""
    wanted: dict[str, Any] = {"extras": ("s3",), "groups": ("prod",)}
    (tmp_path / "uv.lock").touch()
    read_lock(project(tmp_path, requirements=("uv.lock",), **wanted), frozen=False, tell=silent)
    exported, resolved = uv.ran
    assert exported[-4:] == ["--group", "prod", "--extra", "s3"]
    assert not {"--group", "--extra"} & set(resolved)
    (tmp_path / "pyproject.toml").touch()
    read_lock(project(tmp_path, requirements=("pyproject.toml",), **wanted), frozen=False, tell=silent)
    assert {"--group", "prod", "--extra", "s3"} <= set(uv.ran[-1])


def test_locked_refuses_to_resolve(tmp_path: Path, uv: Uv) -> None:
    with pytest.raises(BuildError, match=r"is not there, and is not to be written \(--locked, --check, or CI set\)"):
        read_lock(project(tmp_path), frozen=True, tell=silent)
    read_lock(project(tmp_path), frozen=False, tell=silent)
    read_lock(project(tmp_path), frozen=True, tell=silent)
    with pytest.raises(BuildError, match="older than what it was made from") as caught:
        read_lock(project(tmp_path, "flask\n"), frozen=True, tell=silent)
    assert "opsctl image lock" in caught.value.hint


def test_a_package_without_wheels_is_named_with_the_way_out(tmp_path: Path, uv: Uv) -> None:
    uv.code, uv.err = 1, "  × No solution found\n  Because psycopg-c==3.3.4 has no usable wheels and you require it\n"
    with pytest.raises(BuildError, match="psycopg-c has no wheel for Python 3") as caught:
        read_lock(project(tmp_path), frozen=False, tell=silent)
    assert "psycopg[binary]" in caught.value.hint


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            "  × No solution found when resolving dependencies:\n  ╰─▶ Because there is no version of django==9 and\n"
            "      you require django==9, we can conclude that your requirements are\n      unsatisfiable.\n",
            "Because there is no version of django==9 and you require django==9, we can conclude that your "
            "requirements are unsatisfiable.",
        ),
        (
            "error: Couldn't parse requirement in `x` at position 0\n  cause: Expected one of `@`, `=`, found `n`\n"
            "         Dja ngo\n             ^\n",
            "Expected one of `@`, `=`, found `n` Dja ngo",
        ),
        ("error: Failed to fetch\n\nhint: An index can't be reached\n", "Failed to fetch"),
        ("", "uv gave no reason"),
    ],
)
def test_uvs_whole_reason_is_told_in_one_line(tmp_path: Path, uv: Uv, said: str, told: str) -> None:
    uv.code, uv.err = 2, said
    with pytest.raises(BuildError) as caught:
        read_lock(project(tmp_path), frozen=False, tell=silent)
    assert caught.value.message == f"The requirements can't be resolved: {told}"


def test_psycopg2_beside_its_binary_would_still_be_compiled(tmp_path: Path, uv: Uv) -> None:
    uv.code, uv.err = 1, "  Because psycopg2==2.9.10 has no usable wheels and you require it\n"
    with pytest.raises(BuildError) as caught:
        read_lock(project(tmp_path), frozen=False, tell=silent)
    assert caught.value.hint == "Require psycopg2-binary in its place."


def test_the_base_image_is_pinned_once(tmp_path: Path, uv: Uv) -> None:
    asked: list[str] = []

    def pin(name: str) -> ImageName:
        asked.append(name)
        return ImageName.parse(f"{name}@sha256:{'b' * 64}")

    made = project(tmp_path)
    read_lock(made, frozen=False, tell=silent)
    assert pin_base(made, pin, frozen=False, tell=silent).digest == "sha256:" + "b" * 64
    assert pin_base(made, pin, frozen=True, tell=silent).tag == "3.13-slim"
    assert asked == ["python:3.13-slim"]
    # Resolving again keeps the base, and pinning keeps what was resolved.
    assert read_lock(made, frozen=True, tell=silent).text.endswith(HASHED)
    read_lock(project(tmp_path, add=("gunicorn",)), frozen=False, tell=silent)
    assert pin_base(made, pin, frozen=True, tell=silent).digest == "sha256:" + "b" * 64
    with pytest.raises(BuildError, match=r"pins no base image for Python 3\.12"):
        pin_base(project(tmp_path, python="3.12"), pin, frozen=True, tell=silent)


def test_a_requirements_file_that_is_not_there_is_named(tmp_path: Path, uv: Uv) -> None:
    with pytest.raises(BuildError, match=r"prod\.txt is not there"):
        read_lock(project(tmp_path, requirements=("prod.txt",)), frozen=False, tell=silent)


def test_requirements_that_pipenv_has_are_told_with_its_export(tmp_path: Path, uv: Uv) -> None:
    (tmp_path / "Pipfile").write_text("")
    (tmp_path / "Pipfile.lock").write_text("{}")
    made = project(tmp_path, requirements=("requirements.txt",))
    (tmp_path / "requirements.txt").unlink()
    with pytest.raises(BuildError, match=r"requirements\.txt is not there") as caught:
        read_lock(made, frozen=False, tell=silent)
    assert caught.value.hint == (
        "Run `uvx pipenv requirements --hash > requirements.txt` in application.path, `.`, and commit requirements.txt."
    )


def test_lines_for_other_systems_are_left_out_of_an_image() -> None:
    text = (
        "a==1 ; sys_platform == 'win32' \\\n    --hash=sha256:1\n"
        "b==1 ; python_full_version < '3.12' \\\n    --hash=sha256:2\n"
        "c==1 ; platform_machine == 'aarch64' \\\n    --hash=sha256:3\n    # via x\n"
        "d==1 \\\n    --hash=sha256:4\n"
    )
    assert wanted_lines(text, "linux/amd64", "3.13") == "d==1 \\\n    --hash=sha256:4\n"
    arm = wanted_lines(text, "linux/arm64", "3.11")
    assert [line.split("==")[0] for line in arm.splitlines() if "==" in line] == ["b", "c", "d"]
    assert ";" not in arm


def test_where_the_lock_can_not_be_written_no_registry_is_asked(
    tmp_path: Path, uv: Uv, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(*_: object) -> Any:
        raise AssertionError("something was asked before")

    made = project(tmp_path)
    monkeypatch.setattr("os.access", lambda path, mode: False)
    with pytest.raises(PermissionError):
        pin_base(made, asked, frozen=False, tell=silent)
    with pytest.raises(PermissionError):
        read_lock(made, frozen=False, tell=silent)
    assert uv.ran == []


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_mark_at_the_beginning_hides_no_line(encoding: str, tmp_path: Path, uv: Uv) -> None:
    made = project(tmp_path)
    text = "kit @ git+https://git.example.org/kit@main\ndjango\n"
    (tmp_path / "requirements.txt").write_text(text, encoding=encoding)
    with pytest.raises(UnpinnedError, match="kit is required from Git at main"):
        read_lock(made, frozen=False, tell=silent)
