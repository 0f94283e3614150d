"""ECR: which image a tag means, and naming one."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from opsctl.aws.errors import AwsError
from opsctl.aws.translation import translated

_MISSING = {"ImageNotFoundException", "RepositoryNotFoundException"}
_MANIFESTS = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
]


_SCAN_SECONDS = 600.0
_BATCH = 100  # images of one BatchDeleteImage


@dataclass(frozen=True, slots=True)
class Authorization:
    """What the registry API takes for twelve hours; the password never shows."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class EcrImage:
    """An image of a repository. `pushed` is ISO 8601, `size` the compressed bytes."""

    digest: str
    tags: tuple[str, ...]
    pushed: str
    size: int


@dataclass(frozen=True, slots=True)
class Finding:
    """A vulnerability that a scan found. `fixed` is the first version without it, "" when there is none."""

    id: str
    severity: str
    package: str
    version: str
    fixed: str


class Ecr:
    """Calls of one region. Every method raises AwsError."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def digest(self, repository: str, tag: str, *, registry: str | None = None) -> str | None:
        """The digest (`sha256:…`) that `tag` names; None without such a tag or repository."""
        owner = {"registryId": registry} if registry else {}
        try:
            with translated():
                answer = self._client.describe_images(repositoryName=repository, imageIds=[{"imageTag": tag}], **owner)
        except AwsError as error:
            if error.aws_code in _MISSING:
                return None
            raise
        details = answer.get("imageDetails", [])
        return str(details[0]["imageDigest"]) if details else None

    def holds(self, repository: str, digest: str, *, registry: str | None = None) -> bool:
        """Whether an image is there, whatever its tags; False without such a repository."""
        owner = {"registryId": registry} if registry else {}
        try:
            with translated():
                answer = self._client.describe_images(
                    repositoryName=repository, imageIds=[{"imageDigest": digest}], **owner
                )
        except AwsError as error:
            if error.aws_code in _MISSING:
                return False
            raise
        return bool(answer.get("imageDetails"))

    def add_tag(self, repository: str, digest: str, tag: str, *, registry: str | None = None) -> None:
        """Give an image one more tag; a tag that names this digest already is no error."""
        owner = {"registryId": registry} if registry else {}
        image = self._manifest(repository, digest, owner)
        extra = (
            {"imageManifestMediaType": image["imageManifestMediaType"]} if image.get("imageManifestMediaType") else {}
        )
        try:
            with translated():
                self._client.put_image(
                    repositoryName=repository, imageManifest=image["imageManifest"], imageTag=tag, **extra, **owner
                )
        except AwsError as error:
            if error.aws_code == "ImageAlreadyExistsException":
                return
            taken = error.aws_code == "ImageTagAlreadyExistsException"  # perhaps by another deploy, for the same image
            if not taken or self.digest(repository, tag, registry=registry) != digest:
                raise

    def remove_tags(self, repository: str, tags: Sequence[str], *, registry: str | None = None) -> None:
        """Take tags away; an image that loses its last one is deleted. A tag that is not there is no error."""
        owner = {"registryId": registry} if registry else {}
        for start in range(0, len(tags), _BATCH):
            images = [{"imageTag": tag} for tag in tags[start : start + _BATCH]]
            with translated():
                answer = self._client.batch_delete_image(repositoryName=repository, imageIds=images, **owner)
            # Answered with 200, like a success.
            for failure in answer.get("failures", []):
                if failure.get("failureCode") != "ImageNotFound":
                    raise AwsError(
                        f"{repository}:{failure.get('imageId', {}).get('imageTag')} could not be removed: "
                        f"{failure.get('failureReason')}.",
                        aws_code=str(failure.get("failureCode", "")),
                    )

    def annotations(self, repository: str, digest: str, *, registry: str | None = None) -> dict[str, str]:
        """What the builder of an image noted in its manifest."""
        owner = {"registryId": registry} if registry else {}
        noted = json.loads(self._manifest(repository, digest, owner)["imageManifest"]).get("annotations") or {}
        return {str(name): str(value) for name, value in noted.items()}

    def _manifest(self, repository: str, digest: str, owner: Mapping[str, str]) -> dict[str, Any]:
        """BatchGetImage of one image, as ECR keeps it."""
        with translated():
            answer = self._client.batch_get_image(
                repositoryName=repository, imageIds=[{"imageDigest": digest}], acceptedMediaTypes=_MANIFESTS, **owner
            )
        if not answer.get("images"):
            raise AwsError(f"{repository}@{digest} is not in the registry.", aws_code="ImageNotFoundException")
        image: dict[str, Any] = answer["images"][0]
        return image

    def authorization(self) -> Authorization:
        """A login for the registry API, for every registry that these credentials may use."""
        with translated():
            answer = self._client.get_authorization_token()
        user, _, password = (
            base64.b64decode(answer["authorizationData"][0]["authorizationToken"]).decode().partition(":")
        )
        return Authorization(user, password)

    def images(self, repository: str, *, registry: str | None = None) -> list[EcrImage]:
        """All images, newest first. Raises AwsError, with code RepositoryNotFoundException when there is none."""
        owner = {"registryId": registry} if registry else {}
        found = []
        with translated():
            for page in self._client.get_paginator("describe_images").paginate(repositoryName=repository, **owner):
                found += [_image(each) for each in page.get("imageDetails", [])]
        return sorted(found, key=lambda image: image.pushed, reverse=True)

    def platform_digests(self, repository: str, digest: str, *, registry: str | None = None) -> list[str]:
        """The digests of the images behind an index; the image's own when it is for one platform."""
        owner = {"registryId": registry} if registry else {}
        listed = json.loads(self._manifest(repository, digest, owner)["imageManifest"]).get("manifests")
        return [str(each["digest"]) for each in listed if not _says_something(each)] if listed else [digest]

    def findings(
        self,
        repository: str,
        digest: str,
        *,
        registry: str | None = None,
        sleep: Callable[[float], None] = time.sleep,
        poll_seconds: float = 5.0,
    ) -> list[Finding]:
        """What the newest scan of an image found; starts one when there is none, and waits up to ten minutes.

        Raises AwsError, with code ScanNotDone when the scan failed, can't read the image or takes longer.
        """
        image = {"repositoryName": repository, "imageId": {"imageDigest": digest}}
        if registry:
            image["registryId"] = registry
        waited, status = 0.0, ""
        while waited <= _SCAN_SECONDS:
            status, found, reason = self._scan(image)
            if status in {"COMPLETE", "ACTIVE"}:
                return found
            if status in {"FAILED", "UNSUPPORTED_IMAGE", "SCAN_ELIGIBILITY_EXPIRED", "FINDINGS_UNAVAILABLE"}:
                raise AwsError(
                    f"{repository}@{digest} was not scanned: {status} {reason}".strip(), aws_code="ScanNotDone"
                )
            sleep(poll_seconds)
            waited += poll_seconds
        raise AwsError(f"The scan of {repository}@{digest} is still {status}.", aws_code="ScanNotDone")

    def scanned(self, repository: str, digest: str, *, registry: str | None = None) -> tuple[str, list[Finding]]:
        """Status and findings of the newest scan of an image, as they are: NOT_SCANNED when nobody asked for one."""
        image = {"repositoryName": repository, "imageId": {"imageDigest": digest}}
        if registry:
            image["registryId"] = registry
        try:
            status, found, _ = self._findings(image)
        except AwsError as error:
            if error.aws_code != "ScanNotFoundException":
                raise
            return "NOT_SCANNED", []
        return status, found

    def _start_scan(self, image: dict[str, Any]) -> str:
        """Ask for a scan; answers its status. ECR scans an image once a day, and says so when one has just begun."""
        try:
            with translated():
                self._client.start_image_scan(**image)
        except AwsError as error:
            if error.aws_code == "UnsupportedImageTypeException":
                return "UNSUPPORTED_IMAGE"
            if error.aws_code not in {"LimitExceededException", "ScanInProgressException"}:
                raise
        return "PENDING"

    def _scan(self, image: dict[str, Any]) -> tuple[str, list[Finding], str]:
        """Status, findings and reason; a scan that was never asked for is started."""
        try:
            return self._findings(image)
        except AwsError as error:
            if error.aws_code != "ScanNotFoundException":
                raise
            return self._start_scan(image), [], ""

    def _findings(self, image: dict[str, Any]) -> tuple[str, list[Finding], str]:
        with translated():
            pages = list(self._client.get_paginator("describe_image_scan_findings").paginate(**image))
        status = pages[0].get("imageScanStatus", {})
        found = []
        for page in pages:
            details = page.get("imageScanFindings", {})
            found += [_basic(each) for each in details.get("findings", [])]
            found += [each for raw in details.get("enhancedFindings", []) for each in _enhanced(raw)]
        return str(status.get("status", "")), found, str(status.get("description", ""))


def is_attestation(annotations: Mapping[str, str], platform: str) -> bool:
    """Whether an entry of an index is no image but what buildx says about one, under the platform `unknown/unknown`.

    buildx adds them by default, and ECR can't scan them. [moby/buildkit#3499; docs of buildx, attestation storage]
    """
    return platform == "unknown/unknown" or annotations.get("vnd.docker.reference.type") == "attestation-manifest"


def _says_something(entry: Mapping[str, Any]) -> bool:
    platform = entry.get("platform") or {}
    return is_attestation(entry.get("annotations") or {}, f"{platform.get('os')}/{platform.get('architecture')}")


def _image(values: dict[str, Any]) -> EcrImage:
    pushed = values.get("imagePushedAt")
    return EcrImage(
        digest=str(values["imageDigest"]),
        tags=tuple(sorted(values.get("imageTags", []))),
        pushed=pushed.isoformat() if pushed is not None else "",
        size=int(values.get("imageSizeInBytes", 0)),
    )


def _basic(values: dict[str, Any]) -> Finding:
    told = {each["key"]: str(each.get("value", "")) for each in values.get("attributes", [])}
    return Finding(
        str(values.get("name", "")), str(values.get("severity", "UNDEFINED")), told.get("package_name", ""),
        told.get("package_version", ""), told.get("patched_version", ""),
    )  # fmt: skip


def _enhanced(values: dict[str, Any]) -> list[Finding]:
    details = values.get("packageVulnerabilityDetails", {})
    name = str(details.get("vulnerabilityId") or values.get("title", ""))
    severity = str(values.get("severity", "UNTRIAGED"))
    packages = details.get("vulnerablePackages") or [{}]
    return [
        Finding(name, severity, str(each.get("name", "")), str(each.get("version", "")),
                str(each.get("fixedInVersion", "")))
        for each in packages
    ]  # fmt: skip
