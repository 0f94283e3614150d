"""How a deployment of one environment is put together."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from opsctl.deploy.deployment import Deployment
from opsctl.deploy.events import Emit
from opsctl.deploy.lock import Lock
from opsctl.deploy.plan import Consent
from opsctl.deploy.situation import Request, Situation
from opsctl.deploy.state import RemoteState
from opsctl.deploy.stream import Pace
from opsctl.operate.deployed import require_outputs
from opsctl.operate.image_source import image_source
from opsctl.operate.target import Target, owner, run_id


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
            run_id=run_id(),
            owner=owner(),
            command=target.workspace.command,
            stacks=stacks,
            consent=consent or Consent(),
            refresh_nat_image=refresh_nat_image,
        ),
    )
    return Deployment(situation, emit=emit, pace=pace(target, timeout_minutes))


def lock_of(target: Target, state: RemoteState, run: str) -> Lock:
    """The environment's lock, for `with`: under it nobody else changes what is read then. `run` is the run's id."""
    bucket = require_outputs(target, state, "bootstrap", "ArtifactBucketName")["ArtifactBucketName"]
    return Lock(
        target.aws.s3, bucket, target.env.name, owner=owner(), run_id=run, command=target.workspace.command,
        clock=time.time,
    )  # fmt: skip


def pace(target: Target, timeout_minutes: int = 60) -> Pace:
    """How often CloudFormation is asked, and until when."""
    return Pace(seconds=target.poll_seconds, deadline=timeout_minutes * 60.0)


@dataclass(frozen=True)
class DbInitBundle:
    """The DbInit function's zip, built on first use and kept under its content's hash."""

    target: Target

    @cached_property
    def _built(self) -> tuple[Path, str]:
        from opsctl.images.lambda_bundle import build_bundle

        root = self.target.workspace.root
        bundle = build_bundle(
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
