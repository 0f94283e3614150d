"""What a checkout is called: its commit, with what is not committed, and without git."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from opsctl.config.application import Application
from opsctl.images.checkout.git import ForeignCheckoutError
from opsctl.images.checkout.project import Project
from opsctl.images.checkout.source import (
    SourceVersion,
    content_digest,
    migration_ids,
    source_files,
    tagged_commit,
)
from opsctl.migrations.verdict import in_the_way
from opsctl.paths import portable


def source_version(root: Path) -> SourceVersion:
    """The version of an application in service/ that ships data/ as well."""
    application = Application.model_validate({"path": "service", "include": ("../data",)})
    return Project(root, application).version


def digest_of(folder: Path) -> str:
    return content_digest((path.relative_to(folder).as_posix(), path) for path in source_files(folder))


@pytest.fixture(autouse=True)
def _plain_git(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No settings of this machine, and no repository above the test's folder."""
    for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"):
        monkeypatch.setenv(name, os.devnull)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A service and its data, without git."""
    root = tmp_path / "project"
    (root / "service" / "salaries" / "migrations").mkdir(parents=True)
    (root / "data").mkdir()
    (root / "service" / "manage.py").write_text("print()\n")
    (root / "service" / "salaries" / "migrations" / "0001_initial.py").write_text("one\n")
    (root / "data" / "sample.csv").write_text("a,b\n")
    return root


def git(root: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=Ann", "-c", "user.email=ann@example.com", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", "-C", str(root), *identity, *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def checkout(tree: Path) -> Path:
    """The same tree, committed."""
    git(tree, "init", "--quiet")
    git(tree, "add", ".")
    git(tree, "commit", "--quiet", "--message", "one")
    return tree


def test_a_clean_checkout_is_called_by_its_commit(checkout: Path) -> None:
    version = source_version(checkout)
    assert version.tag == version.commit == git(checkout, "rev-parse", "HEAD")
    assert not version.dirty


@pytest.mark.parametrize("name", ["service/manage.py", "service/new.py", "data/sample.csv"])
def test_changed_and_new_files_make_it_dirty_with_eight_digits_of_the_content(checkout: Path, name: str) -> None:
    (checkout / name).write_text("changed\n")
    version = source_version(checkout)
    assert version.dirty
    assert version.tag == f"{version.commit}-dirty-{version.content[:8]}"
    assert re.fullmatch(r"[0-9a-f]{40}-dirty-[0-9a-f]{8}", version.tag)


def test_a_deleted_file_makes_it_dirty(checkout: Path) -> None:
    (checkout / "data" / "sample.csv").unlink()
    assert source_version(checkout).dirty


def test_two_different_changes_get_two_tags_and_the_same_change_the_same(checkout: Path) -> None:
    tags = []
    for text in ("one\n", "two\n", "one\n"):
        (checkout / "service" / "manage.py").write_text(text)
        tags.append(source_version(checkout).tag)
    assert tags[0] == tags[2] != tags[1]


def test_what_the_image_does_not_hold_leaves_it_clean(checkout: Path) -> None:
    (checkout / "README.md").write_text("words\n")
    assert not source_version(checkout).dirty


def test_ignored_files_are_no_content(checkout: Path) -> None:
    (checkout / ".gitignore").write_text("*.log\n")
    before = source_version(checkout).content
    (checkout / "service" / "debug.log").write_text("x")
    version = source_version(checkout)
    assert (version.dirty, version.content) == (False, before)


def test_without_git_the_content_gives_the_name(tree: Path) -> None:
    version = source_version(tree)
    assert (version.commit, version.dirty) == ("", False)
    assert version.tag == f"content-{version.content[:12]}"


def test_without_a_git_program_too(checkout: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    assert source_version(checkout).tag.startswith("content-")


def test_a_repository_without_a_commit_is_like_none(tree: Path) -> None:
    git(tree, "init", "--quiet")
    assert source_version(tree).commit == ""


def test_tags_are_what_a_registry_takes() -> None:
    tags = [SourceVersion("a" * 40, True, "b" * 64).tag, SourceVersion("", False, "b" * 64).tag]
    assert all(re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", tag) for tag in tags)


# -- what git would hide -----------------------------------------------------------------------------------------------


def test_new_files_count_although_the_repository_says_not_to_show_them(checkout: Path) -> None:
    git(checkout, "config", "status.showUntrackedFiles", "no")
    (checkout / "service" / "new.py").write_text("new\n")
    assert source_version(checkout).dirty


@pytest.mark.parametrize("bit", ["--assume-unchanged", "--skip-worktree"])
@pytest.mark.parametrize("change", ["written", "removed"])
def test_changed_files_count_although_git_was_told_not_to_look(checkout: Path, bit: str, change: str) -> None:
    git(checkout, "update-index", bit, "service/manage.py")
    assert not source_version(checkout).dirty
    path = checkout / "service" / "manage.py"
    path.write_text("print('secret change')\n") if change == "written" else path.unlink()
    assert git(checkout, "status", "--porcelain") == ""
    version = source_version(checkout)
    assert version.dirty
    assert version.tag.startswith(f"{version.commit}-dirty-")


def test_a_link_that_git_was_told_not_to_look_at_counts_by_where_it_leads(checkout: Path) -> None:
    link = checkout / "service" / "link"
    link.symlink_to("manage.py")
    git(checkout, "add", "service/link")
    git(checkout, "-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "--quiet", "--message=link")
    git(checkout, "update-index", "--assume-unchanged", "service/link")
    assert not source_version(checkout).dirty
    link.unlink()
    link.symlink_to("../elsewhere")
    assert source_version(checkout).dirty


def test_a_file_that_git_was_told_not_to_look_at_and_that_is_as_committed_changes_nothing_in_a_subfolder(
    checkout: Path, tmp_path: Path
) -> None:
    top = tmp_path / "top"
    for name in ("service", "data"):
        (top / "project" / name).mkdir(parents=True)
    (top / "project" / "service" / "a.py").write_text("1\n")
    git(top, "init", "--quiet")
    git(top, "add", "--all")
    git(top, "-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "--quiet", "--message=a")
    git(top, "update-index", "--assume-unchanged", "project/service/a.py")
    assert not source_version(top / "project").dirty
    (top / "project" / "service" / "a.py").write_text("2\n")
    assert source_version(top / "project").dirty


def test_an_executable_bit_counts_although_git_was_told_to_overlook_it(checkout: Path) -> None:
    git(checkout, "config", "core.fileMode", "false")
    (checkout / "service" / "manage.py").chmod(0o755)
    assert source_version(checkout).dirty


def test_where_git_can_not_tell_the_commit_alone_is_not_the_tag(checkout: Path) -> None:
    (checkout / ".git" / "index").write_bytes(b"broken")
    assert source_version(checkout).dirty


@pytest.mark.parametrize("name", ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"])
def test_another_repository_in_the_surroundings_is_not_the_one_that_is_asked(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """As inside a git hook, or a script that works on another repository."""
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "--quiet")
    (other / "x").write_text("x")
    git(other, "add", ".")
    git(other, "commit", "--quiet", "--message", "other")
    expected = git(checkout, "rev-parse", "HEAD")
    values = {"GIT_DIR": other / ".git", "GIT_WORK_TREE": other, "GIT_INDEX_FILE": other / ".git" / "index"}
    monkeypatch.setenv(name, str(values[name]))
    version = source_version(checkout)
    assert (version.commit, version.dirty) == (expected, False)


def test_looking_runs_no_program_that_the_repository_names(checkout: Path, tmp_path: Path) -> None:
    witness = tmp_path / "ran"
    hook = tmp_path / "monitor"
    hook.write_text(f"#!/bin/sh\ntouch {witness}\n")
    hook.chmod(0o755)
    git(checkout, "config", "core.fsmonitor", str(hook))
    assert not source_version(checkout).dirty
    assert not witness.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_another_users_checkout_is_told_with_the_way_to_trust_it(checkout: Path) -> None:
    for path in [checkout, *checkout.rglob("*")]:
        os.chown(path, 12345, 12345, follow_symlinks=False)
    with pytest.raises(ForeignCheckoutError, match="belongs to another user") as caught:
        source_version(checkout)
    assert f"safe.directory {checkout}" in caught.value.hint


# -- content -----------------------------------------------------------------------------------------------------------


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


def test_a_default_tag_names_its_commit() -> None:
    commit = "0123456789" * 4
    assert [tagged_commit(tag) for tag in (commit, f"{commit}-dirty-01234567")] == [commit, commit]
    assert [tagged_commit(tag) for tag in ("v1.2", commit[:12], f"content-{commit}")] == ["", "", ""]
