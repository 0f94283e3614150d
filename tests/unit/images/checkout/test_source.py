"""What a checkout is called: its commit, with what is not committed, and without git."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from opsctl.config.application import Application
from opsctl.images.checkout.git import ForeignCheckoutError
from opsctl.images.checkout.project import Project
from opsctl.images.checkout.source import SourceVersion, tagged_commit
from tests.unit.images.checkout.checkouts import git


def source_version(root: Path) -> SourceVersion:
    """The version of an application in service/ that ships data/ as well."""
    application = Application.model_validate({"path": "service", "include": ("../data",)})
    return Project(root, application).version


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


def test_a_default_tag_names_its_commit() -> None:
    commit = "0123456789" * 4
    assert [tagged_commit(tag) for tag in (commit, f"{commit}-dirty-01234567")] == [commit, commit]
    assert [tagged_commit(tag) for tag in ("v1.2", commit[:12], f"content-{commit}")] == ["", "", ""]
