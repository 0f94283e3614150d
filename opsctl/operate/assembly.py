"""How a deployment of one environment is put together."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from opsctl.config import naming
from opsctl.deploy.deployment import Deployment
from opsctl.deploy.events import Emit, Note
from opsctl.deploy.evidence.redaction import Redactor, of_environment
from opsctl.deploy.lock import Lock, Run
from opsctl.deploy.planning.situation import Request, Situation
from opsctl.deploy.planning.state import RemoteState
from opsctl.deploy.stackrun.stream import Pace
from opsctl.operate.cost import price_table
from opsctl.operate.deployed import require_outputs
from opsctl.operate.image_source import image_source, released_image
from opsctl.operate.target import Target, owner, run_id


def deployment(target: Target, request: Request, *, wait_minutes: int = 0) -> Deployment:
    """Everything that `opsctl deploy`, `diff` and `status` need. `wait_minutes`: for the end of another command."""
    situation = Situation(
        target.env,
        target.templates,
        target.aws,
        image=image_source(target, request.image_tag)
        if request.rollback is None
        else released_image(target, request.rollback.to),
        bundle=DbInitBundle(target),
        request=request,
        prices=lambda: price_table(target.workspace.root),
        unwanted=target.unwanted,
    )
    return Deployment(
        situation, this_run(target), pace=pace(target, request.timeout_minutes), wait_seconds=wait_minutes * 60.0,
        redact=Redactor(of_environment(os.environ)),
    )  # fmt: skip


def this_run(target: Target) -> Run:
    """The command that runs now, as AWS and other people see it."""
    return Run(run_id(), owner(), target.workspace.command)


@contextmanager
def lock_of(
    target: Target, state: RemoteState, run: Run, emit: Emit, *, wait_minutes: int = 0
) -> Iterator[Lock]:  # fmt: skip
    """The environment's lock: under it nobody else changes what is read then.

    Credentials that end meanwhile are waited for, and no change is made with new ones unless the lock is still ours.
    """
    bucket = require_outputs(target, state, "bootstrap", "ArtifactBucketName")["ArtifactBucketName"]

    def tell(text: str) -> None:
        emit(Note(text))

    lock = Lock(
        target.aws.s3, bucket, target.env, run, clock=time.time, wait_seconds=wait_minutes * 60.0, tell=tell
    )  # fmt: skip
    with target.outlasting(tell) as renewal, lock:
        if renewal is not None:
            renewal.before_repeat = lock.ensure
        yield lock


def pace(target: Target, timeout_minutes: int = 60) -> Pace:
    """How often CloudFormation is asked, and until when."""
    return Pace(seconds=target.poll_seconds, deadline=timeout_minutes * 60.0)


@dataclass(frozen=True)
class DbInitBundle:
    """The DbInit function's zip, built on first use and kept under its content's hash."""

    target: Target

    @cached_property
    def _built(self) -> tuple[Path, str]:
        from opsctl.images.build.lambda_bundle import build_bundle

        root = self.target.workspace.root
        bundle = build_bundle(
            target="local" if self.target.is_local else "aws",
            cache_dir=root / ".opsctl" / "cache" / "bundles",
            architecture="arm64" if self.target.env.ecs.cpu_architecture == "ARM64" else "x86_64",
        )
        return bundle.path, bundle.sha256

    @property
    def key(self) -> str:
        """By environment and content."""
        return naming.bundle_key(naming.artifact_folder(self.target.env), self._built[1])

    def content(self) -> bytes:
        """The zip."""
        return self._built[0].read_bytes()
