"""Which code the local target runs. A process that was started from other code is another version's, and is replaced:
after an update of opsctl, or of the checkout that it is run from, its modules may have moved under it.
"""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

from opsctl import __version__


@functools.cache
def code_version() -> str:
    """opsctl's version, and a hash of this package's sources."""
    digest = hashlib.sha256()
    folder = Path(__file__).parent
    for path in sorted(folder.rglob("*.py")):
        digest.update(f"{path.relative_to(folder).as_posix()}\0".encode() + path.read_bytes())
    return f"{__version__} {digest.hexdigest()[:12]}"
