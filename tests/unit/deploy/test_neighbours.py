"""Projects of one account whose environments have one name, and what was recorded under that name alone before."""

from __future__ import annotations

import json
from dataclasses import asdict

from opsctl.aws.s3 import StoredObject
from opsctl.config.models import Environment
from opsctl.deploy.release import Release, Releases, current, kept, numbered

from .world import FIRST, SECOND, FakeEcr, FakeS3


def project(service: str, client: str = "acme") -> Environment:
    return Environment.model_validate(
        {"name": "dev", "service": service, "client": client, "ecs": {"repository_name": service}}
    )


OURS = project("salaries")


def release(number: int, repository: str = "salaries", digest: str = FIRST) -> Release:
    image = f"123456789012.dkr.ecr.us-east-1.amazonaws.com/{repository}@{digest}"
    return Release(number, "dev", f"run{number}", "2026", "ann", image=image, digest=digest)


def earlier(store: FakeS3, *releases: Release) -> None:
    """As the opsctl before this one recorded them."""
    for each in releases:
        body = json.dumps(asdict(each)).encode()
        for record in (f"{each.number:06}", "current"):
            store.objects[f"releases/dev/{record}.json"] = StoredObject(body, "")


def next_number(store: FakeS3, env: Environment) -> int:
    return Releases(store, FakeEcr([]), "b", env).number


def test_two_projects_share_no_record() -> None:
    store = FakeS3([])
    Releases(store, FakeEcr([]), "b", OURS).record(release(1))
    for other in (project("shop"), project("salaries", "umbrella")):
        assert current(store, "b", other) is None
        assert numbered(store, "b", other, 1) is None
        assert next_number(store, other) == 1
    assert next_number(store, OURS) == 2


def test_releases_go_on_where_an_earlier_opsctl_was() -> None:
    store = FakeS3([])
    earlier(store, release(1), release(2, digest=SECOND))
    assert next_number(store, OURS) == 3
    assert [each.number for each in kept(store, "b", OURS)] == [2, 1]
    Releases(store, FakeEcr([]), "b", OURS).record(release(3))
    assert next_number(store, OURS) == 4
    assert [each.number for each in kept(store, "b", OURS)] == [3, 2, 1]
    found = numbered(store, "b", OURS, 2)
    assert found is not None
    assert found.digest == SECOND


def test_what_is_recorded_now_counts_before_what_was() -> None:
    store = FakeS3([])
    earlier(store, release(1), release(2))
    Releases(store, FakeEcr([]), "b", OURS).record(release(2, digest=SECOND))
    assert [each.digest for each in kept(store, "b", OURS)] == [SECOND, FIRST]


def test_of_what_two_projects_wrote_to_one_place_each_takes_its_own() -> None:
    store = FakeS3([])
    earlier(store, release(1), release(2, "shop"), release(3), release(4, "shop"))
    assert next_number(store, OURS) == 4
    assert next_number(store, project("shop")) == 5
    assert [each.number for each in kept(store, "b", OURS)] == [3, 1]
    assert numbered(store, "b", OURS, 4) is None
    assert next_number(store, project("third")) == 1
