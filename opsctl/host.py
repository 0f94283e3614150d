"""This machine and its processes, told apart from others that share a name or a number. Standard library only."""

from __future__ import annotations

import hashlib
import os
import shlex
import socket
import sys
from contextlib import suppress
from pathlib import Path

# Asked at run time: type checkers take a comparison with sys.platform for a fact about this machine.
_LINUX = Path("/proc/self/stat").exists()


def identity() -> str:
    """Names this machine since it was started, seen from where this process sees other processes; "" when unknown.

    Machine and boot are not enough: containers share both with their host, and numbers of processes with nobody.
    """
    if _LINUX:
        parts = [_text("/etc/machine-id"), _text("/proc/sys/kernel/random/boot_id"), _namespace()]
        known = bool(parts[1] and parts[2])
    else:
        parts = _output("sysctl", "-n", "kern.uuid", "kern.bootsessionuuid").split()
        known = len(parts) == 2
    return hashlib.sha256("\n".join((*parts, socket.gethostname())).encode()).hexdigest()[:20] if known else ""


def install_local() -> str:
    """The command that adds the local target to this Python; another one's pip does not know this opsctl, and would
    fetch what somebody else calls so.
    """
    return f"{shlex.quote(sys.executable)} -m pip install 'opsctl[local]'"


def start_time(pid: int) -> str:
    """Start time as text that is equal only for the same process; empty when it doesn't run, or is a zombie."""
    return _seen(pid) or ""


def is_gone(pid: int, started: str) -> bool:
    """Whether the process that had this number and start time has certainly ended."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return True
    except OSError:
        pass  # it runs, as another user
    now = _seen(pid)
    return now is not None and now != started  # None: /proc may hide other users' processes


def _seen(pid: int) -> str | None:
    """The start time; "" of a zombie, None where nothing can be seen."""
    if not _LINUX:
        status, _, started = _output("ps", "-o", "stat=,lstart=", "-p", str(pid)).strip().partition(" ")
        return None if not status else "" if status.startswith("Z") else started.strip()
    try:
        # The name (field 2) may hold spaces and brackets; what follows its last ")" is regular.
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return "" if fields[0] in ("Z", "X") else fields[19]


def _text(path: str) -> str:
    with suppress(OSError, UnicodeError):
        return Path(path).read_text(encoding="ascii").strip()
    return ""


def _namespace() -> str:
    with suppress(OSError):
        return str(Path("/proc/self/ns/pid").stat().st_ino)
    return ""


def _output(*command: str) -> str:
    import subprocess  # the local target asks on its fast path, and on Linux needs none

    with suppress(OSError, subprocess.SubprocessError):
        return subprocess.run(
            command, capture_output=True, text=True, encoding="utf-8", errors="replace", check=True, timeout=10
        ).stdout
    return ""
