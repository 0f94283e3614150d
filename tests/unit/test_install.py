"""How the project's locks are installed: what uv is told, and what happens where it fails."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from scripts import install


class Programs:
    """Stands in for those that would be run: keeps their commands, and what uv had in its environment."""

    def __init__(self, configuration: str = "", *, uv_fails: bool = False) -> None:
        self.ran: list[list[str]] = []
        self.told: dict[str, str] = {}
        self._configuration = configuration
        self._uv_fails = uv_fails

    def run(self, command: list[str], **options: object) -> subprocess.CompletedProcess[str]:
        """As subprocess.run with `check`."""
        if command[-2:] == ["config", "list"]:
            return subprocess.CompletedProcess(command, 0, self._configuration)
        self.ran.append(command)
        if Path(command[0]).name == "uv":
            environment = options["env"]
            assert isinstance(environment, dict)
            self.told = {name: environment[name] for name in install._TOLD.values() if name in environment}
            if self._uv_fails:
                raise subprocess.CalledProcessError(2, command)
        return subprocess.CompletedProcess(command, 0, "")


@pytest.fixture(autouse=True)
def _nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in install._TOLD.values():
        monkeypatch.delenv(name, raising=False)


def test_where_uv_fails_pip_installs_the_same_lock_and_it_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    programs = Programs(uv_fails=True)
    monkeypatch.setattr(subprocess, "run", programs.run)
    install.install(Path("locks/linter.txt"), "/there/bin/python", ("--compile-bytecode",))
    uv, pip = programs.ran
    assert uv[1:] == ["pip", "install", "--quiet", "--require-hashes", "--python", "/there/bin/python",
                      "-r", "locks/linter.txt", "--compile-bytecode"]  # fmt: skip
    assert pip == [sys.executable, "-m", "pip", "--quiet", "--python", "/there/bin/python",
                   "install", "--require-hashes", "-r", "locks/linter.txt"]  # fmt: skip
    assert "uv could not install linter.txt" in capsys.readouterr().err


def test_uv_is_told_what_pip_is_configured_with(monkeypatch: pytest.MonkeyPatch) -> None:
    """As `pip config list` prints it; a section of a command and a variable count more than the global one."""
    programs = Programs(
        ":env:.cert='/etc/ca.pem'\nglobal.cert='/other.pem'\nglobal.index-url='https://all.example/simple'\n"
        "global.timeout='60'\ninstall.index-url='https://installs.example/simple'\n"
    )
    monkeypatch.setattr(subprocess, "run", programs.run)
    install.install(Path("linter.txt"))
    assert programs.told == {"UV_DEFAULT_INDEX": "https://installs.example/simple", "SSL_CERT_FILE": "/etc/ca.pem"}


def test_without_uv_the_one_of_opsctls_lock_is_installed_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    programs = Programs()
    locks: list[str] = []

    def run(command: list[str], **options: object) -> subprocess.CompletedProcess[str]:
        if command[-1].startswith("/") and "pip" in command and command[0] == sys.executable:
            locks.append(Path(command[-1]).read_text())
        return programs.run(command, **options)

    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setattr(subprocess, "run", run)
    install.install(Path("linter.txt"))
    (lock,) = locks
    first, *others = lock.splitlines()
    assert first.startswith("uv==")
    assert len(others) > 1
    assert all(line.strip().startswith("--hash=sha256:") for line in others)
    assert [command[0] for command in programs.ran] == [sys.executable, str(tmp_path / "uv")]
