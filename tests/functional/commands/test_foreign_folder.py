"""A project whose state is another user's, as after `sudo opsctl`, or on a file system that refuses it: every command
says so.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from opsctl.local.state import StateDir
from tests.functional.cli import ROOT, Ran

NOBODY = 65_534
# root reads and writes everything by two capabilities: without them it is a user like others, here and in CI.
WITHOUT_POWER = ("setpriv", "--inh-caps=-all", "--bounding-set=-dac_override,-dac_read_search")
ENVIRONMENTS = """\
environments:
  local:
    target: local
    service: salaries
    client: acme
    rds: {auth: trust}
    ecs: {build_on_deploy: true, repository_name: salaries, manage_repository: true, dataset_schedule: null}
    observability: {alert_email: oncall@example.com, alb_access_logs: {enabled: false}}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "environments.yaml").write_text(ENVIRONMENTS, encoding="utf-8")
    return tmp_path


def give_away(folder: Path) -> str:
    """Make it another user's; where only root could, make it read-only. Returns what the hint says of it."""
    if os.geteuid() == 0:
        os.chown(folder, NOBODY, NOBODY)
        folder.chmod(0o700 if folder.name == "local" else 0o755)
        return f"{folder} belongs to "
    folder.chmod(0o500)
    return "Its mode is dr-x------"


def opsctl(project: Path, *arguments: str) -> Ran:
    power = WITHOUT_POWER if os.geteuid() == 0 else ()
    done = subprocess.run(
        [*power, sys.executable, "-m", "opsctl", *arguments],
        cwd=project, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, encoding="utf-8", check=False,
    )  # fmt: skip
    return Ran(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("command", [("diff",), ("deploy", "--yes"), ("deploy", "--json"), ("outputs",)], ids=" ".join)
def test_a_state_folder_of_another_user_is_named_with_its_owner(command: tuple[str, ...], project: Path) -> None:
    state = project / ".opsctl"
    state.mkdir()
    says = give_away(state)
    ran = opsctl(project, *command, "--env", "local")
    assert ran.code == 1
    error, hint = [line for line in ran.err.splitlines() if line.startswith(("Error: ", "Next: "))]
    assert error == f"Error: opsctl can't use {state}/local: Permission denied."
    assert says in hint


@pytest.mark.parametrize("command", [("status",), ("stop",), ("reset", "--yes"), ("logs", "emulator")], ids=" ".join)
def test_the_local_targets_own_commands_name_it_too(command: tuple[str, ...], project: Path) -> None:
    state = project / ".opsctl" / "local"
    (state / "logs").mkdir(parents=True)
    (state / "logs" / "emulator.log").touch(mode=0)
    (state / "ports.json").touch(mode=0)
    (state / "lock").touch(mode=0)
    if os.geteuid() == 0:
        for path in (*state.rglob("*"), state):
            os.chown(path, NOBODY, NOBODY)
        state.chmod(0o700)
    ran = opsctl(project, "local", *command)
    assert (ran.code, "bug of its own" in ran.err) == (1, False)
    assert f"Error: opsctl can't use {state}/" in ran.err
    assert "Permission denied." in ran.err


def test_a_file_in_the_folders_place_is_named(project: Path) -> None:
    (project / ".opsctl").touch()
    ran = opsctl(project, "diff", "--env", "local")
    assert ran.code == 1
    assert f"Error: opsctl can't use {project}/.opsctl/local: Not a directory." in ran.err


MOUNTS = {
    "ro": "The file system there is read-only: mount it for writing",
    "noexec,size=1g": "Work in a copy elsewhere, or mount it with exec",
    "size=64k": "Make room there (`df -h` shows where)",
}


@pytest.mark.parametrize("options", MOUNTS)
def test_a_file_system_that_refuses_is_told_with_what_to_do(options: str, project: Path) -> None:
    state = project / ".opsctl"
    state.mkdir()
    # In a mount namespace of its own, which ends with the command.
    mounted = ("unshare", "--mount", "sh", "-c", f'mount -t tmpfs -o {options} none "$0" && exec "$@"', str(state))
    if subprocess.run([*mounted, "true"], capture_output=True, check=False).returncode:
        pytest.skip("nothing can be mounted here")
    for command in ("deploy --yes", "deploy --yes --json"):
        done = subprocess.run(
            [*mounted, sys.executable, "-m", "opsctl", *command.split(), "--env", "local"],
            cwd=project, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 1
        assert MOUNTS[options] in done.stdout + done.stderr
        assert str(state / "local") in done.stdout + done.stderr
        assert "Traceback" not in done.stderr


def test_a_command_that_only_reads_knows_a_read_only_file_system_from_a_foreign_folder(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    there = StateDir(project / ".opsctl")
    with pytest.raises(PermissionError):
        there.refuse_foreign()
    monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_flag=os.ST_RDONLY))
    with pytest.raises(OSError, match="Read-only file system"):
        there.refuse_foreign()
