"""opsctl's wheel with `[local]`, then `django-admin startproject`, in folders that know nothing of this checkout."""

from __future__ import annotations

import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.functional.cli import Ran
from tests.functional.wheels import install_wheel, run_program

from .strangers import Stranger, create_superuser, reads_the_environment, startproject

# What needs no emulator is tested beside it, in functional/test_packaging.py, in every run.
pytestmark = [pytest.mark.emulator, pytest.mark.postgres, pytest.mark.soak]


@dataclass(frozen=True)
class Newcomer(Stranger):
    """Someone who installed opsctl's wheel."""

    program: Path

    def opsctl(self, *arguments: str, timeout: float = 300, stdin: str = "", env: dict[str, str] | None = None) -> Ran:
        """Run what was installed."""
        given = {"CI": "", **(env or {})}
        return run_program(self.program, *arguments, cwd=self.root, env=given, stdin=stdin, timeout=timeout)


def test_from_nothing_to_a_site_that_answers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    started = time.monotonic()
    program = install_wheel(tmp_path, "[local]")
    installed = time.monotonic()
    made = reads_the_environment(startproject(tmp_path / "shop"))
    shutil.rmtree(made.root / ".git")  # people try first, and make a repository later
    shop = Newcomer(made.root, program)
    first = time.monotonic()
    try:
        assert shop.opsctl("init", "--json").json["missing"] == []
        shop.deploy()
        browser = shop.browser
        assert browser.get("/admin/login/")[0] == 200
        with capsys.disabled():
            sys.stdout.write(
                f"\nopsctl installed in {installed - started:.1f} s; from `opsctl init` to an answer: "
                f"{time.monotonic() - first:.1f} s\n"
            )
        assert browser.get("/static/admin/css/base.css")[0] == 200
        create_superuser(shop, "ann", "a-long-password")
        assert "Products" in browser.log_in("/admin/login/?next=/admin/", "ann", "a-long-password")
        assert shop.deploy().json["changed"] is False
    finally:
        assert shop.opsctl("local", "reset", "--yes").code == 0
