"""Engine versions of a database that runs: what RDS would refuse is told before anything is touched."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from opsctl.aws.account import Account, Database
from opsctl.deploy.checks.upgrade import reminders, version_problems
from opsctl.stacks import data
from tests.unit.stacks.reading import environment

# As RDS answered in the user guide's table of upgrade targets.
TARGETS = {
    "17.2": ("17.4", "17.6", "18.1"),
    "17.6": ("17.7", "18.1", "18.2"),
    "18.2": (),
}
DEFAULTS = {"17": "17.6", "18": "18.2"}


@dataclass
class FakeVersions(Account):
    """An account whose database runs `running`."""

    running: str | None = "17.6"
    asked: list[str] = field(default_factory=list)

    def database(self, identifier: str) -> Database | None:
        self.asked.append(identifier)
        return None if self.running is None else Database(self.running)

    def upgrade_targets(self, version: str) -> tuple[str, ...]:
        return TARGETS[version]

    def default_version(self, major: str) -> str | None:
        return DEFAULTS.get(major)


def body(version: str, **settings: Any) -> str:
    return data.build(environment("dev", rds__engine_version=version, **settings)).body


def told(old: str, new: str, account: FakeVersions | None = None, *, replica: bool = False) -> tuple[str, ...]:
    return version_problems(old, new, "db-1", account or FakeVersions(), replica=replica)


def allowed(version: str, **settings: Any) -> str:
    return body(version, rds__allow_major_version_upgrade=True, **settings)


def test_a_major_upgrade_never_comes_from_editing_a_number() -> None:
    (line,) = told(body("17"), body("18"))
    assert line.startswith("rds.engine_version: from PostgreSQL 17 to 18 RDS stops the database for minutes")
    assert line.endswith("set rds.allow_major_version_upgrade to true.")


def test_one_that_was_asked_for_and_has_a_way_goes_on() -> None:
    assert told(body("17"), allowed("18")) == ()


def test_a_downgrade_is_refused() -> None:
    (line,) = told(body("18"), allowed("17"), FakeVersions("18.2"))
    assert line == (
        'rds.engine_version: the database runs PostgreSQL 18.2, and RDS has no way back to 17. Write "18".'
    )  # fmt: skip


def test_after_an_upgrade_that_rds_gave_up_the_old_version_can_be_written_again() -> None:
    """CloudFormation took the template of 18 for done, while the database went on with 17.6."""
    assert told(allowed("18"), body("17"), FakeVersions("17.6")) == ()


def test_a_deployed_replica_goes_first() -> None:
    (line,) = told(body("17"), allowed("18"), replica=True)
    assert "rds.enable_replica set to false first" in line


def test_a_way_that_does_not_exist_is_told_with_those_that_do() -> None:
    (line,) = told(body("17"), allowed("18"), FakeVersions("17.2"))
    assert line == (
        "rds.engine_version: RDS has no way from 17.2 to 18.2. From 17.2 it goes to 17.4, 17.6, 18.1."
    )  # fmt: skip
    assert told(body("17"), allowed("18.1"), FakeVersions("17.2")) == ()


def test_a_version_that_rds_does_not_have_is_told() -> None:
    assert told(body("17"), allowed("19")) == ("rds.engine_version: RDS has no PostgreSQL 19 in this region.",)


def test_a_minor_version_behind_the_one_that_runs_is_refused() -> None:
    (line,) = told(body("17"), body("17.2"))
    assert "runs 17.6, and RDS has no way back to 17.2" in line
    assert 'Write "17.6", or "17"' in line


@pytest.mark.parametrize("version", ["17.6", "17.7"])
def test_pinning_the_version_that_runs_or_the_next_is_fine(version: str) -> None:
    assert told(body("17"), body(version)) == ()


def test_letting_minor_versions_follow_again_is_fine() -> None:
    assert told(body("17.6"), body("17")) == ()


def test_where_the_version_stays_nothing_is_asked() -> None:
    account = FakeVersions()
    assert told(body("17"), body("17", rds__backup_days=7), account) == ()
    assert account.asked == []


def test_a_database_that_is_not_there_has_no_version_to_be_behind() -> None:
    assert told(body("17"), body("17.2"), FakeVersions(None)) == ()
    assert told("Resources: {}\n", body("18")) == ()


def test_an_allowance_that_has_been_used_is_brought_to_mind() -> None:
    (line,) = reminders(allowed("18"), allowed("18"))
    assert line.startswith("rds.allow_major_version_upgrade is still true")
    assert reminders(body("17"), allowed("18")) == ()
    assert reminders(allowed("17"), allowed("18")) == ()
    assert reminders(allowed("18"), body("18")) == ()
