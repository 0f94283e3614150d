"""What a DB snapshot holds: a server's data as it was, with its roles, beside the password of opsctl's superuser.

Taken as PostgreSQL's own backups are, while it runs and is written to: what is torn in the copy, the log in it mends.
https://www.postgresql.org/docs/18/continuous-archiving.html#BACKUP-LOWLEVEL-BASE-BACKUP
"""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from opsctl import private

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor  # noqa: N812  psycopg2 names the class like a function

    from opsctl.local.postgres.files import ServerFiles

_OF_THE_PROCESS = shutil.ignore_patterns("postmaster.pid", "postmaster.opts", "pg_replslot")


def save(cursor: Cursor, files: ServerFiles, folder: Path) -> None:
    """Copy the data of a server that runs here to `folder`. The cursor's session must be the superuser's."""
    shutil.rmtree(folder, ignore_errors=True)
    private.make_folder(folder)
    cursor.execute("SELECT pg_backup_start('opsctl', fast => true)")
    try:
        _copy(files.data, folder / "data")
    finally:
        cursor.execute("SELECT labelfile FROM pg_backup_stop(wait_for_archive => false)")
        label = cursor.fetchone()
    _copy(files.data / "pg_wal", folder / "data" / "pg_wal")  # up to the end of the backup
    (folder / "data" / "pg_replslot").mkdir(mode=0o700)
    (folder / "data" / "backup_label").write_text(label[0] if label else "", encoding="utf-8")
    private.replace_file(folder / "password", files.password.read_bytes())


def holds_data(folder: Path) -> bool:
    """Whether there is such a copy."""
    return (folder / "data" / "PG_VERSION").exists()


def restore(folder: Path, files: ServerFiles) -> None:
    """Put a copy where a server that was never started finds it as its own."""
    shutil.rmtree(files.data, ignore_errors=True)
    shutil.copytree(folder / "data", files.data, symlinks=True)
    private.replace_file(files.password, (folder / "password").read_bytes())


def _copy(source: Path, target: Path) -> None:
    shutil.copytree(
        source, target, symlinks=True, dirs_exist_ok=True, ignore=_OF_THE_PROCESS, copy_function=_copy_if_there
    )


def _copy_if_there(source: str, target: str) -> None:
    """Files come and go while the server runs."""
    with suppress(FileNotFoundError):
        shutil.copy2(source, target)
