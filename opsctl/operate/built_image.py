"""`build_on_deploy`: the release's image comes from this checkout, and is built and pushed when the registry lacks it.

The registry knows an image by its content as well as by its commit: a commit that changes nothing in the image finds
the one that is there. A tag that is there is what it is: it never moves and is never built again.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from opsctl.deploy.events import Emit
from opsctl.deploy.image import image_uri
from opsctl.deploy.plan import ImagePlan
from opsctl.images.content import content_tag
from opsctl.images.push import push
from opsctl.images.workshop import Workshop
from opsctl.operate.image import EventListener, default_engine, platforms_of, repository_of

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

    @property
    def _workshop(self) -> Workshop:
        return self.target.workshop

    @cached_property
    def _content_tag(self) -> str:
        platforms = platforms_of(None, self.target)
        return content_tag(self._workshop.content_key(self._workshop.base(), platforms))

    def plan(self, account: str) -> ImagePlan:
        """Ask the registry for the tag, then for the content; nothing is built here.

        Raises BuildError when set-up has not been run.
        """
        ecr, repository = self.target.aws.ecr, self.target.env.ecs.repository_name
        owner = self.target.repository_account or account
        digest = ecr.digest(repository, self.tag, registry=owner)
        if digest is None:
            known = ecr.digest(repository, self._content_tag, registry=owner)
            uri = image_uri(owner, self.target.env.region, repository, known) if known else None
            return ImagePlan(owner, repository, self.tag, None, True, uri)
        uri = image_uri(owner, self.target.env.region, repository, digest)
        return ImagePlan(owner, repository, self.tag, digest, False, uri)

    def ensure(self, plan: ImagePlan, emit: Emit) -> str:
        """Build and push what the registry lacks; content that it has gets the commit as one more tag."""
        if plan.digest is not None:
            return plan.digest
        ecr = self.target.aws.ecr
        known = ecr.digest(plan.repository, self._content_tag, registry=plan.account)
        if known is None:
            known = self._build_and_push(emit)
        ecr.add_tag(plan.repository, known, plan.tag, registry=plan.account)
        return known

    def _build_and_push(self, emit: Emit) -> str:
        listener = EventListener(emit, "image")
        shop = self._workshop
        base = shop.base(None, listener.line)
        built = shop.build(
            self._content_tag, platforms_of(None, self.target), default_engine(self.target), base, listener
        )
        repository = repository_of(self.target, writable=True)
        push(shop.store, shop.find(built.tag), repository, built.tag, listener=listener)
        return built.digest
