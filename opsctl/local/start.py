"""Start the emulator as a daemon of its own. Used by `target` only when something has to be started."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import opsctl
from opsctl import private
from opsctl.local import keys, ports
from opsctl.local.postgres.files import REQUIRED_LOGIN
from opsctl.local.procs import MARKER, ProcessId
from opsctl.local.state import StateDir, read_json, write_json
from opsctl.local.version import code_version

if TYPE_CHECKING:
    from opsctl.local.settings import LocalSettings
    from opsctl.local.tasks.container_engine import ContainerEngine

_LOG_LIMIT = 5_000_000  # bytes; a longer log of an earlier run is dropped at the next start
# Held so that no finalizer complains about a child that is meant to outlive us.
_CHILDREN: list[subprocess.Popen[bytes]] = []
_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "VIRTUAL_ENV")


def spawn_emulator(state: StateDir, settings: LocalSettings, engine: ContainerEngine | None) -> None:
    """Start the emulator's process in a session of its own and record it; call this under the target's lock."""
    state.tighten()
    keys.ensure(state)
    kept = read_json(state.ports)
    emulator = ports.choose(kept.get("emulator"))
    postgres = ports.choose(kept.get("postgres"), taken=(emulator,))
    write_json(state.ports, {"emulator": emulator, "postgres": postgres})
    command = [
        sys.executable, "-m", "opsctl.local.emulator.process",
        "--state", str(state.path), "--port", str(emulator), "--postgres-port", str(postgres),
        "--region", settings.region, "--account", settings.account_id, "--lifetime", str(settings.lifetime_seconds),
    ]  # fmt: skip
    state.refusal.unlink(missing_ok=True)
    log = state.logs / "emulator.log"
    with private.open_file(log, "a" if log.exists() and log.stat().st_size < _LOG_LIMIT else "w") as output:
        # NOTE: the child is recorded here, not by itself, so that a second starter can't miss it while it loads.
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd="/",
            env={**(engine.environment if engine else {}), **_environment(state)},
            start_new_session=True,
        )  # fmt: skip
    _CHILDREN.append(child)
    process = _identify(child.pid)
    if process:
        process.save(state.emulator, version=code_version())


def _identify(pid: int) -> ProcessId | None:
    for _ in range(20):
        process = ProcessId.of(pid)
        if process:
            return process
        time.sleep(0.01)
    return None


def _environment(state: StateDir) -> dict[str, str]:
    """A small environment: no credentials, no AWS settings and no Python switches of the caller get in."""
    package_parent = str(Path(opsctl.__file__).resolve().parent.parent)
    return {
        **{name: os.environ[name] for name in _KEPT if name in os.environ},
        "PYTHONPATH": package_parent,
        "PYTHONUNBUFFERED": "1",
        # Whatever the locale: its state, its log and what functions print are UTF-8.
        "PYTHONUTF8": "1",
        # HOME leads to a person's ~/.aws, which functions would read.
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        **REQUIRED_LOGIN,  # functions inherit it
        "TMPDIR": str(state.temporary),
        MARKER: str(state.path),
    }
