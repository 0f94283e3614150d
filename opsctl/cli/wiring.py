"""How a deployment of one environment is put together."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from opsctl.cli import context
from opsctl.cli.context import Target
from opsctl.deploy.deployment import Deployment
from opsctl.deploy.events import Emit
from opsctl.deploy.image import ImageSource, PublishedImage, image_uri
from opsctl.deploy.plan import Consent, ImagePlan
from opsctl.deploy.situation import Request, Situation
from opsctl.deploy.stream import Pace

if TYPE_CHECKING:
    from opsctl.deploy.image import Registry
    from opsctl.images.source import SourceVersion


def deployment(
    target: Target,
    emit: Emit,
    *,
    stacks: tuple[str, ...] = (),
    image_tag: str | None = None,
    consent: Consent | None = None,
    refresh_nat_image: bool = False,
    timeout_minutes: int = 60,
) -> Deployment:
    """Everything that `opsctl deploy`, `diff` and `status` need."""
    situation = Situation(
        target.env,
        target.templates,
        target.aws,
        image=image_source(target, image_tag),
        bundle=DbInitBundle(target),
        request=Request(
            run_id=context.run_id(),
            owner=context.owner(),
            command=context.command_line(),
            stacks=stacks,
            consent=consent or Consent(),
            refresh_nat_image=refresh_nat_image,
        ),
    )
    return Deployment(situation, emit=emit, pace=pace(target, timeout_minutes))


def pace(target: Target, timeout_minutes: int = 60) -> Pace:
    """CloudFormation's event calls are rate-limited per account; the emulator's are not."""
    return Pace(seconds=0.1 if target.is_local else 5.0, deadline=timeout_minutes * 60.0)


def image_source(target: Target, image_tag: str | None) -> ImageSource:
    """Where the release's image comes from: this checkout, or the registry. Raises UsageError for what is no tag."""
    from opsctl.images.names import check_tag
    from opsctl.images.source import migration_ids, source_version, tagged_commit

    root = target.workspace.root
    env = target.env
    if target.is_local and target.local.runtime == "processes" and image_tag is None:
        return LocalImage(target)
    version = source_version(root)
    tag = check_tag(image_tag) if image_tag is not None else env.ecs.image_tag or version.tag
    if env.ecs.build_on_deploy and image_tag is None:
        from opsctl.cli.image_source import BuiltImage

        return BuiltImage(target, tag=tag, commit=tagged_commit(tag))
    return PublishedImage(
        registry=target.aws.ecr,
        environment=env.name,
        region=env.region,
        repository=env.ecs.repository_name,
        tag=tag,
        owner_account=repository_account(target),
        commit=tagged_commit(tag),
        own_migrations=migration_ids(root / "service") if tag == version.tag else "",
    )


def repository_account(target: Target) -> str | None:
    """The account of the environment that manages the repository, when it is named."""
    for other in target.workspace.configuration.environments.values():
        same = other.target == "aws" and other.ecs.repository_name == target.env.ecs.repository_name
        if same and other.ecs.manage_repository:
            return other.account_id
    return None


@dataclass(frozen=True)
class LocalImage:
    """`source:service/`: a snapshot of the tree stands for the image; its digest follows from the content."""

    target: Target

    @cached_property
    def _version(self) -> SourceVersion:
        from opsctl.images.source import source_version

        return source_version(self.target.workspace.root)

    @cached_property
    def _digest(self) -> str:
        from opsctl.local.images import image_digest

        return image_digest(self.target.workspace.root / "service")

    @property
    def commit(self) -> str:
        """The checkout's commit."""
        return self._version.commit

    @cached_property
    def migrations(self) -> str:
        """Identifies the migrations in the tree."""
        from opsctl.images.source import migration_ids

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
        from opsctl.aws.errors import translated
        from opsctl.local.images import push_image, snapshot_image

        root = self.target.workspace.root
        digest = snapshot_image(root / "service", root)
        if plan.build:
            client = self.target.aws.client("ecr")
            with translated():
                push_image(client, root=root, repository=plan.repository, tag=plan.tag, digest=digest)
        return digest


@dataclass(frozen=True)
class DbInitBundle:
    """The DbInit function's zip, built on first use and kept under its content's hash."""

    target: Target

    @cached_property
    def _built(self) -> tuple[Path, str]:
        from opsctl.deploy.lambda_bundle import build_bundle

        root = self.target.workspace.root
        bundle = build_bundle(
            root,
            target="local" if self.target.is_local else "aws",
            cache_dir=root / ".opsctl" / "cache" / "bundles",
            architecture="arm64" if self.target.env.ecs.cpu_architecture == "ARM64" else "x86_64",
        )
        return bundle.path, bundle.sha256

    @property
    def key(self) -> str:
        """`bundles/{sha256}.zip`."""
        return f"bundles/{self._built[1]}.zip"

    def path(self) -> Path:
        """The zip file."""
        return self._built[0]
