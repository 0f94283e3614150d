"""Which names of roles are accepted: exactly those of the rule, whatever is made up."""

from __future__ import annotations

import re

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from opsctl.dbroles.errors import BadModelError
from opsctl.dbroles.model import check_name
from tests.soak import SAMPLED, rounds

pytestmark = SAMPLED

GOOD = r"[a-z_][a-z0-9_]{0,62}"
RESERVED = ("public", "none", "current_user", "current_role", "session_user", "postgres")

LETTERS = "abcdefghijklmnopqrstuvwxyz_0123456789"
names = st.one_of(
    st.text(LETTERS, max_size=66),
    st.text("a_0", min_size=61, max_size=66),
    st.builds(lambda prefix, rest: prefix + rest, st.sampled_from(("pg_", "rds", "pg", "rd")), st.text(LETTERS)),
    st.builds(lambda name, tail: name + tail, st.text(LETTERS, min_size=1), st.sampled_from("\0\n\"'; -.Aé")),
    st.text(max_size=66),
    st.sampled_from(RESERVED),
)


def usable(name: str) -> bool:
    """The rule as it is written down, in other words than the code's."""
    return bool(re.match(rf"{GOOD}\Z", name)) and not name.startswith(("pg_", "rds")) and name not in RESERVED


@settings(max_examples=rounds(sample=300, whole=10_000), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(names)
def test_it_accepts_exactly_the_names_of_the_rule(name: str) -> None:
    try:
        accepted = check_name("user", name) == name
    except BadModelError:
        accepted = False
    assert accepted == usable(name)
