"""Checkouts as git has them, whatever this machine's own settings say."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.unit.images.checkout.checkouts import git


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


@pytest.fixture
def checkout(tree: Path) -> Path:
    """The same tree, committed."""
    git(tree, "init", "--quiet")
    git(tree, "add", ".")
    git(tree, "commit", "--quiet", "--message", "one")
    return tree
