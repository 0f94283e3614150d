"""Names of files as text that means the same on every machine, whatever the locale of this one."""

from __future__ import annotations

import os
from pathlib import Path

from opsctl.errors import OpsctlError

CERTIFICATES_VARIABLE = "OPSCTL_RDS_CERTIFICATES"
"""Another bundle of certificate authorities than RDS's."""
_CERTIFICATES = Path(__file__).parent / "layer" / "rds.pem"


def certificates() -> Path | None:
    """RDS's certificate authorities, which the published package brings along; None in a checkout without set-up."""
    path = Path(os.environ.get(CERTIFICATES_VARIABLE) or _CERTIFICATES)
    return path if path.is_file() else None


def portable(path: Path, root: Path) -> str:
    """`path` below `root`, with slashes, as its bytes read in UTF-8.

    Python turns bytes that its locale does not know into surrogates; images, S3 and other machines take none. Raises
    OpsctlError for a name that is no UTF-8 under any locale.
    """
    raw = os.fsencode(path.relative_to(root).as_posix())
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        shown = os.fsencode(path).decode("utf-8", "backslashreplace")
        raise OpsctlError(
            f"The name of {shown} is not UTF-8, so it can't be taken to another machine.",
            code="name-not-utf-8",
            hint="Rename it, or move it out of the project.",
        ) from None


def below(root: Path, name: str) -> Path:
    """The file under `root` whose portable name this is, as this process opens it."""
    return root / os.fsdecode(name.encode())
