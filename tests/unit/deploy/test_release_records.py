"""Records of releases: what they keep, also of versions that wrote less or more, and what a damaged one can't do."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from opsctl.aws.s3 import StoredObject
from opsctl.config.application import Application
from opsctl.config.naming import release_key
from opsctl.deploy.image import ImageRefusedError
from opsctl.deploy.release import Releases, current, tried
from opsctl.deploy.rollback import Rollback, obstacles, refuse
from opsctl.migrations.verdict import Migration

from .releases import ADDS, FIRST_MIGRATION, record, release, two_releases
from .world import ACCOUNT, CURRENT, ENV, FIRST, FOLDER, SECOND, World


def test_a_record_keeps_the_block_what_was_typed_and_what_was_changed() -> None:
    world = two_releases()
    found = record(world, 2)
    assert found.application is not None
    assert found.application["environment"] == {"SAYS": "two"}
    assert found.application == Application(environment={"SAYS": "two"}).model_dump(mode="json")
    assert found.command == "opsctl deploy"
    assert found.changes["app"] == {"action": "update", "parameters": ["ImageUri"]}
    assert found.verdicts == (FIRST_MIGRATION, ADDS)
    assert (found.rolled_back_to, record(world, 1).rolled_back_to) == (None, None)


def test_a_block_keeps_its_order_since_templates_are_made_of_it() -> None:
    world = World(variables={"SECOND": "2", "FIRST": "1"})
    world.deploy()
    kept = record(world, 1).application
    assert kept is not None
    assert list(kept["environment"]) == ["SECOND", "FIRST"]


def test_a_record_of_an_earlier_opsctl_is_read() -> None:
    world = two_releases()
    values = json.loads(world.aws.s3.objects[CURRENT].body)
    for name in ("verdicts", "application", "rolled_back_to", "command", "changes"):
        del values[name]
    world.aws.s3.objects[CURRENT] = StoredObject(json.dumps(values).encode(), '"1"')
    found = current(world.aws.s3, "artifacts", ENV)
    assert found is not None
    assert (found.number, found.verdicts, found.application) == (2, None, None)


def test_a_record_of_a_newer_opsctl_is_read_without_what_this_one_does_not_know() -> None:
    world = two_releases()
    values = {**json.loads(world.aws.s3.objects[CURRENT].body), "weather": "fine"}
    values["verdicts"] = [*values["verdicts"], 7, {"id": "m8", "name": "notes.0008", "cost": 1}]
    world.aws.s3.objects[CURRENT] = StoredObject(json.dumps(values).encode(), '"1"')
    found = current(world.aws.s3, "artifacts", ENV)
    assert found is not None
    assert found.verdicts == (FIRST_MIGRATION, ADDS, Migration("m8", "notes.0008"))


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"7", b'{"after": 1}', b'{"after": "x", "database": "", "migrations": ""}', b"[" * 100_000],
    ids=lambda body: body[:20].decode(),
)
def test_a_note_of_migrations_that_can_not_be_read_is_in_the_way(body: bytes) -> None:
    world = World()
    assert tried(world.aws.s3, "artifacts", ENV) is None
    world.aws.s3.objects[f"releases/{FOLDER}/migrating.json"] = StoredObject(body, '"1"')
    attempt = tried(world.aws.s3, "artifacts", ENV)
    assert [each.name for each in obstacles(release(1), release(2), attempt)] == ["migrating"]
    refuse(release(1), release(2), attempt, {"migrating"})


@pytest.mark.parametrize(
    "damage",
    [
        {"tag": None}, {"commit": 7}, {"image": None}, {"migrations": ["m1"]}, {"rolled_back_to": "1"}, {"changes": []},
        {"application": "x"}, {"stacks": [1]}, {"seconds": {"a": "b"}}, {"changes": {"app": 1}},
        {"changes": {"app": {"parameters": 1}}}, {"by": ["x"]}, {"number": True},
        {"number": 10**12}, {"number": -1}, {"digest": {}},
    ],
    ids=str,
)  # fmt: skip
def test_a_damaged_record_is_none_and_no_deploy_writes_over_another(damage: dict[str, Any]) -> None:
    """The newest is damaged twice, under its number and as `current`."""
    world = two_releases()
    values = {**json.loads(world.aws.s3.objects[CURRENT].body), **damage}
    for name in ("current", "000002"):
        world.aws.s3.objects[release_key(FOLDER, name)] = StoredObject(json.dumps(values).encode(), '"1"')
    found = Releases(world.aws.s3, world.aws.ecr, "artifacts", ENV)
    assert found.last is not None
    assert (found.last.number, found.number) == (1, 3)
    del world.aws.s3.objects[CURRENT]
    assert Releases(world.aws.s3, world.aws.ecr, "artifacts", ENV).number == 3


@pytest.mark.parametrize(
    "place",
    [
        f"{ACCOUNT}.dkr.ecr.evil.example/app@{FIRST}",
        f"210987654321.dkr.ecr.us-east-1.amazonaws.com/app@{FIRST}",
        f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/neighbour@{FIRST}",
        f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/app@{SECOND}",  # not the digest that the registry is asked for
    ],
)
def test_a_record_leads_to_no_other_image_than_the_registry_has_of_its_digest(place: str) -> None:
    world = two_releases()
    forged = replace(record(world, 1), image=place)
    mark = len(world.aws.calls)
    with pytest.raises(ImageRefusedError, match="is where dev would have it from"):
        world.deployment("jobs", "app", rollback=Rollback(forged, 2)).plan()
    assert world.since(mark) == []
