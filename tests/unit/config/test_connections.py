"""Connections: what the tasks may open, what a role may have, and what a database takes."""

from __future__ import annotations

from typing import Any

import pytest

from opsctl.config.connections import class_for, connections, max_connections, user_connection_limit
from opsctl.config.models import Environment
from opsctl.config.naming import role_mapping


def environment(
    *, owner: bool = False, target: str = "aws", rds: dict[str, Any] | None = None, **block: Any
) -> Environment:
    """An environment of one web task of 8 connections, a release of 2, and what `block` adds."""
    application = {"web": {"count": 1}, "database": {"owner": owner}, **block}
    found = {"name": "dev", "service": "shop", "client": "acme", "target": target, "rds": rds or {}}
    return Environment.model_validate({**found, "application": application})


def told(env: Environment) -> list[tuple[str, str]]:
    return [(".".join(map(str, each.path)), each.what) for each in connections(env)]


@pytest.mark.parametrize(
    ("instance_class", "least", "most"),
    [
        ("db.t4g.micro", 80, 112), ("db.t4g.small", 170, 225), ("db.t4g.medium", 340, 450),
        ("db.m8g.large", 700, 900), ("db.r8g.xlarge", 2800, 3600), ("db.m8g.16xlarge", 5000, 5000),
    ],
)  # fmt: skip
def test_what_a_class_takes_follows_its_memory(instance_class: str, least: int, most: int) -> None:
    assert least <= (max_connections(instance_class) or 0) <= most


def test_a_class_that_is_not_known_refuses_nothing() -> None:
    assert max_connections("db.z9.odd") is None
    assert told(environment(rds={"instance_class": "db.z9.odd"}, web={"count": 100})) == []


@pytest.mark.parametrize(
    ("block", "limit"),
    [
        ({}, 26),  # 2 x 1 task x 2 workers x 4 threads, and ten
        ({"web": {"count": (1, 3)}}, 58),
        ({"web": {"count": (1, 1), "workers": 3, "threads": 2}}, 22),
        ({"web": {"count": (1, 1), "connections": 3}}, 16),
        ({"workers": {"queue": {"command": ("work",), "count": (1, 2)}}}, 34),
        ({"workers": {"beat": {"command": ("beat",), "singleton": True, "connections": 5}}}, 31),
        ({"jobs": {"report": {"command": ("report",)}}}, 28),
        ({"jobs": {"load": {"command": ("load",), "database_role": "loader"}}}, 26),
    ],
)
def test_the_role_gets_what_its_tasks_may_open_while_a_deploy_rolls(block: dict[str, Any], limit: int) -> None:
    env = environment(**block)
    assert user_connection_limit(env) == limit == role_mapping(env)["user_connection_limit"]
    assert told(env) == []


def test_a_limit_that_is_too_small_is_told_with_its_sum() -> None:
    env = environment(
        rds={"app_user_connection_limit": 60, "instance_class": "db.m8g.large"},
        web={"count": (3, 12)},
        workers={"beat": {"command": ("beat",), "singleton": True}},
        jobs={"report": {"command": ("report",)}},
    )
    ((path, what),) = told(env)
    assert path == "rds.app_user_connection_limit"
    assert what == (
        "60 connections are less than the 196 that tasks of app_user may open while a deploy rolls "
        "(web 2 × 12 tasks × 8, beat 1 task × 2, report 2)"
    )
    assert next(iter(connections(env))).fix == "Write 206 or remove it, or lower count, workers or threads."


@pytest.mark.parametrize("owner", [True, False])
def test_a_database_that_is_too_small_is_told_with_its_sum(owner: bool) -> None:
    ((path, what),) = told(environment(owner=owner, web={"count": (1, 6)}))
    assert path == "rds.instance_class"
    assert what == (
        "db.t4g.micro takes 101 connections, and the tasks may open 98 while a deploy rolls "
        "(web 2 × 6 tasks × 8, release 2), which is more than 80% of them (80)"
    )


def test_a_limit_that_no_database_of_the_class_can_give_is_told() -> None:
    ((path, what),) = told(environment(rds={"app_user_connection_limit": 90}))
    assert (path, what) == (
        "rds.app_user_connection_limit",
        "db.t4g.micro takes 101 connections, and 90 are more than 80% of them (80)",
    )


@pytest.mark.parametrize("env", [
    environment(owner=True, rds={"app_user_connection_limit": 1}), environment(target="local", web={"count": 50}),
])  # fmt: skip
def test_no_role_with_a_limit_and_no_rds_no_rule(env: Environment) -> None:
    assert told(env) == []


def test_of_many_processes_the_largest_are_named() -> None:
    workers = {f"w{number}": {"command": ("work",)} for number in range(30)}
    ((_, what),) = told(environment(workers=workers))
    assert "(web 2 × 1 task × 8, w0 2 × 1 task × 2, w1 2 × 1 task × 2, w2 2 × 1 task × 2, 110 of 28 others)" in what


@pytest.mark.parametrize(
    ("needed", "least", "found"),
    [(18, "micro", "micro"), (81, "micro", "small"), (98, "medium", "medium"), (400, "medium", "large")],
)
def test_the_smallest_class_that_takes_them(needed: int, least: str, found: str) -> None:
    assert class_for(needed, least) == f"db.t4g.{found}"
