"""What ECR's lifecycle would expire, by its documented rules. [UG ECR LifecyclePolicies, lifecycle evaluation rules]

Rules go by priority. Each sees all images that it selects, those that an earlier rule marked as well; it marks none
that an earlier one selects by their tags. Images are counted from the youngest, by when they were pushed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Image:
    """An image by its tags, and for how many days it has been there."""

    tags: frozenset[str]
    days: float


def image(*tags: str, days: float = 0) -> Image:
    """One image."""
    return Image(frozenset(tags), days)


def expired(policy: str, images: Iterable[Image]) -> set[Image]:
    """The images that go."""
    youngest = sorted(images, key=lambda each: each.days)
    gone, safe = set[Image](), set[Image]()
    for rule in sorted(json.loads(policy)["rules"], key=lambda each: each["rulePriority"]):
        chosen = [each for each in youngest if _selects(rule["selection"], each)]
        gone |= {each for each in _beyond(rule["selection"], chosen) if each not in safe}
        if rule["selection"]["tagStatus"] == "tagged":
            safe |= set(chosen)
    return gone


def _selects(selection: dict[str, Any], found: Image) -> bool:
    if selection["tagStatus"] == "untagged":
        return not found.tags
    prefixes = selection.get("tagPrefixList", ())
    return all(any(tag.startswith(prefix) for tag in found.tags) for prefix in prefixes)


def _beyond(selection: dict[str, Any], chosen: list[Image]) -> list[Image]:
    if selection["countType"] == "imageCountMoreThan":
        return chosen[selection["countNumber"] :]
    return [each for each in chosen if each.days > selection["countNumber"]]
