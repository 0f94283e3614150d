"""The image that a deploy finds in the registry: refused when it is not there, and asked which migrations it brings."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from opsctl.aws.ecr import Ecr
from opsctl.aws.tags import BuiltHere, TagTakenError
from opsctl.deploy import release
from opsctl.deploy.image import ImageMissingError, PublishedImage
from tests.unit.deploy.world import ACCOUNT, ENV, FIRST, SECOND, World


@dataclass
class FakeRegistry(Ecr):
    """Tags of one repository; `asked` is whose registry was meant."""

    tags: dict[str, str]
    notes: dict[str, str] = field(default_factory=dict)
    asked: list[str | None] = field(default_factory=list)

    def digest(self, repository: str, tag: str, *, registry: str | None = None) -> str | None:
        self.asked.append(registry)
        return self.tags.get(tag)

    def annotations(self, repository: str, digest: str, *, registry: str | None = None) -> dict[str, str]:
        return self.notes if digest in self.tags.values() else {}

    def add_tag(self, repository: str, digest: str, tag: str, *, registry: str | None = None) -> None:
        """Releases are tagged elsewhere."""


def published(registry: FakeRegistry, tag: str, **more: Any) -> PublishedImage:
    return PublishedImage(registry, "dev", "us-east-1", "app", tag, **more)


def test_a_tag_is_turned_into_a_digest_of_its_owners_repository() -> None:
    registry = FakeRegistry({"v1": FIRST})
    plan = published(registry, "v1", owner_account="210987654321").plan(ACCOUNT)
    assert (plan.tag, plan.digest, plan.build) == ("v1", FIRST, False)
    assert plan.uri == f"210987654321.dkr.ecr.us-east-1.amazonaws.com/app@{FIRST}"
    assert registry.asked == ["210987654321"]


OURS = BuiltHere(SECOND, reproducible=True)


def test_a_tag_that_holds_another_image_than_was_built_here_is_refused() -> None:
    with pytest.raises(TagTakenError, match=f"app:v1 is {FIRST} in the registry, and .* is {SECOND}") as caught:
        published(FakeRegistry({"v1": FIRST}), "v1", ours=OURS).plan(ACCOUNT)
    assert (caught.value.code, caught.value.exit_code) == ("tag-taken", 5)
    assert "Another platform, base image, opsctl or zlib" in caught.value.hint
    assert "images.verify" in caught.value.hint
    assert published(FakeRegistry({"v1": SECOND}), "v1", ours=OURS).plan(ACCOUNT).digest == SECOND


def test_what_an_engine_built_here_runs_by_the_tag_that_says_so_or_not_at_all() -> None:
    ours = replace(OURS, reproducible=False)
    registry = FakeRegistry({"v1": FIRST, "v1-222222222222": SECOND})
    assert published(registry, "v1", ours=ours).plan(ACCOUNT).digest == SECOND
    with pytest.raises(ImageMissingError):
        published(FakeRegistry({"v1": FIRST}), "v1", ours=ours).plan(ACCOUNT)


def test_a_release_is_what_its_record_says_whatever_its_tag_names() -> None:
    assert published(FakeRegistry({"dev-r1": FIRST}), "dev-r1", released=SECOND).plan(ACCOUNT).digest == SECOND


def test_migrations_are_those_that_the_image_notes_and_else_the_checkouts() -> None:
    noted = FakeRegistry({"v1": FIRST}, {"dev.opsctl.migrations": "m1 m2"})
    assert published(noted, "v1", own_migrations="m9").migrations == "m1 m2"
    assert published(FakeRegistry({"v1": FIRST}), "v1", own_migrations="m9").migrations == "m9"
    assert published(FakeRegistry({"v1": FIRST}), "v1").migrations == ""


def test_a_tag_that_is_not_there_is_refused_before_any_stack_is_touched() -> None:
    world = World()
    world.deploy()
    mark = len(world.aws.calls)
    world.image = published(FakeRegistry({}), "v2")  # type: ignore[assignment]
    with pytest.raises(ImageMissingError, match="so nothing was changed") as caught:
        world.deploy("app")
    assert "`opsctl image push --env dev --tag v2`" in caught.value.hint
    assert world.since(mark) == []


def test_the_service_alone_gets_a_tag_without_a_task_when_nothing_is_pending() -> None:
    world = World()
    world.deploy()
    mark = len(world.aws.calls)
    commit = "0123456789" * 4
    registry = FakeRegistry({commit: SECOND}, {"dev.opsctl.migrations": "m1"})
    world.image = published(registry, commit, commit=commit)  # type: ignore[assignment]
    world.deploy("app")
    written = [call for call in world.since(mark) if call[0] in {"execute_change_set", "run_task"}]
    assert written == [("execute_change_set", "dev-jobs"), ("execute_change_set", "dev-app")]
    found = release.current(world.aws.s3, "artifacts", ENV)
    assert found is not None
    assert (found.number, found.tag, found.digest, found.commit) == (2, commit, SECOND, commit)
