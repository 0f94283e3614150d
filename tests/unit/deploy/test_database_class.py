"""A database that RDS does not sell is told before the first change set of its stack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from opsctl.aws.account import Account, DatabaseOffer
from opsctl.deploy.checks.database_class import class_problems
from opsctl.stacks import data, upkeep
from tests.unit.stacks.reading import environment

EVERYWHERE = frozenset({"us-east-1a", "us-east-1b", "us-east-1c"})


def offer(zones: frozenset[str] = EVERYWHERE, *, multi_az: bool = True, storage: str = "gp3") -> DatabaseOffer:
    return DatabaseOffer(storage, 20, 16384, multi_az, zones)


@dataclass
class FakeOffers(Account):
    """RDS sells three classes, each in its way."""

    sold: dict[str, tuple[DatabaseOffer, ...]] = field(
        default_factory=lambda: {
            "db.t4g.micro": (offer(), offer(storage="standard", multi_az=False)),
            "db.m8g.large": (offer(),),
            "db.m7g.large": (offer(),),
        }
    )
    versions: dict[str, str] = field(default_factory=lambda: {"18": "18.1"})
    asked: list[str] = field(default_factory=list)

    def default_version(self, version: str) -> str | None:
        self.asked.append(version)
        return self.versions.get(version)

    def database_offers(self, version: str, instance_class: str) -> tuple[DatabaseOffer, ...]:
        return self.sold.get(instance_class, ())

    def database_classes(self, version: str) -> frozenset[str]:
        return frozenset(self.sold)


def told(name: str, account: FakeOffers, deployed: Sequence[str] = (), **settings: Any) -> tuple[str, ...]:
    return class_problems(environment(name, **settings), deployed, bodies(name, **settings), account)


def bodies(name: str, **settings: Any) -> list[str]:
    """The templates of the stacks that hold database and replica."""
    env = environment(name, **settings)
    return [data.build(env).body, upkeep.build(env).body]


@pytest.mark.parametrize("name", ["dev", "prd"])
def test_what_is_sold_passes(name: str) -> None:
    assert told(name, FakeOffers()) == ()


def test_a_class_that_is_not_sold_gets_the_nearest_that_is() -> None:
    (line,) = told("prd", FakeOffers(), rds__instance_class="db.m9g.large")
    assert line == (
        "rds.instance_class: RDS sells no db.m9g.large for PostgreSQL 18.1 here. The nearest is db.m8g.large."
    )  # fmt: skip


def test_a_class_of_another_storage_only_is_not_sold_either() -> None:
    (line,) = told("dev", FakeOffers({"db.t4g.micro": (offer(storage="standard"),)}))
    assert "RDS sells no db.t4g.micro" in line


def test_a_version_that_is_not_there_is_told() -> None:
    assert told("dev", FakeOffers(versions={})) == ("rds.engine_version: RDS has no PostgreSQL 18 in us-east-1.",)


def test_a_class_without_standby_is_told_where_one_is_wanted() -> None:
    single = FakeOffers({"db.m8g.large": (offer(multi_az=False),)})
    (line,) = told("prd", single)
    assert line.startswith("rds.multi_az: RDS sells db.m8g.large with PostgreSQL 18.1 without a standby only")
    assert told("prd", single, rds__multi_az=False) == ()


@pytest.mark.parametrize(("zones", "multi_az", "fits"), [("ab", True, True), ("a", True, False), ("a", False, True), ("f", False, False)])  # noqa: E501  # fmt: skip
def test_a_standby_needs_two_of_the_zones_and_a_single_one_any(zones: str, multi_az: bool, fits: bool) -> None:
    there = frozenset(f"us-east-1{letter}" for letter in zones)
    lines = told("prd", FakeOffers({"db.m8g.large": (offer(there),)}), rds__multi_az=multi_az)
    assert (lines == ()) is fits
    assert fits or f"PostgreSQL 18.1 in the zones {', '.join(zones)}, and" in lines[0]


def test_storage_beyond_what_is_sold_is_told() -> None:
    (line,) = told("prd", FakeOffers(), rds__max_allocated_storage=20000)
    assert line == (
        "rds.max_allocated_storage: RDS sells db.m8g.large with PostgreSQL 18.1 with 20 to 16384 GiB, not with 20000."
    )


def test_a_database_that_runs_is_left_alone_though_its_class_is_sold_no_more() -> None:
    account = FakeOffers({})
    body = bodies("prd")
    assert told("prd", account, body) == ()
    assert told("prd", account, body, rds__backup_days=7) == ()
    assert account.asked == []


def test_a_replica_is_bought_too() -> None:
    body = bodies("prd", rds__enable_replica=False)
    assert "RDS sells no db.m8g.large" in told("prd", FakeOffers({}), body)[0]
