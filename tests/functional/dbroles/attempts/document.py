"""The section of docs/database.md that tells what each role may not do, written from the table that the tests try."""

from __future__ import annotations

from tests.functional.cli import ROOT
from tests.functional.dbroles.attempts.language import EVERYBODY, MENDS
from tests.functional.dbroles.attempts.table import OPEN, ROWS

PATH = ROOT / "docs" / "database.md"
HEADING = "## What a role may not do\n"

_HEAD = f"""{HEADING}
Each of these is tried as each login on real servers (it was on PostgreSQL 15, 16 and 18), set up by a master as on RDS
and by a superuser. Then each rule of opsctl's is taken away, to see that the attempt succeeds without it, and comes
back with the next `db init` or is named by it. `python -m tests.functional.dbroles.attempts` writes this section from
the table that the tests try. `login` is the application's with `owner: true`; – was not tried.

"""
_OPEN = """
`db init` revokes what the master may revoke. PostgreSQL's own functions belong to AWS's superuser on RDS: a REVOKE is a
mere warning there. What stays open is named by `db status`. The alarm on free storage notices it.

Sorts that do not fit into memory go to temporary files, which lie beside the data on RDS, and a full disk stops the
database for all. So one session may have at most a quarter of `rds.allocated_storage` there (5 GiB of 20). A query
beyond it fails with `temporary file size exceeds temp_file_limit`, and so may the index of a very large table: then
raise `rds.temp_file_limit`, in GiB; 0 takes the limit away. A change applies at once, without a restart. The limit is
per session, so several can still fill a disk; temporary tables do not count. PostgreSQL on this machine has none.

What PostgreSQL lets every login do, and what limits it:

"""


def render() -> str:
    """The section, without the heading that follows it."""
    head = [
        "| tries to … | user | readonly | loader | migrator | login | what forbids it |",
        "|---|---|---|---|---|---|---|",
    ]
    rows = [
        f"| {row.what} | "
        + " | ".join("–" if role not in row.tried else "may" if role in row.may else "no" for role in EVERYBODY)
        + f" | {MENDS[row.mend].words} |"
        for row in ROWS
    ]
    opened = ["| may | limit |", "|---|---|", *(f"| {one.what} | {one.limit} |" for one in OPEN)]
    return _HEAD + "\n".join([*head, *rows]) + "\n" + _OPEN + "\n".join(opened) + "\n\n"


def replaced(page: str) -> str:
    """The page with its section as the table has it."""
    before, _, rest = page.partition(HEADING)
    return before + render() + "## " + rest.partition("\n## ")[2]
