"""Run a command as a well-behaved child of the emulator: `launcher.py [options] -- COMMAND...`.

It replaces itself with the command, so the pid stays. Two things have to happen in the child between fork and exec,
and Python code must not run there in a process with threads: hence this program in between.

- `--parent PID --parent-death SIGNAL`: the kernel signals the command when the emulator dies, however it dies (Linux).
  NOTE: the kernel means the *thread* that forked, so the emulator starts children from one thread that never ends.
- `--unprivileged`: PostgreSQL refuses to run as root. As root, a user namespace maps us to `nobody` inside while files
  still belong to root outside, so no OS user is made and no directory has to be opened to another user. Where
  namespaces are forbidden the command runs as `nobody`, and the directory has to be reachable for it.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import pwd
import stat
import sys
from pathlib import Path
from typing import NoReturn

_PR_SET_PDEATHSIG = 1
_CLONE_NEWUSER = 0x10000000
_UNPRIVILEGED_USER = "nobody"


def main(arguments: list[str]) -> NoReturn:
    parser = argparse.ArgumentParser(prog="opsctl.local.tasks.launcher")
    parser.add_argument("--parent", type=int, default=0)
    parser.add_argument("--parent-death", type=int, default=0)
    parser.add_argument("--unprivileged", action="store_true")
    parser.add_argument("--own", type=Path, action="append", default=[], help="what the unprivileged user must own")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args(arguments)
    command = options.command[1:] if options.command[:1] == ["--"] else options.command
    if options.unprivileged and os.geteuid() == 0:
        _drop_root(options.own)
    if options.parent_death:
        _die_with(options.parent, options.parent_death)
    try:
        os.execvp(command[0], command)  # noqa: S606  the command comes from the emulator, not from a shell
    except OSError as error:
        # 127 and this wording are what container runtimes answer for a missing command.
        sys.stderr.write(f"cannot run {command[0]}: {error.strerror}\n")
        sys.exit(127)


def _die_with(parent: int, number: int) -> None:
    """Ask for `number` when the parent dies; end here if it is gone already."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)
    if parent and os.getppid() != parent:
        sys.exit(1)


def _drop_root(own: list[Path]) -> None:
    user = pwd.getpwnam(_UNPRIVILEGED_USER)
    if enter_user_namespace(user):
        return
    for each in own:
        # The state directory and .opsctl are closed to others; their owner's command only has to get through them.
        for folder in (each.parent, each.parent.parent):
            folder.chmod(folder.stat().st_mode | stat.S_IXOTH)
        for path in (each, *each.rglob("*")):
            os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)
    os.setgroups([])
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)


def enter_user_namespace(user: pwd.struct_passwd) -> bool:
    """Become `user` inside a new user namespace while staying root outside; False where that is forbidden."""
    if sys.platform != "linux" or ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWUSER) != 0:
        return False
    # A process may map its own id to any one inside id; groups need setgroups switched off first.
    Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
    Path("/proc/self/uid_map").write_text(f"{user.pw_uid} 0 1", encoding="ascii")
    Path("/proc/self/gid_map").write_text(f"{user.pw_gid} 0 1", encoding="ascii")
    return True


if __name__ == "__main__":
    main(sys.argv[1:])
