"""What of a project is its content: the files that are shipped, their digest, and its migrations."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from opsctl.config.application import Application
from opsctl.images.checkout.project import Project
from opsctl.images.checkout.source import content_digest, migration_ids, source_files
from opsctl.migrations.verdict import in_the_way
from opsctl.paths import portable
from tests.unit.images.checkout.checkouts import git


def digest_of(folder: Path) -> str:
    return content_digest((path.relative_to(folder).as_posix(), path) for path in source_files(folder))


def test_the_same_content_has_the_same_digest_anywhere_with_or_without_git(checkout: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy" / "service"
    for path in source_files(checkout / "service")[::-1]:
        target = copy / path.relative_to(checkout / "service")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
        os.utime(target, (1, 1))
    assert digest_of(copy) == digest_of(checkout / "service")


def test_names_bytes_and_the_executable_bit_all_count(tree: Path) -> None:
    folder = tree / "service"
    digests = [digest_of(folder)]
    (folder / "manage.py").chmod(0o755)
    digests.append(digest_of(folder))
    (folder / "manage.py").write_text("other\n")
    digests.append(digest_of(folder))
    (folder / "manage.py").rename(folder / "manager.py")
    digests.append(digest_of(folder))
    assert len(set(digests)) == 4


def test_caches_are_no_content(tree: Path) -> None:
    before = digest_of(tree / "service")
    (tree / "service" / "__pycache__").mkdir()
    (tree / "service" / "__pycache__" / "a.pyc").write_bytes(b"x")
    (tree / "service" / "local.sqlite3").write_bytes(b"x")
    assert digest_of(tree / "service") == before


@pytest.mark.parametrize("repository", ["none", "of which nothing is tracked"])
@pytest.mark.parametrize("name", ["env/lib/django/apps.py", ".venv/lib/django/apps.py", "web/node_modules/a/index.js"])
def test_packages_installed_beside_the_code_are_no_content(tree: Path, name: str, repository: str) -> None:
    if repository != "none":
        git(tree, "init", "--quiet")
    before = digest_of(tree / "service")
    path = tree / "service" / name
    path.parent.mkdir(parents=True)
    path.write_text("x\n")
    if "env" in name:
        (tree / "service" / name.partition("/")[0] / "pyvenv.cfg").write_text("home = /usr/bin\n")
    assert digest_of(tree / "service") == before


def test_files_of_a_virtual_environment_are_not_told_as_left_out(checkout: Path) -> None:
    made = checkout / "service" / "env"
    (made / "lib").mkdir(parents=True)
    (made / "pyvenv.cfg").write_text("home = /usr/bin\n")
    (made / "lib" / "apps.py").write_text("x\n")
    (checkout / "service" / "views.py").write_text("x\n")
    assert Project(checkout, Application.model_validate({"path": "service"})).untracked == ["views.py"]


@pytest.mark.parametrize(
    ("name", "tracked", "shipped"),
    [
        (".env", False, False),
        (".env.production", False, False),
        ("config/.env", False, False),
        ("db.sqlite3", False, False),
        (".env.example", False, False),
        ("environ.py", False, False),
        (".env", True, True),
        ("db.sqlite3", True, True),
    ],
)
def test_what_a_laptop_keeps_for_itself_is_shipped_only_when_git_tracks_it(
    checkout: Path, name: str, tracked: bool, shipped: bool
) -> None:
    path = checkout / "service" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("KEY=secret\n")
    if tracked:
        git(checkout, "add", "--force", str(path))
    assert (path in source_files(checkout / "service")) is shipped


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("requirements.txt", True), ("requirements/base.txt", True), ("deps/live.txt", True), ("uv.lock", True),
        ("pyproject.toml", True), ("Dockerfile", True), ("notes.txt", False), ("shop/requirements.html", False),
    ],
)  # fmt: skip
def test_other_packages_may_bring_migrations(name: str, changes: bool, tree: Path) -> None:
    """Then a deploy runs `migrate`, though the project has no migration that is new."""
    application = Application.model_validate({"path": "service", "requirements": "deps/live.txt"})
    file = tree / "service" / name
    file.parent.mkdir(exist_ok=True)
    file.write_text("django==5.1\n")
    before = Project(tree, application)
    known, noted = set(before.migrations.split()), before.verdicts
    file.write_text("django==5.2\n")
    after = Project(tree, application)
    assert (set(after.migrations.split()) != known) is changes
    assert {each.id for each in after.verdicts} == set(after.migrations.split())
    # And a rollback to before is not in doubt for it: packages are not looked at.
    assert in_the_way(after.verdicts, known, [each.name for each in noted]) == []
    added = application.model_copy(update={"add": ("gunicorn",)})
    assert set(Project(tree, added).migrations.split()) != set(after.migrations.split())


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        ("DATABASES = {'default': {'ENGINE': 'django.db.backends.postgresql'}}\nDEBUG = True\n", True),
        ("DATABASES = {'default': {'ENGINE': 'sqlite3'}}\nDATABASES['default']['NAME'] = 'x'\nDEBUG = True\n", True),
        ("DEBUG = False  # DATABASES\nDATABASES = {\n'default': {'ENGINE': 'sqlite3'}}\n", False),
    ],
)
def test_another_database_in_the_settings_has_its_migrations_before_it(tree: Path, text: str, changes: bool) -> None:
    """A project that began on SQLite migrated its file; the release before brought all migrations there are."""
    application = Application.model_validate({"path": "service"})
    settings = tree / "service" / "config" / "production.py"
    settings.parent.mkdir()
    settings.write_text("DATABASES = {'default': {'ENGINE': 'sqlite3'}}\nDEBUG = True\n")
    before = Project(tree, application)
    known, noted = set(before.migrations.split()), before.verdicts
    settings.write_text(text)
    after = Project(tree, application)
    assert (not set(after.migrations.split()) <= known) is changes
    assert in_the_way(after.verdicts, known, [each.name for each in noted]) == []


def test_a_new_file_is_not_shipped_before_git_tracks_it_and_is_named(checkout: Path) -> None:
    block = {"path": "service", "exclude": ("notes",), "include": ("built",)}
    (checkout / "service" / "built").mkdir()
    project = Project(checkout, Application.model_validate(block))
    before, applied = project.files, project.migrations
    for name in ("shop/models.py", "shop/migrations/0001_shop.py", "notes/today.txt", ".env", ".opsctl/state"):
        (checkout / "service" / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout / "service" / name).write_text("x = 1\n")
    project = Project(checkout, project.application)
    assert (project.files, project.migrations) == (before, applied)
    assert project.untracked == ["shop/migrations/0001_shop.py", "shop/models.py"]
    (checkout / "service" / "built" / "app.css").touch()
    assert project.untracked == ["shop/migrations/0001_shop.py", "shop/models.py"]
    (checkout / "service" / "built" / "app.css").unlink()
    git(checkout, "add", "--", "service/shop")
    project = Project(checkout, project.application)
    assert {name for name, _ in project.files} - {name for name, _ in before} == {
        "shop/migrations/0001_shop.py",
        "shop/models.py",
    }
    assert set(applied.split()) < set(project.migrations.split())
    assert project.untracked == []


def test_where_git_tracks_nothing_yet_everything_is_shipped(tree: Path) -> None:
    git(tree, "init", "--quiet")
    project = Project(tree, Application.model_validate({"path": "service"}))
    assert [name for name, _ in project.files] == ["manage.py", "salaries/migrations/0001_initial.py"]
    assert project.untracked == []


def test_a_dockerfile_gets_what_git_tracks_and_nothing_new(checkout: Path) -> None:
    (checkout / "service" / "new.py").write_text("new\n")
    project = Project(checkout, Application.model_validate({"path": "service", "dockerfile": "Dockerfile"}))
    assert "new.py" not in {name for name, _ in project.files}
    assert project.untracked == ["new.py"]


@pytest.mark.parametrize(
    ("block", "name"),
    [({}, "opsctl.lock"), ({"dockerfile": "docker/Dockerfile"}, "docker/Dockerfile")],
)
def test_what_decides_the_image_from_beside_the_folder_makes_the_tag_dirty(
    checkout: Path, block: dict[str, str], name: str
) -> None:
    application = Application.model_validate({"path": "service", **block})
    assert not Project(checkout, application).version.dirty
    tags = set()
    for text in ("one", "two"):
        (checkout / name).parent.mkdir(exist_ok=True)
        (checkout / name).write_text(text)
        tags.add(Project(checkout, application).version.tag)
    assert len(tags) == 2
    assert all("-dirty-" in tag for tag in tags)


@pytest.mark.parametrize("name", [".env", ".env.local", "config/.env"])
def test_without_git_secrets_in_a_dotenv_file_stay_here(tree: Path, name: str) -> None:
    path = tree / "service" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("KEY=secret\n")
    assert path not in source_files(tree / "service")


def test_a_folder_that_is_not_there_has_no_files(tmp_path: Path) -> None:
    assert source_files(tmp_path / "nothing") == []


def test_each_migration_has_an_id_of_its_own_that_its_content_decides(tree: Path) -> None:
    service, second = tree / "service", tree / "service" / "salaries" / "migrations" / "0002_more.py"

    def found() -> set[str]:
        return set(migration_ids((portable(path, service), path) for path in source_files(service)).split())

    before = found()
    (service / "manage.py").write_text("other\n")
    second.with_name("__init__.py").write_text("")
    assert found() == before
    second.write_text("two\n")
    more = found()
    assert before < more
    second.write_text("another two\n")
    assert found() & more == before
