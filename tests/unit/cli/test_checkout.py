"""What is said of a checkout before an image is made of it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from opsctl.cli import app
from opsctl.cli.checkout import database_notes, untracked_notes
from opsctl.config.application import Application
from opsctl.images.checkout.project import Project
from tests.unit.project.trees import ENVIRONMENT_SETTINGS, write

SQLITE = """\
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3"}}
"""


def project(root: Path, text: str, **block: object) -> Project:
    """A project whose settings say so; a second module beside them is for production."""
    files = {"manage.py": "", "shop/local.py": text, "shop/production.py": ENVIRONMENT_SETTINGS}
    return Project(write(root, files), Application.model_validate({"settings": "shop.local", **block}))


def test_data_in_sqlite_is_said_to_go(tmp_path: Path) -> None:
    (said,) = database_notes(project(tmp_path, SQLITE))
    assert said.startswith(
        "The project keeps its data in SQLite (shop/local.py:1), in a file that the next deploy throws away. "
    )


@pytest.mark.parametrize(
    ("text", "block"),
    [(ENVIRONMENT_SETTINGS, {}), (SQLITE, {"settings": "shop.production"}), (SQLITE, {"image": "shop:1"})],
)
def test_nothing_is_said_of_a_database_that_stays_or_is_not_known(
    tmp_path: Path, text: str, block: dict[str, object]
) -> None:
    assert database_notes(project(tmp_path, text, **block)) == []


def test_files_that_git_does_not_track_are_named_up_to_five(tmp_path: Path) -> None:
    made = project(tmp_path, ENVIRONMENT_SETTINGS)
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    subprocess.run(["git", "-C", str(tmp_path), "add", "."], check=True)
    write(tmp_path, {f"polls/{number}.py": "" for number in range(7)} | {".gitignore": ".opsctl/\n"})
    assert untracked_notes(Project(tmp_path, made.application)) == [
        "Not in the image, since git tracks none of them: polls/0.py, polls/1.py, polls/2.py, polls/3.py, polls/4.py "
        "and 2 more. `git add` includes what belongs to the application."
    ]


def test_diff_names_what_stays_behind_as_a_deploy_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "environments.yaml").write_text(
        "environments:\n  local:\n    target: local\n    service: shop\n    client: acme\n"
        "    ecs: {repository_name: shop-local, manage_repository: true}\n"
    )
    (tmp_path / "manage.py").touch()
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    subprocess.run(["git", "add", "manage.py"], cwd=tmp_path, check=True)
    (tmp_path / "views.py").touch()
    monkeypatch.chdir(tmp_path)
    app.run(["diff", "--env", "local"])  # which can't plan, as nothing runs
    assert "views.py" in capsys.readouterr().err.partition("`git add` includes")[0]
