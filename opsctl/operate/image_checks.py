"""What an environment asks of an image before it runs it: a signature, or a release of another environment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from opsctl.deploy.events import Emit
from opsctl.deploy.image import ImageRefusedError, ImageSource
from opsctl.deploy.planning.plan import ImagePlan
from opsctl.deploy.release import kept, numbered
from opsctl.errors import ConfigError
from opsctl.migrations.verdict import Migration
from opsctl.operate.deployed import require_outputs, state_of

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

    from opsctl.aws.s3 import S3
    from opsctl.config.models import Environment
    from opsctl.operate.target import Target


@dataclass(frozen=True)
class CheckedImage:
    """An image of another source, refused unless the environment may run it."""

    source: ImageSource
    target: Target

    @property
    def commit(self) -> str:
        """The source's."""
        return self.source.commit

    @property
    def migrations(self) -> str:
        """The source's."""
        return self.source.migrations

    @property
    def verdicts(self) -> tuple[Migration, ...] | None:
        """The source's."""
        return self.source.verdicts

    def plan(self, account: str) -> ImagePlan:
        """The source's, checked when it is known which image it is, unless it is signed only then."""
        plan = self.source.plan(account)
        if plan.uri is not None and not plan.signs:
            check_image(self.target, plan.uri.rpartition("@")[2])
        return plan

    def ensure(self, plan: ImagePlan, emit: Emit) -> str:
        """The source's; checked again, as a plan may be carried out later."""
        digest = self.source.ensure(plan, emit)
        check_image(self.target, digest)
        return digest


def check_image(target: Target, digest: str) -> None:
    """Raise OpsctlError unless the environment may run this image."""
    wanted = target.env.images
    before, own = wanted.promoted_from, target.env.name
    # What ran here was checked when it came: the way back stays open, however fast the other environment goes on.
    if before is not None and not _ran(target, before, digest) and not _ran(target, own, digest):
        raise ImageRefusedError(
            f"{own} runs only what {before} ran, and {digest[:19]} is none of the last releases of {before} or {own}.",
            code="image-not-promoted",
            hint=f"Deploy it there first: `opsctl deploy --env {before}`.",
        )
    if wanted.verify is not None:
        from opsctl.images.oci.signing import SignatureError, check
        from opsctl.operate.repositories import repository_of

        try:
            check(repository_of(target), digest, verification_key(target))
        except SignatureError as error:
            error.hint = error.hint or (
                f"If you know that it is yours: `opsctl image sign {digest} --env {target.env.name}`, with a role that "
                "may use the key."
            )
            raise


def _ran(target: Target, environment: str, digest: str) -> bool:
    return any(each.digest == digest for each in kept(*records_of(target, environment)))


def records_of(target: Target, environment: str) -> tuple[S3, str, Environment]:
    """Where the release records of an environment lie: store, bucket, and the environment itself."""
    other = target.workspace.target(environment) if environment != target.env.name else target
    bucket = require_outputs(other, state_of(other), "bootstrap", "ArtifactBucketName")["ArtifactBucketName"]
    return other.aws.s3, bucket, other.env


def released_digest(target: Target, environment: str, number: int) -> str:
    """What a release ran, by its record. Raises ImageRefusedError without one."""
    found = numbered(*records_of(target, environment), number)
    if found is None or not found.digest:
        raise ImageRefusedError(
            f"{environment} has no record of release {number}, and what the tag {environment}-r{number} names may be "
            "anybody's.",
            code="no-such-release",
            hint="Name the image by another tag, such as its commit.",
        )
    return found.digest


def verification_key(target: Target) -> EllipticCurvePublicKey:
    """The public key of `images.verify`, from KMS or from its file."""
    from opsctl.images.oci.signing import public_key

    wanted = target.env.images
    assert wanted.verify is not None
    if wanted.kms_key is not None:
        return public_key(target.aws.in_region(wanted.key_region).kms.public_key(wanted.kms_key))
    try:
        return public_key((target.workspace.root / wanted.verify).read_bytes())
    except OSError as error:
        raise ConfigError(
            f"{wanted.verify}, the key of images.verify, can't be read: {error.strerror}.",
            hint="Put the PEM file of the public key beside environments.yaml, and commit it.",
        ) from error


def sign_image(target: Target, digest: str) -> bool:
    """Sign with the KMS key of `images.verify`; False when it is signed already, or the environment asks for no
    signature or has no such key.
    """
    key = target.env.images.kms_key
    if key is None or target.is_local:
        return False
    from opsctl.images.oci.signing import sign
    from opsctl.operate.repositories import repository_of

    kms = target.aws.in_region(target.env.images.key_region).kms
    return sign(
        repository_of(target, writable=True), digest, verification_key(target), lambda text: kms.sign(key, text)
    )
