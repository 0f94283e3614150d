"""A bug of opsctl itself: one sentence for the person, the traceback in a file for whoever corrects it."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
import time
import traceback
from pathlib import Path

from opsctl import __version__, private
from opsctl.cli import system
from opsctl.cli.streams import DEBUG_VARIABLE
from opsctl.errors import OpsctlError
from opsctl.operate.target import FILE_NAME


def refused(error: OSError | UnicodeError) -> OpsctlError:
    """What the system refused, which is no bug; with OPSCTL_DEBUG=1 the traceback stands above it."""
    found = system.explained(error)
    if os.environ.get(DEBUG_VARIABLE):
        found.detail = tuple("".join(traceback.format_exception(error)).splitlines())
    return found


def explained(error: Exception) -> OpsctlError:
    """The error as a person sees it. The traceback goes to a file, or to stderr with OPSCTL_DEBUG=1."""
    text = "".join(traceback.format_exception(error))
    first = (str(error).splitlines() or [""])[0][:200]
    what = f"{type(error).__name__}: {first}" if first else type(error).__name__
    message = f"opsctl stopped because of a bug of its own ({what})."
    if os.environ.get(DEBUG_VARIABLE):
        return OpsctlError(message, code="internal-error", detail=tuple(text.splitlines()))
    path = _write(text)
    where = f"The traceback is in {path}; please report it." if path else "The traceback could not be written."
    return OpsctlError(message, code="internal-error", hint=f"{where} With {DEBUG_VARIABLE}=1 it is shown here.")


def _write(text: str) -> Path | None:
    """Write the report to the project's state, else to the folder for temporary files; None when neither works.

    The command line is left out, as a --dsn may hold a password; only the owner may read the file.
    """
    about = f"opsctl {__version__}, Python {platform.python_version()}, {sys.platform}\n{text}"
    for folder in (*_state_folder(), Path(tempfile.gettempdir())):
        path = folder / f"crash-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{os.getpid()}.log"
        try:
            private.make_folder(folder)
            # O_EXCL: a link that somebody put there is not followed.
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
                file.write(about)
        except OSError:
            continue
        return path
    return None


def _state_folder() -> tuple[Path, ...]:
    """`.opsctl` beside the nearest environments.yaml."""
    try:
        here = Path.cwd()
    except OSError:  # deleted while we were in it
        return ()
    found = next(((folder / ".opsctl",) for folder in (here, *here.parents) if (folder / FILE_NAME).is_file()), ())
    return tuple(each for each in found if not each.is_symlink())
