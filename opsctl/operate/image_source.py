"""Where the image of a release comes from: the registry, an image built here, or this checkout as it lies here."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from opsctl.deploy.events import Emit
from opsctl.deploy.image import ImageSource, PublishedImage, image_uri
from opsctl.deploy.plan import ImagePlan
from opsctl.images.names import check_tag
from opsctl.images.source import migration_ids, source_version, tagged_commit

if TYPE_CHECKING:
    from opsctl.deploy.image import Registry
    from opsctl.images.source import SourceVersion
    from opsctl.operate.target import Target


def image_source(target: Target, image_tag: str | None) -> ImageSource:
    """Where the release's image comes from: this checkout, or the registry. Raises UsageError for what is no tag."""
    root = target.workspace.root
    env = target.env
    if target.is_local and target.local.runtime == "processes" and image_tag is None:
        return LocalImage(target)
    version = source_version(root)
    tag = check_tag(image_tag) if image_tag is not None else env.ecs.image_tag or version.tag
    if env.ecs.build_on_deploy and image_tag is None:
        from opsctl.operate.built_image import BuiltImage  # what builds images takes longer to import

        return BuiltImage(target, tag=tag, commit=tagged_commit(tag))
    return PublishedImage(
        registry=target.aws.ecr,
        environment=env.name,
        region=env.region,
        repository=env.ecs.repository_name,
        tag=tag,
        owner_account=target.repository_account,
        commit=tagged_commit(tag),
        own_migrations=migration_ids(root / "service") if tag == version.tag else "",
    )


@dataclass(frozen=True)
class LocalImage:
    """`source:service/`: a snapshot of the tree stands for the image; its digest follows from the content."""

    target: Target

    @cached_property
    def _version(self) -> SourceVersion:
        return source_version(self.target.workspace.root)

    @cached_property
    def _digest(self) -> str:
        from opsctl.local.tasks.images import image_digest

        return image_digest(self.target.workspace.root / "service")

    @property
    def commit(self) -> str:
        """The checkout's commit."""
        return self._version.commit

    @cached_property
    def migrations(self) -> str:
        """Identifies the migrations in the tree."""
        return migration_ids(self.target.workspace.root / "service")

    @property
    def _registry(self) -> Registry:
        return self.target.aws.ecr

    def plan(self, account: str) -> ImagePlan:
        """The digest is known without building; whether it was pushed, the registry knows."""
        env = self.target.env
        repository, tag = env.ecs.repository_name, f"content-{self._digest[7:19]}"
        pushed = self._registry.digest(repository, tag, registry=account) == self._digest
        uri = image_uri(account, env.region, repository, self._digest)
        return ImagePlan(account, repository, tag, self._digest if pushed else None, not pushed, uri)

    def ensure(self, plan: ImagePlan, emit: Emit) -> str:  # noqa: ARG002
        """Copy the tree aside and register it with the emulator's ECR."""
        from opsctl.aws.translation import translated
        from opsctl.local.tasks.images import push_image, snapshot_image

        root = self.target.workspace.root
        digest = snapshot_image(root / "service", root)
        if plan.build:
            client = self.target.aws.client("ecr")
            with translated():
                push_image(client, root=root, repository=plan.repository, tag=plan.tag, digest=digest)
        return digest
