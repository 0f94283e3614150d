"""Generated names against a real server: each is refused before any SQL, or the role is called exactly that."""

from __future__ import annotations

import sys
from contextlib import closing
from random import Random

import pytest

from opsctl.dbroles.changes import CreateRole
from opsctl.dbroles.errors import BadModelError
from opsctl.dbroles.model import check_name
from opsctl.dbroles.sql import render
from tests.functional.dbroles.site import PASSWORD, Site

pytestmark = pytest.mark.postgres

GOOD = "abcdefghijklmnopqrstuvwxyz_0123456789"
BAD = "\0\n\"'\\;-. %AZéß\u202e\U0001f600"
WORDS = ("select", "user", "table", "all", "public", "none", "current_user", "pg_", "rds", "pg", "rd")


def generate(random: Random) -> str:
    """A name that is fine more often than not, or just isn't."""
    name = random.choice(("", "", *WORDS)) + "".join(random.choices(GOOD, k=random.randint(0, 66)))
    if random.random() < 0.2:
        at = random.randint(0, len(name))
        name = name[:at] + random.choice(BAD) + name[at:]
    return name


def accepted(name: str) -> bool:
    try:
        return check_name("user", name) == name
    except BadModelError:
        return False


def test_each_of_ten_thousand_generated_names_is_refused_or_kept_as_it_is(site: Site) -> None:
    random, kept = Random(4), 0
    for _ in range(10):
        names = {name for name in (generate(random) for _ in range(1000)) if accepted(name)}
        kept += len(names)
        with (
            closing(site.server.connect(site.master, site.database, PASSWORD, autocommit=False)) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute("SELECT rolname FROM pg_roles")
            before = {row[0] for row in cursor.fetchall()}
            for name in names:
                cursor.execute(render(CreateRole(name, login=False)))
            cursor.execute("SELECT rolname FROM pg_roles")
            assert {row[0] for row in cursor.fetchall()} == names | before
            connection.rollback()
    sys.stdout.write(f"{kept} of 10,000 names fit, and were made\n")
    assert kept > 5000
