"""A checkout that brings opsctl's state as a symbolic link: nothing is written or deleted where that leads."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.functional.cli import ROOT, opsctl


@pytest.mark.parametrize("link", [".opsctl", ".opsctl/local", ".opsctl/images"])
@pytest.mark.parametrize(
    "command",
    [("local", "reset", "--yes"), ("local", "status"), ("local", "env"), ("deploy", "--env", "local", "--yes"),
     ("image", "build", "--env", "local")],
    ids=" ".join,
)  # fmt: skip
def test_it_is_refused_by_each_command(tmp_path: Path, link: str, command: tuple[str, ...]) -> None:
    home, checkout = tmp_path / "home", tmp_path / "checkout"
    (home / "local").mkdir(parents=True)
    (home / "local" / "thesis").write_text("the only copy")
    home.chmod(0o755)
    checkout.mkdir()
    shutil.copyfile(ROOT / "environments.yaml", checkout / "environments.yaml")
    (checkout / link).parent.mkdir(exist_ok=True)
    (checkout / link).symlink_to(home, target_is_directory=True)
    ran = opsctl(*command, cwd=checkout)
    assert ran.code == 1
    # What a shell evaluates leads nowhere, and fails.
    assert ran.out.splitlines()[-1:] == (["false"] if command == ("local", "env") else [])
    assert f"{link} is a symbolic link" in ran.err
    assert [path.name for path in home.rglob("*")] == ["local", "thesis"]
    assert home.stat().st_mode & 0o777 == 0o755
