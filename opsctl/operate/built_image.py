"""`build_on_deploy`: the release's image comes from this checkout, and is built and pushed when the registry lacks it.

The registry knows an image by its content as well as by its commit: a commit that changes nothing in the image finds
the one that is there. A tag that is there never moves and is never built again: it has to be what was built here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from opsctl.aws.tags import settled
from opsctl.deploy.events import Emit
from opsctl.deploy.image import image_uri
from opsctl.deploy.planning.plan import ImagePlan
from opsctl.images.build.content import content_tag
from opsctl.images.oci.push import image_built_here, push
from opsctl.images.oci.store import Descriptor
from opsctl.images.workshop import Workshop
from opsctl.migrations.verdict import Migration
from opsctl.operate.image import EventListener, default_engine, platforms_of
from opsctl.operate.image_checks import sign_image
from opsctl.operate.repositories import repository_of

if TYPE_CHECKING:
    from opsctl.operate.target import Target


@dataclass(frozen=True)
class BuiltImage:
    """`tag` is the commit's, or the one that the configuration names. Built by the native engine, unless there is a
    Dockerfile.
    """

    target: Target
    tag: str
    commit: str = ""

    @cached_property
    def migrations(self) -> str:
        """Identifies the migrations in the tree."""
        return self.target.project.migrations

    @cached_property
    def verdicts(self) -> tuple[Migration, ...]:
        """What the release before can live with, of the migrations in the tree."""
        return self.target.project.verdicts

    @property
    def _workshop(self) -> Workshop:
        return self.target.workshop

    @cached_property
    def _content(self) -> str:
        return self._workshop.content_key(self._workshop.base(), platforms_of(None, self.target))

    @cached_property
    def _built(self) -> Descriptor | None:
        """What was built here of the checkout as it is now."""
        shop = self._workshop
        native = default_engine(self.target) == "native"
        return shop.built(self._content, native=native) if shop.store.images() else None

    def _there(self, tag: str, owner: str) -> tuple[str, str | None]:
        """The tag for what was built here, and what the registry has under it. Raises TagTakenError."""
        ecr, repository = self.target.aws.ecr, self.target.env.ecs.repository_name
        ours = image_built_here(self._built) if self._built is not None else None
        # Whoever built it, its signature lets it run. An engine's image has a tag of its own, so nothing is in its way.
        if ours is not None and ours.reproducible and self.target.wants_signatures:
            ours = None
        return settled(lambda each: ecr.digest(repository, each, registry=owner), repository, tag, ours)

    def _is_ours(self, digest: str | None) -> bool:
        return self._built is not None and digest == self._built.digest

    def plan(self, account: str) -> ImagePlan:
        """Ask the registry for the tag, then for the content; nothing is built here.

        Raises BuildError when set-up has not been run, TagTakenError when either is not what was built here.
        """
        repository = self.target.env.ecs.repository_name
        owner = self.target.repository_account or account
        tag, digest = self._there(self.tag, owner)
        known = digest or self._there(content_tag(self._content), owner)[1]
        uri = image_uri(owner, self.target.env.region, repository, known) if known else None
        return ImagePlan(owner, repository, tag, digest, digest is None, uri, digest is None and self._is_ours(known))

    def ensure(self, plan: ImagePlan, emit: Emit) -> str:
        """Build and push what the registry lacks; content that it has gets the commit as one more tag."""
        if plan.digest is not None:
            return plan.digest
        ecr = self.target.aws.ecr
        known = self._there(content_tag(self._content), plan.account)[1]
        if known is None:
            known = self._build_and_push(emit)
        elif self._is_ours(known):
            sign_image(self.target, known)  # a deploy that ended between push and signature has left this to us
        ecr.add_tag(plan.repository, known, plan.tag, registry=plan.account)
        return known

    def _build_and_push(self, emit: Emit) -> str:
        listener = EventListener(emit, "image")
        image, tag = self._built or self._build(listener), content_tag(self._content)
        push(self._workshop.store, image, repository_of(self.target, writable=True), tag, listener=listener)
        sign_image(self.target, image.digest)
        return image.digest

    def _build(self, listener: EventListener) -> Descriptor:
        shop = self._workshop
        built = shop.build(
            content_tag(self._content), platforms_of(None, self.target), default_engine(self.target),
            shop.base(None, listener.line), listener,
        )  # fmt: skip
        return shop.store.require(built.tag)
