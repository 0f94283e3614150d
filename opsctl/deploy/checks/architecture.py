"""Whether an image that stays can run on the processors that a changed setting gives tasks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from opsctl.deploy.planning import compare

if TYPE_CHECKING:
    from opsctl.aws.ecr import Ecr
    from opsctl.deploy.planning.plan import ImagePlan

_TASK = "AWS::ECS::TaskDefinition"


def image_problems(
    image: ImagePlan | None, deployed_uri: str | None, before: str, wanted: str, registry: Ecr
) -> tuple[str, ...]:
    """What ECS would find minutes in: tasks of another processor with an image for the one before alone.

    `before` and `wanted` are templates. An image that comes with the change is its builder's business; the registry is
    asked only where the one that runs stays.
    """
    if before == wanted or image is None or image.digest is None or image.uri != deployed_uri:
        return ()
    had, has = architectures(before), architectures(wanted)
    changed = {name: (had[name], now) for name, now in has.items() if name in had and had[name] != now}
    if not changed or len(registry.platform_digests(image.repository, image.digest, registry=image.account)) > 1:
        return ()
    old, new = next(iter(changed.values()))
    platform = {"ARM64": "linux/arm64", "X86_64": "linux/amd64"}.get(new, new)
    return (
        f"architecture: the image {image.repository}:{image.tag} runs on {old} now and is for one platform alone, so "
        f"its tasks could not start on {new}. Build this content for {platform} under a tag of its own (`opsctl image "
        f"build --platform {platform} --tag …`, `push`, then `deploy --image-tag …`), or commit the change first.",
    )


def architectures(body: str) -> dict[str, str]:
    """Processor by logical id of the task definitions of a template."""
    resources: Mapping[str, Mapping[str, object]] = compare.resources_of(body) if body else {}
    found = {}
    for name, resource in resources.items():
        properties = resource.get("Properties")
        platform = properties.get("RuntimePlatform") if isinstance(properties, dict) else None
        if resource.get("Type") == _TASK and isinstance(platform, dict):
            found[name] = str(platform.get("CpuArchitecture", ""))
    return found
