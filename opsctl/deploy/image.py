"""The image of a release: found by tag in the registry, before any stack is touched."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from opsctl.aws.tags import BuiltHere, settled
from opsctl.config.naming import MIGRATIONS_ANNOTATION
from opsctl.deploy.events import Emit
from opsctl.deploy.planning.plan import ImagePlan
from opsctl.errors import ExitCode, OpsctlError

if TYPE_CHECKING:
    from opsctl.aws.ecr import Ecr


class ImageMissingError(OpsctlError):
    """The tag to deploy is not in the registry."""

    code = "image-missing"


class ImageRefusedError(OpsctlError):
    """An image is there, and the environment does not run it."""

    code = "image-refused"
    exit_code = ExitCode.AWS_REFUSED


class ImageSource(Protocol):
    """Where a deploy's image comes from. `commit` and `migrations` (ids of each) are "" when they are not known."""

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


def digest_of(uri: str | None) -> str:
    """The digest in an image's URI, in hex; "" where there is no image yet."""
    return (uri or "").rpartition("@sha256:")[2]


@dataclass(frozen=True)
class PublishedImage:
    """An image that somebody pushed before: `ecs.image_tag`, `--image-tag` or the commit names it.

    `own_migrations` are the checkout's, given when the tag is the checkout's: images of other tools tell nothing.
    `ours` is what this checkout has under the tag; `released`, the digest in the record of the release that the
    tag is called after.
    """

    registry: Ecr
    environment: str
    region: str
    repository: str
    tag: str
    owner_account: str | None = None
    commit: str = ""
    own_migrations: str = ""
    ours: BuiltHere | None = None
    released: str | None = None

    @cached_property
    def _digest(self) -> str | None:
        if self.released is not None:
            return self.released
        return settled(self._ask, self.repository, self.tag, self.ours)[1]

    def _ask(self, tag: str) -> str | None:
        return self.registry.digest(self.repository, tag, registry=self.owner_account)

    @cached_property
    def migrations(self) -> str:
        """Those that the image's builder noted in it."""
        if self._digest is None:
            return ""
        noted = self.registry.annotations(self.repository, self._digest, registry=self.owner_account)
        return noted.get(MIGRATIONS_ANNOTATION) or self.own_migrations

    def plan(self, account: str) -> ImagePlan:
        """Find the tag."""
        owner = self.owner_account or account
        if self._digest is None:
            raise ImageMissingError(
                f"There is no image {self.repository}:{self.tag} in account {owner}, so nothing was changed.",
                hint=f"Push it with `opsctl image push --env {self.environment} --tag {self.tag}`, "
                "or name one that is there with --image-tag.",
            )
        uri = image_uri(owner, self.region, self.repository, self._digest)
        return ImagePlan(owner, self.repository, self.tag, self._digest, False, uri)

    def ensure(self, plan: ImagePlan, emit: Emit) -> str:  # noqa: ARG002
        """Nothing to build: the plan found it."""
        assert plan.digest is not None
        return plan.digest
