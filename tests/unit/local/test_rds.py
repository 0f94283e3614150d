"""What the local database refuses to stand in for."""

from __future__ import annotations

import pytest

from opsctl.local.postgres.rds import check_version, refuse_foreign


@pytest.mark.parametrize("props", [{}, {"Engine": "postgres"}, {"EngineVersion": "18"}, {"EngineVersion": "18.1"}])
def test_it_accepts_the_major_version_it_runs(props: dict[str, str]) -> None:
    check_version(props)


@pytest.mark.parametrize("props", [{"Engine": "mysql"}, {"Engine": "postgres", "EngineVersion": "17.2"}])
def test_it_refuses_other_engines_and_major_versions(props: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="PostgreSQL"):
        check_version(props)


def test_it_takes_a_name_that_is_free_or_its_own() -> None:
    refuse_foreign(None, "mine", "the database name d")
    refuse_foreign("opsctl-local db instance mine", "mine", "the database name d")


@pytest.mark.parametrize(
    ("holder", "owner"), [("opsctl-local db instance theirs", "theirs"), ("", "something opsctl did not make")]
)
def test_it_refuses_a_name_of_somebody_else(holder: str, owner: str) -> None:
    with pytest.raises(ValueError, match=owner):
        refuse_foreign(holder, "mine", "the database name d")
