"""What the commands of `opsctl image` run, and how their results read."""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

from opsctl.cli import output
from opsctl.cli.images import (
    Built,
    EventListener,
    Workshop,
    other_repository,
    platforms_of,
    push_image,
    repository_of,
)
from opsctl.cli.progress import listening
from opsctl.cli.wiring import repository_account
from opsctl.deploy.events import StepFinished, StepStarted
from opsctl.errors import UsageError
from opsctl.images.engines import Engine
from opsctl.images.listener import megabytes
from opsctl.images.push import Pushed
from opsctl.images.registry import Repository
from opsctl.images.source import source_version
from opsctl.images.store import CREATED, ENGINE, REF_NAME

if TYPE_CHECKING:
    from opsctl.cli.context import Target

_ENGINES: tuple[Engine, ...] = get_args(Engine)


@dataclass(frozen=True, slots=True)
class Login:
    """Another repository, and who asks there; the password comes by stdin."""

    repository: str | None
    user: str | None
    password_stdin: bool

    def open(self) -> Repository | None:
        """The repository; None when none was named."""
        password = sys.stdin.readline().rstrip("\r\n") if self.password_stdin else None
        if self.repository is None:
            if self.user or password is not None:
                raise UsageError("A login is for --repository alone; ECR's comes from your AWS credentials.")
            return None
        return other_repository(self.repository, self.user, password)


def run_build(
    target: Target, *, tag: str | None, platform: str | None, engine: str, base: str | None, test: bool, as_json: bool
) -> Built:
    """Build under a progress display."""
    if engine not in _ENGINES:
        raise UsageError(f"There is no engine `{engine}`.", hint=f"Choose from {', '.join(_ENGINES)}.")
    shop = Workshop(target.workspace.root)
    tag = tag or source_version(shop.root).tag
    platforms = platforms_of(platform, target)
    with listening(as_json=as_json) as emit:
        emit(StepStarted("build", f"{tag} for {', '.join(platforms)} with {engine}"))
        built = shop.build(tag, platforms, engine, shop.base(base), EventListener(emit, "build"), test=test)
        emit(StepFinished("build", "unchanged" if built.unchanged else "done", built.digest[:19], built.seconds))
    return built


def run_push(target: Target, *, tag: str | None, login: Login, as_json: bool) -> Pushed:
    """Push under a progress display."""
    shop = Workshop(target.workspace.root)
    tag = tag or source_version(shop.root).tag
    shop.find(tag)
    repository = login.open() or repository_of(target, writable=True)
    with listening(as_json=as_json) as emit:
        started = time.monotonic()
        emit(StepStarted("push", f"{tag} to {repository.name.registry}/{repository.name.repository}"))
        pushed = push_image(shop, tag, repository, emit)
        outcome = "done" if pushed.sent else "unchanged"
        emit(StepFinished("push", outcome, pushed.digest[:19], time.monotonic() - started))  # type: ignore[arg-type]
    return pushed


def built_here(target: Target) -> list[dict[str, Any]]:
    """Images in this checkout's store, newest first."""
    store = Workshop(target.workspace.root).store
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


def published(target: Target, login: Login) -> list[dict[str, Any]]:
    """Images in a repository: ECR tells sizes and times, other registries tags and digests."""
    other = login.open()
    if other is not None:
        return _tagged(other)
    owner = repository_account(target)
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


def built_text(built: Built) -> str:
    """For people."""
    verb = "was built before" if built.unchanged else f"is built in {built.seconds:.1f} s"
    lines = [f"{built.tag} {verb}: {built.digest}, {megabytes(built.size)}, {', '.join(built.platforms)}."]
    if built.tested is not None:
        lines.append(f"{built.tested} tests ran inside it, as many as this machine collects.")
    lines += [f"Bill of materials: {path}" for path in built.sbom]
    return "\n".join(lines)


def pushed_text(pushed: Pushed) -> str:
    """For people: the digest stands alone on the last line."""
    did = f"{pushed.sent} layers, {megabytes(pushed.size)} sent" if pushed.sent else "nothing to send"
    return f"{pushed.tag}: {did}, {pushed.present} there already, {pushed.seconds:.1f} s.\n{pushed.image}"


def images_text(rows: list[dict[str, Any]]) -> str:
    """For people."""
    if not rows:
        return "There are no images."
    return output.table(
        ("TAGS", "DIGEST", "SIZE", "TIME"),
        [
            (", ".join(row["tags"]) or "-", row["digest"][:19], megabytes(row["size"]) if row["size"] else "-",
             row["time"] or "-")
            for row in rows
        ],
    )  # fmt: skip
