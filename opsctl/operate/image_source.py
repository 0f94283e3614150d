"""Where the image of a release comes from: the registry, an image built here, or this checkout as it lies here."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from opsctl.aws.tags import with_digest
from opsctl.deploy.events import Emit, LogLine
from opsctl.deploy.image import ImageSource, PublishedImage, ReleasedImage, image_uri
from opsctl.deploy.planning.plan import ImagePlan
from opsctl.deploy.release import Release, free_tag, release_number
from opsctl.errors import OpsctlError
from opsctl.images.checkout.source import tagged_commit
from opsctl.images.names import KEPT, check_tag
from opsctl.migrations.verdict import Migration

if TYPE_CHECKING:
    from pathlib import Path

    from opsctl.aws.ecr import Ecr
    from opsctl.aws.tags import BuiltHere
    from opsctl.images.python.lock import Locked
    from opsctl.local.tasks.images import Source
    from opsctl.operate.target import Target


def image_source(target: Target, image_tag: str | None) -> ImageSource:
    """Where the release's image comes from: this checkout, or the registry. Raises UsageError for what is no tag."""
    env = target.env
    if target.is_local and target.local.runtime == "processes" and image_tag is None:
        return LocalImage(target)
    if env.ecs.build_on_deploy and image_tag is None:
        with suppress(OpsctlError):  # told by the plan, if it comes to that
            target.workshop.settle(target.workspace.tell)
    version = target.project.version
    tag = check_tag(image_tag) if image_tag is not None else env.ecs.image_tag or version.tag
    if env.ecs.build_on_deploy and image_tag is None:
        from opsctl.operate.built_image import BuiltImage  # what builds images takes longer to import

        tag = free_tag(tag, target.workspace.configuration.environments)
        return _checked(target, BuiltImage(target, tag=tag, commit=tagged_commit(tag)))
    return _checked(
        target,
        PublishedImage(
            registry=target.aws.ecr,
            environment=env.name,
            region=env.region,
            repository=env.ecs.repository_name,
            tag=tag,
            owner_account=target.repository_account,
            commit=tagged_commit(tag),
            own_migrations=target.project.migrations if tag == version.tag else "",
            own_verdicts=lambda: target.project.verdicts if tag == version.tag else None,
            ours=None if target.wants_signatures else _ours(target, tag),
            released=_released(target, tag),
        ),
    )


def released_image(target: Target, release: Release) -> ImageSource:
    """The image that a release ran, checked as any other."""
    env = target.env
    return _checked(
        target,
        ReleasedImage(
            registry=target.aws.ecr,
            environment=env.name,
            region=env.region,
            repository=env.ecs.repository_name,
            release=release,
            owner_account=target.repository_account,
        ),
    )


def _checked(target: Target, source: ImageSource) -> ImageSource:
    wanted = target.env.images
    if target.is_local or (wanted.verify is None and wanted.promoted_from is None):
        return source
    from opsctl.operate.image_checks import CheckedImage

    return CheckedImage(source, target)


def _ours(target: Target, tag: str) -> BuiltHere | None:
    """What this checkout has under the tag."""
    if not (target.workspace.root / KEPT / "index.json").is_file():
        return None  # what reads images takes longer to import
    from opsctl.images.oci.push import image_built_here

    found = target.image_store.find(tag)
    return image_built_here(found) if found is not None else None


def _released(target: Target, tag: str) -> str | None:
    """What the release ran that the tag is called after, by its record; None for a tag of none."""
    for name, other in target.workspace.configuration.environments.items():
        number = release_number(tag, name) if other.ecs.repository_name == target.env.ecs.repository_name else None
        if number is not None:
            from opsctl.operate.image_checks import released_digest

            return released_digest(target, name, number)
    return None


@dataclass(frozen=True)
class LocalImage:
    """A copy of the application's files stands for the image; its digest follows from what it is made of."""

    target: Target

    @cached_property
    def _locked(self) -> Locked:
        from opsctl.images.python.lock import read_lock

        return read_lock(self.target.project, frozen=self.target.frozen, tell=self.target.workspace.tell)

    @cached_property
    def _digest(self) -> str:
        from opsctl.local.tasks.images import image_digest

        return image_digest(self._source)

    @cached_property
    def _source(self) -> Source:
        from opsctl.images.python.harmless import build_environment
        from opsctl.local.tasks.images import Source

        application = self.target.env.application
        said = (self._locked.text, application.build.commands, build_environment(application))
        return Source(self.target.project.files, hashlib.sha256(repr(said).encode()).hexdigest(), self._build)

    @property
    def commit(self) -> str:
        """The checkout's commit."""
        return self.target.project.version.commit

    @cached_property
    def migrations(self) -> str:
        """Identifies the migrations in the tree."""
        return self.target.project.migrations

    @cached_property
    def verdicts(self) -> tuple[Migration, ...]:
        """What the release before can live with, of the migrations in the tree."""
        return self.target.project.verdicts

    @property
    def _registry(self) -> Ecr:
        return self.target.aws.ecr

    def plan(self, account: str) -> ImagePlan:
        """The digest is known without building; whether it was pushed, the registry knows."""
        env = self.target.env
        repository, tag = env.ecs.repository_name, with_digest("content", self._digest)
        pushed = self._registry.digest(repository, tag, registry=account) == self._digest
        uri = image_uri(account, env.region, repository, self._digest)
        return ImagePlan(account, repository, tag, self._digest if pushed else None, not pushed, uri)

    def ensure(self, plan: ImagePlan, emit: Emit) -> str:
        """Install the packages, copy the files aside, build, and register the image with the emulator's ECR."""
        from opsctl.aws.translation import translated
        from opsctl.local.tasks.images import Start, push_image, snapshot_image

        root = self.target.workspace.root
        self._tell(emit)
        start = Start(str(self._python), self.target.project.manage, str(self._layer))
        digest = snapshot_image(self._source, start, root, spared=self._released)
        # Another deploy may have registered it since the plan was made.
        if plan.build and self._registry.digest(plan.repository, plan.tag, registry=plan.account) != digest:
            client = self.target.aws.client("ecr")
            with translated():
                push_image(client, root=root, repository=plan.repository, tag=plan.tag, digest=digest)
        return digest

    def _released(self) -> set[str]:
        from opsctl.operate.releases import recorded_digests

        return recorded_digests(self.target)

    def _tell(self, emit: Emit) -> None:
        object.__setattr__(self, "_heard", lambda text: emit(LogLine("image", text)))

    @cached_property
    def _python(self) -> Path:
        from opsctl.images.python.virtualenv import environments_folder, make_environment
        from opsctl.local.tasks.images import pythons_of

        tell = self.__dict__.get("_heard", self.target.workspace.tell)
        folder = environments_folder(self.target.workspace.root)
        return make_environment(
            self.target.project, self._locked, folder, tell,
            spared=lambda: pythons_of(self.target.local.state, self._released()),
        )  # fmt: skip

    @cached_property
    def _layer(self) -> Path:
        from opsctl.layer.contents import unpack
        from opsctl.paths import certificates

        return unpack(self.target.workspace.root / ".opsctl" / "layers", certificates())

    def _build(self, folder: Path) -> None:
        from opsctl.images.build.commands import run_here

        run_here(self.target.project, self._python, folder, self.__dict__.get("_heard", self.target.workspace.tell))
