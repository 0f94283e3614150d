"""Keys that have a new home: they work, with a note; where both stand, the person is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from opsctl.config.loader import Configuration, InvalidConfigurationError, load
from opsctl.config.moved import move


def moved(**sections: Any) -> dict[str, Any]:
    return move(sections).data


def test_what_stood_under_ecs_for_the_web_is_the_webs() -> None:
    found = moved(ecs={"cpu": 512, "memory": 1024, "container_port": 9000, "domain_name": "a.example.com",
                       "repository_name": "shop"})  # fmt: skip
    assert found == {
        "ecs": {"repository_name": "shop"},
        "application": {"web": {"cpu": 512, "memory": 1024, "port": 9000, "domains": ("a.example.com",)}},
    }


@pytest.mark.parametrize(
    ("given", "count"),
    [
        ({"min_count": 2}, (2, 2)),
        ({"min_count": 3}, (3, 3)),
        ({"min_count": "x"}, ("x", 2)),
        ({"max_count": 5}, (1, 5)),
        ({"min_count": 3, "max_count": 9}, (3, 9)),
    ],
)
def test_two_counts_are_one_pair(given: dict[str, int], count: tuple[int, int]) -> None:
    assert moved(ecs=given)["application"]["web"]["count"] == count


def test_a_job_of_the_old_keys_gets_them_only_where_it_is_there() -> None:
    block = {"jobs": {"dataset": {"command": ("a",)}}}
    there = moved(ecs={"dataset_schedule": "rate(1 day)", "dataset_sources": ["b"]}, application=block)
    assert there["application"]["jobs"]["dataset"] == {"command": ("a",), "schedule": "rate(1 day)", "reads": ["b"]}
    result = move({"ecs": {"dataset_schedule": "rate(1 day)"}})
    assert result.data == {"ecs": {}}
    assert "no job is called dataset" in result.notes[0][1]


def test_a_null_says_nothing() -> None:
    assert moved(ecs={"certificate_arn": None, "cpu": None}) == {"ecs": {}}


def read(folder: Path, body: str) -> Configuration:
    path = folder / "environments.yaml"
    path.write_text(
        "defaults:\n  service: shop\n  client: acme\nenvironments:\n  dev:\n    target: local\n"
        "    ecs:\n      manage_repository: true\n" + body
    )
    return load(path)


def test_an_old_key_is_noted_with_its_line_and_new_place(tmp_path: Path) -> None:
    found = read(tmp_path, "      cpu: 512\n      memory: 1024\n")
    assert found.environments["dev"].application.web.cpu == 512
    assert [note.partition("yaml:")[2] for note in found.notes] == [
        "9: environments.dev.ecs.cpu is now application.web.cpu.",
        "10: environments.dev.ecs.memory is now application.web.memory.",
    ]


def test_a_mistake_in_an_old_key_is_told_where_it_stands(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfigurationError) as caught:
        read(tmp_path, "      cpu: 300\n      min_count: 0\n")
    assert [issue.path for issue in caught.value.issues] == [
        "environments.dev.ecs.cpu", "environments.dev.ecs.min_count",
    ]  # fmt: skip


def test_a_key_in_both_places_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfigurationError) as caught:
        read(tmp_path, "      cpu: 512\n    application: {web: {cpu: 256}}\n")
    (issue,) = caught.value.issues
    assert issue.path == "environments.dev.ecs.cpu"
    assert issue.what == "application.web.cpu is set as well"
