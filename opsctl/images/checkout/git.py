"""What git says of a folder, whatever the surroundings and the repository's settings would make it say."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from opsctl.images.errors import ImageError

# Variables that lead git to another repository, or make it look at another index or tree. `git rev-parse
# --local-env-vars` lists them; those that only say how (configuration, ceilings) stay.
_ELSEWHERE = (
    "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR", "GIT_NAMESPACE", "GIT_PREFIX", "GIT_GRAFT_FILE", "GIT_SHALLOW_FILE", "GIT_REPLACE_REF_BASE",
    "GIT_IMPLICIT_WORK_TREE",
)  # fmt: skip

Listed = tuple[list[str], list[str]]
"""Files that git tracks, and those that it would."""


class ForeignCheckoutError(ImageError):
    """The checkout is another user's, so git tells nothing about it."""

    code = "foreign-checkout"


def commit(root: Path) -> str:
    """The commit that is checked out; "" outside a checkout, without a commit, or without git."""
    return os.fsdecode(ask(root, "rev-parse", "--verify", "HEAD") or b"").strip()


def is_dirty(root: Path, folders: Sequence[str]) -> bool:
    """Whether anything below `folders` is not as the commit has it, new files included.

    Settings that hide new files are overruled, and files that git was told not to look at are looked at. Where git has
    no answer, as with a broken index, nothing vouches for the commit: that counts as changed.
    """
    status = ask(
        root, "status", "--porcelain", "-z", "--untracked-files=all", "--ignore-submodules=none", "--", *folders
    )
    return status != b"" or _hidden_changes(root, folders)


def files(folder: Path) -> Listed:
    """What git tracks below `folder` and what it would track, relative to it; nothing of either outside a checkout.

    Of a submodule that is checked out its files, of another its folder.
    """
    tracked = ask(folder, "ls-files", "--cached", "--recurse-submodules", "-z")
    tracked = ask(folder, "ls-files", "--cached", "-z") if tracked is None else tracked
    new = ask(folder, "ls-files", "--others", "--exclude-standard", "-z")
    return ([], []) if tracked is None or new is None else (_names(tracked), _names(new))


def top(folder: Path) -> Path | None:
    """The folder of the checkout that `folder` lies in."""
    found = ask(folder, "rev-parse", "--show-toplevel")
    return Path(os.fsdecode(found.removesuffix(b"\n"))) if found else None


def tracks(path: Path) -> bool:
    """Whether git tracks this file."""
    return bool(ask(path.parent, "ls-files", "--cached", "-z", "--", path.name))


def _names(listed: bytes) -> list[str]:
    return [os.fsdecode(name) for name in listed.split(b"\0") if name]


def _hidden_changes(root: Path, folders: Sequence[str]) -> bool:
    """Whether a file that is marked `assume-unchanged` or `skip-worktree` differs from the commit's."""
    listed = ask(root, "ls-files", "-v", "-z", "--", *folders) or b""
    entries = [entry.partition(b" ") for entry in listed.split(b"\0") if entry]
    # A lower-case letter stands for assume-unchanged, S for skip-worktree. (git-ls-files, -v)
    hidden = [os.fsdecode(name) for mark, _, name in entries if mark.islower() or mark == b"S"]
    for name in hidden:
        kept = ask(root, "rev-parse", "--verify", f"HEAD:./{name}")
        path = root / name
        if path.is_symlink():  # git keeps where it leads, and `hash-object` would follow it
            found = ask(root, "hash-object", "--stdin", given=os.fsencode(path.readlink()))
        else:
            found = ask(root, "hash-object", "--", name)
        if kept is None or found != kept:
            return True
    return False


def ask(folder: Path, *arguments: str, given: bytes | None = None) -> bytes | None:
    """What git answers, with `given` as its input; None when it has no answer. Raises ForeignCheckoutError."""
    try:
        done = run(folder, *arguments, given=given)
    except ImageError:
        return None
    if done.returncode and b"dubious ownership" in done.stderr:
        raise ForeignCheckoutError(
            f"The checkout {folder} belongs to another user, so git does not tell which commit it is.",
            hint=f"If you trust it: `git config --global --add safe.directory {folder.resolve()}`.",
        )
    return done.stdout if done.returncode == 0 else None


def run(
    folder: Path, *arguments: str, given: bytes | None = None, seconds: float = 60
) -> subprocess.CompletedProcess[bytes]:
    """Run git to its end; it asks nobody. Raises ImageError when it can't be run, or takes longer.

    Optional locks are left alone and no file system monitor is asked: looking changes nothing and runs nothing.
    """
    environment = {name: value for name, value in os.environ.items() if name not in _ELSEWHERE}
    # The executable bit counts, as it does in an image, also where git was told to overlook it.
    command = ["git", "-c", "core.fsmonitor=false", "-c", "core.fileMode=true", "-C", str(folder), *arguments]
    silent = {"GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"}
    silent["GIT_SSH_COMMAND"] = environment.get("GIT_SSH_COMMAND", "ssh -o BatchMode=yes")
    try:
        return subprocess.run(
            command, capture_output=True, check=False, timeout=seconds, input=given or b"", env=environment | silent
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ImageError(
            f"git can't be run, or does not end ({type(error).__name__}).", hint="Is it installed?"
        ) from error
