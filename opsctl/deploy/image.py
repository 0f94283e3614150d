"""The image of a release: found by tag in the registry, before any stack is touched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from opsctl.deploy.events import Emit
from opsctl.deploy.plan import ImagePlan
from opsctl.errors import OpsctlError


class ImageMissingError(OpsctlError):
    """The tag to deploy is not in the registry."""

    code = "image-missing"


class Registry(Protocol):
    """What finding and keeping an image needs of ECR."""

    def digest(self, repository: str, tag: str, *, registry: str | None = None) -> str | None: ...
    def add_tag(self, repository: str, digest: str, tag: str, *, registry: str | None = None) -> None: ...


class ImageSource(Protocol):
    """Where a deploy's image comes from. `commit` and `migrations` are "" when the source does not know them."""

    @property
    def commit(self) -> str: ...
    @property
    def migrations(self) -> str: ...
    def plan(self, account: str) -> ImagePlan:
        """Reads only. Raises ImageMissingError when there is no such image and none would be built."""
        ...

    def ensure(self, plan: ImagePlan, emit: Emit) -> str:
        """Build and push what is missing; returns the digest."""
        ...


def image_uri(account: str, region: str, repository: str, digest: str) -> str:
    """`{account}.dkr.ecr.{region}.amazonaws.com/{repository}@sha256:…`."""
    domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"{account}.dkr.ecr.{region}.{domain}/{repository}@{digest}"


@dataclass(frozen=True, slots=True)
class PublishedImage:
    """An image that somebody pushed before: `ecs.image_tag`, `--image-tag` or the commit names it."""

    registry: Registry
    environment: str
    region: str
    repository: str
    tag: str
    owner_account: str | None = None
    commit: str = ""
    migrations: str = ""

    def plan(self, account: str) -> ImagePlan:
        """Find the tag."""
        owner = self.owner_account or account
        digest = self.registry.digest(self.repository, self.tag, registry=owner)
        if digest is None:
            raise ImageMissingError(
                f"There is no image {self.repository}:{self.tag} in account {owner}, so nothing was changed.",
                hint=f"Push it with `opsctl image push --env {self.environment} --tag {self.tag}`, "
                "or name one that is there with --image-tag.",
            )
        uri = image_uri(owner, self.region, self.repository, digest)
        return ImagePlan(owner, self.repository, self.tag, digest, False, uri)

    def ensure(self, plan: ImagePlan, emit: Emit) -> str:  # noqa: ARG002
        """Nothing to build: the plan found it."""
        assert plan.digest is not None
        return plan.digest
