"""The bootstrap stack: the same for every environment of an account and region."""

from __future__ import annotations

from opsctl.stacks import bootstrap
from tests.unit.stacks.reading import NAMES, environment


def test_it_is_the_same_whichever_environment_deploys_it() -> None:
    built = [bootstrap.build(environment(name)) for name in NAMES]
    assert len({(one.body, str(one.tags), one.physical_name, one.termination_protection) for one in built}) == 1


def test_it_takes_only_tags_that_were_asked_for_by_name() -> None:
    env = environment("dev", tags={"team": "a"}, tag_overrides={"bootstrap": {"owner": "b"}})
    assert bootstrap.build(env).tags == {"managed-by": "opsctl", "owner": "b"}
