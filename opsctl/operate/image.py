"""Images of an environment: built here, in its repository, and on the way from one to the other."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, get_args

from opsctl.aws.tags import settled
from opsctl.config.naming import signature_tag
from opsctl.deploy.events import Emit, LogLine, Note, Progress, as_notes
from opsctl.deploy.graph import step
from opsctl.deploy.release import free_tag
from opsctl.errors import UsageError
from opsctl.images.build.contract import Engine
from opsctl.images.names import DIGEST, check_tag
from opsctl.images.oci.push import Pushed, image_built_here, push
from opsctl.images.oci.store import CREATED, ENGINE, REF_NAME, Descriptor, ImageStore
from opsctl.images.registry.repository import Repository
from opsctl.operate.repositories import other_repository, repository_of

if TYPE_CHECKING:
    from opsctl.images.workshop import Built
    from opsctl.operate.target import Target

_ENGINES: tuple[Engine, ...] = get_args(Engine)


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Another repository than the environment's, and who asks there."""

    repository: str | None
    user: str | None
    password: str | None

    def open(self) -> Repository | None:
        """The repository; None when none was named."""
        if self.repository is None:
            if self.user or self.password is not None:
                raise UsageError("A login is for --repository alone; ECR's comes from your AWS credentials.")
            return None
        return other_repository(self.repository, self.user, self.password)


def run_build(
    target: Target,
    *,
    tag: str | None,
    platform: str | None,
    engine: str | None,
    base: str | None,
    test: bool,
    emit: Emit,
) -> Built:
    """Build in this checkout."""
    engine = engine or default_engine(target)
    if engine not in _ENGINES:
        raise UsageError(f"There is no engine `{engine}`.", hint=f"Choose from {', '.join(_ENGINES)}.")
    shop, listener = target.workshop, EventListener(emit, "build")
    if tag is None and base is None and engine == "native":
        shop.settle(listener.line)  # else the lock would be written under the tag of a checkout without it
    tag = free_tag(tag or target.project.version.tag, target.workspace.configuration.environments)
    platforms = platforms_of(platform, target)
    with step(emit, "build", f"{tag} for {', '.join(platforms)} with {engine}") as ending:
        built = shop.build(tag, platforms, engine, shop.base(base, listener.line), listener, test=test)
        ending.changed, ending.text = not built.unchanged, built.digest[:19]
    return built


def default_engine(target: Target) -> Engine:
    """None at all, unless the application has a Dockerfile."""
    return "docker" if target.env.application.dockerfile is not None else "native"


def run_lock(target: Target, *, frozen: bool) -> dict[str, Any]:
    """Resolve what the application requires, where opsctl.lock is not what it would be made from now."""
    from opsctl.images.python.lock import LOCK_NAME, read_lock
    from opsctl.images.workshop import Workshop

    application, told = target.env.application, list[str]()
    if application.image is not None or application.dockerfile is not None:
        raise UsageError(
            "The application's image is not made from requirements, so there is nothing to lock.",
            hint="Its Dockerfile, or who made the image, locks them.",
        )
    shop = Workshop(target.project, frozen=frozen)
    locked = read_lock(target.project, frozen=frozen, tell=told.append)
    base = shop.found_base(None, told.append)
    return {"lock": locked.path.name, "written": bool(told), "base": str(base), "python": locked.python,
            "file": str(target.workspace.root / LOCK_NAME)}  # fmt: skip


def run_push(target: Target, *, tag: str | None, elsewhere: Elsewhere, emit: Emit) -> Pushed:
    """Push what was built here. A tag that was named is this one or none: others deploy by it."""
    store, named = target.image_store, tag is not None
    tag = free_tag(tag or target.project.version.tag, target.workspace.configuration.environments)
    image = store.require(tag)
    if (other := elsewhere.open()) is not None:
        return _push(store, image, other, tag, emit, named=named)
    from opsctl.operate.image_checks import sign_image

    with target.outlasting(as_notes(emit)):
        pushed = _push(store, image, repository_of(target, writable=True), tag, emit, named=named)
        return replace(pushed, signed=sign_image(target, pushed.digest))


def _push(store: ImageStore, image: Descriptor, repository: Repository, tag: str, emit: Emit, *, named: bool) -> Pushed:
    with step(emit, "push", f"{tag} to {repository.name.registry}/{repository.name.repository}") as ending:
        pushed = push(store, image, repository, tag, exact=named, listener=EventListener(emit, "push"))
        ending.changed, ending.text = bool(pushed.sent), pushed.digest[:19]
    if pushed.tag != tag:
        own = pushed.tag
        emit(Note(f"{tag} is taken by another image; pushed as {own}, deploy it with --image-tag {own}."))
    return pushed


def run_sign(target: Target, reference: str | None, emit: Emit) -> dict[str, Any]:
    """Sign an image of the environment's repository, by tag or digest, with the KMS key of `images.verify`."""
    if target.is_local:
        raise UsageError(
            f"{target.env.name} runs on this machine and asks for no signature.",
            hint="Name an environment on AWS with --env.",
        )
    if target.env.images.kms_key is None:
        raise UsageError(
            f"{target.env.name} has no KMS key to sign with.", hint="Write one as images.verify in environments.yaml."
        )
    with target.outlasting(as_notes(emit)):
        return _sign(target, reference or target.project.version.tag, emit, named=reference is not None)


def _sign(target: Target, reference: str, emit: Emit, *, named: bool) -> dict[str, Any]:
    from opsctl.deploy.image import ImageMissingError
    from opsctl.operate.image_checks import sign_image

    repository = repository_of(target)
    digest: str | None = reference
    if not DIGEST.fullmatch(reference):
        found = target.image_store.find(check_tag(reference))
        if found is None and not named:
            raise UsageError(
                f"Nothing was built here as {reference}, so whose image {repository.name.repository}:{reference} is "
                "nobody can tell, and none is signed unnamed.",
                hint="Name the digest that you mean (`opsctl image list` shows them), or build and push yours with "
                "`opsctl image build` and `opsctl image push`.",
            )
        ours = image_built_here(found) if found is not None else None
        # Without a reference it is the image that a push without --tag pushed.
        reference, digest = settled(repository.digest, repository.name.repository, reference, ours, exact=named)
    if digest is None or repository.digest(digest) is None:
        raise ImageMissingError(
            f"There is no image {repository.name.repository}:{reference}.",
            hint=f"Push it with `opsctl image push --env {target.env.name}`, which signs it.",
        )
    with step(emit, "sign", f"{reference} with {target.env.images.kms_key}") as ending:
        ending.changed = sign_image(target, digest)
        ending.text = digest[:19]
    image = f"{repository.name.registry}/{repository.name.repository}@{digest}"
    return {"image": image, "tag": signature_tag(digest), "digest": digest, "signed": ending.changed}


def stored(target: Target) -> list[dict[str, Any]]:
    """Images in this checkout's store, newest first."""
    store = target.image_store
    return [
        {
            "tags": [image.annotations.get(REF_NAME, "")],
            "digest": image.digest,
            "size": sum(blob.size for each in store.platforms(image) for blob in store.blobs(each)),
            "time": image.annotations.get(CREATED, ""),
            "engine": image.annotations.get(ENGINE, ""),
            "platforms": [each.platform for each in store.platforms(image) if each.platform],
        }
        for image in store.images()
    ]


def published(target: Target, elsewhere: Elsewhere) -> list[dict[str, Any]]:
    """Images in a repository: ECR tells sizes and times, other registries tags and digests."""
    other = elsewhere.open()
    if other is not None:
        return _tagged(other)
    owner = target.repository_account
    return [
        {"tags": list(image.tags), "digest": image.digest, "size": image.size, "time": image.pushed}
        for image in target.aws.ecr.images(target.env.ecs.repository_name, registry=owner)
    ]


def _tagged(repository: Repository) -> list[dict[str, Any]]:
    tags = repository.tags()
    with ThreadPoolExecutor(4) as pool:
        digests = list(pool.map(repository.digest, tags))
    found: dict[str, list[str]] = {}
    for tag, digest in zip(tags, digests, strict=True):
        if digest is not None:  # deleted meanwhile
            found.setdefault(digest, []).append(tag)
    return [{"tags": names, "digest": digest, "size": 0, "time": ""} for digest, names in found.items()]


@dataclass(frozen=True)
class EventListener:
    """Shows work on an image as a step of the display."""

    emit: Emit
    step: str

    def line(self, text: str) -> None:
        """A line of the log."""
        self.emit(LogLine(self.step, text))

    def progress(self, text: str, done: int, total: int) -> None:
        """Bytes so far."""
        self.emit(Progress(self.step, text, done, total, "bytes"))


def platforms_of(text: str | None, target: Target | None) -> tuple[str, ...]:
    """`linux/amd64,linux/arm64` as a tuple; without it the platforms that the environment's tasks run on."""
    if text:
        return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if target is None:
        return ("linux/amd64",)
    default, names = target.env.ecs.cpu_architecture, {"X86_64": "linux/amd64", "ARM64": "linux/arm64"}
    wanted = {process.architecture or default for _, process in target.env.application.processes()}
    return tuple(sorted(names[each] for each in wanted))
