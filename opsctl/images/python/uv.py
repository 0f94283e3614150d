"""uv, which resolves, installs and builds: how it is started, and what it says went wrong."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from itertools import takewhile
from pathlib import Path

from opsctl.images.errors import BuildError

_REASON = re.compile(r"\s*(?:error:|cause:|Caused by:|×|╰─▶)\s*")
_SECONDS = 600
# pip's variables by uv's, for private indexes.
_INDEXES = {"PIP_INDEX_URL": "UV_DEFAULT_INDEX", "PIP_EXTRA_INDEX_URL": "UV_INDEX"}


def find_uv() -> str:
    """uv's program, which is installed beside opsctl."""
    import uv

    return str(uv.find_uv_bin())


def run_uv(
    arguments: list[str], *, cwd: Path, secrets: tuple[str, ...] = (), environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run uv to its end, with `environment` in place of opsctl's own where one is given.

    It gets private indexes from variables of pip's name. Raises BuildError when it can't be run.
    """
    given = {**(os.environ if environment is None else environment), "NO_COLOR": "1"}
    given.pop("VIRTUAL_ENV", None)
    given |= {_INDEXES[name]: os.environ[name] for name in secrets if name in _INDEXES and name in os.environ}
    try:
        return subprocess.run(
            [find_uv(), *arguments], cwd=cwd, env=given, capture_output=True, text=True, encoding="utf-8",
            errors="replace", timeout=_SECONDS, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BuildError(
            f"uv can't be run ({error}).", code="lock-failed", hint="Is opsctl installed whole?"
        ) from error


def uv_cause(lines: Sequence[str]) -> str:
    """The last reason that uv gives, which it may have wrapped or drawn an arrow at."""
    said = list(takewhile(lambda line: not line.lstrip().startswith("hint:"), lines))
    last = max((number for number, line in enumerate(said) if _REASON.match(line)), default=0)
    told = (_REASON.sub("", line, count=1).strip(" │^") for line in said[last:])
    return " ".join(words for words in told if words) or "uv gave no reason"
