"""The image of a release: found by tag in the registry, before any stack is touched."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from opsctl.aws.tags import BuiltHere, settled
from opsctl.config.naming import MIGRATIONS_ANNOTATION, VERDICTS_ANNOTATION
from opsctl.deploy.events import Emit
from opsctl.deploy.planning.plan import ImagePlan
from opsctl.errors import ExitCode, OpsctlError
from opsctl.migrations.verdict import Migration, from_text

if TYPE_CHECKING:
    from opsctl.aws.ecr import Ecr
    from opsctl.deploy.release import Release


class ImageMissingError(OpsctlError):
    """The tag to deploy is not in the registry."""

    code = "image-missing"


class ImageRefusedError(OpsctlError):
    """An image is there, and the environment does not run it."""

    code = "image-refused"
    exit_code = ExitCode.AWS_REFUSED


class ImageSource(Protocol):
    """Where a deploy's image comes from. `commit` and `migrations` (ids of each) are "" when they are not known;
    `verdicts` is None when nobody noted which migrations it brings.
    """

    @property
    def commit(self) -> str: ...
    @property
    def migrations(self) -> str: ...
    @property
    def verdicts(self) -> tuple[Migration, ...] | None: ...
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

    `own_migrations` and `own_verdicts` are the checkout's, given when the tag is the checkout's: images of other tools
    tell nothing.
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
    own_verdicts: Callable[[], tuple[Migration, ...] | None] = lambda: None
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
        return self._noted.get(MIGRATIONS_ANNOTATION) or self.own_migrations

    @cached_property
    def verdicts(self) -> tuple[Migration, ...] | None:
        """Those that the image's builder noted in it."""
        noted = self._noted.get(VERDICTS_ANNOTATION)
        return from_text(noted) if noted is not None else self.own_verdicts()

    @cached_property
    def _noted(self) -> dict[str, str]:
        if self._digest is None:
            return {}
        return self.registry.annotations(self.repository, self._digest, registry=self.owner_account)

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


@dataclass(frozen=True)
class ReleasedImage:
    """What a release ran, by its record: the very digest, whatever its tags name today.

    `region`, `repository` and `owner_account` are those of the environment's images, as a PublishedImage has them: the
    record alone may not lead to another registry, as it is no more than what somebody wrote into the bucket.
    """

    registry: Ecr
    environment: str
    region: str
    repository: str
    release: Release
    owner_account: str | None = None

    @property
    def commit(self) -> str:
        """The release's."""
        return self.release.commit

    @property
    def migrations(self) -> str:
        """Those that its database had, which its own are among."""
        return self.release.migrations

    @property
    def verdicts(self) -> tuple[Migration, ...] | None:
        """As they were recorded."""
        return self.release.verdicts

    def plan(self, account: str) -> ImagePlan:
        """Ask the registry whether the image is still there. Raises ImageMissingError, and ImageRefusedError for one
        of another registry or repository.
        """
        if not self.release.image or not self.release.digest:
            raise ImageMissingError(
                f"The record of release {self.release.number} names no image, so there is nothing to roll back to.",
                hint=f"`opsctl releases --env {self.environment}` shows which releases can be rolled back to.",
            )
        owner, repository = self.owner_account or account, self.repository
        uri = image_uri(owner, self.region, repository, self.release.digest)
        if self.release.image != uri:
            raise ImageRefusedError(
                f"The record of release {self.release.number} names the image {self.release.image}, and {uri} is where "
                f"{self.environment} would have it from, so nothing was changed.",
                hint="Deploy the commit again where the repository is another by now. Otherwise find out who wrote the "
                "record: CloudTrail has it if it logs the artifact bucket's data events.",
            )
        if not self.registry.holds(repository, self.release.digest, registry=None if owner == account else owner):
            raise ImageMissingError(
                f"The image of release {self.release.number}, {repository}@{self.release.digest[:19]}…, is not in the "
                "registry any more, so nothing was changed.",
                hint=f"Roll back to another release (`opsctl releases --env {self.environment}`), or build and deploy "
                f"the commit {self.release.commit or 'of that release'} again.",
            )
        return ImagePlan(owner, repository, self.release.tag, self.release.digest, False, self.release.image)

    def ensure(self, plan: ImagePlan, emit: Emit) -> str:  # noqa: ARG002
        """Nothing to build: it ran here."""
        assert plan.digest is not None
        return plan.digest


def place_of(uri: str) -> tuple[str, str] | None:
    """Account and repository of an image's URI in ECR; None for another text."""
    found = re.fullmatch(r"(\d{12})\.dkr\.ecr\.[^/]+/([^@]+)@sha256:[0-9a-f]{64}", uri)
    return (found[1], found[2]) if found else None
