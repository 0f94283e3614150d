"""An image that stays while the processors of tasks change."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from opsctl.deploy.checks.architecture import architectures, image_problems
from opsctl.deploy.planning.plan import ImagePlan
from opsctl.stacks import catalog
from tests.unit.stacks.reading import environment

if TYPE_CHECKING:
    from opsctl.aws.ecr import Ecr

URI = "1.dkr.ecr.us-east-1.amazonaws.com/app@sha256:one"
PLAN = ImagePlan("1", "app", "abc", "sha256:one", False, URI)


class Registry:
    """Knows how many platforms an image is for, and whether it was asked."""

    def __init__(self, *platforms: str) -> None:
        self.platforms, self.asked = list(platforms), 0

    def platform_digests(self, repository: str, digest: str, *, registry: str | None = None) -> list[str]:
        self.asked += 1
        return self.platforms


def body(processor: str) -> str:
    platform = f"RuntimePlatform: {{CpuArchitecture: {processor}}}"
    return f"Resources:\n  Web: {{Type: AWS::ECS::TaskDefinition, Properties: {{{platform}}}}}\n"


def problems(
    registry: Registry,
    plan: ImagePlan | None = PLAN,
    deployed: str | None = URI,
    old: str = "X86_64",
    new: str = "ARM64",
) -> tuple[str, ...]:
    return image_problems(plan, deployed, body(old) if old else "", body(new), cast("Ecr", registry))


def test_an_image_for_one_platform_can_not_follow_to_another() -> None:
    (said,) = problems(Registry("sha256:one"))
    assert "app:abc runs on X86_64 now" in said
    assert "opsctl image build --platform linux/arm64" in said


def test_an_image_for_both_can() -> None:
    assert problems(Registry("sha256:a", "sha256:b")) == ()


@pytest.mark.parametrize(
    "given",
    [
        {"new": "X86_64"},
        {"old": ""},
        {"deployed": None},
        {"deployed": f"{URI}2"},
        {"plan": None},
        {"plan": ImagePlan("1", "app", "abc", None, True, None)},
    ],
)
def test_where_nothing_changes_or_another_image_comes_nobody_is_asked(given: dict[str, str]) -> None:
    registry = Registry("sha256:one")
    assert problems(registry, **given) == ()  # type: ignore[arg-type]
    assert registry.asked == 0


def test_the_processors_are_found_in_the_templates_that_are_deployed() -> None:
    (app,) = (each for each in catalog.templates(environment("dev")) if each.stack == "app")
    assert set(architectures(app.body).values()) == {"X86_64"}
