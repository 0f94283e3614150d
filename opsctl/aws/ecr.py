"""ECR: which image a tag means, and naming one."""

from __future__ import annotations

from typing import Any

from opsctl.aws.errors import AwsError, translated

_MISSING = {"ImageNotFoundException", "RepositoryNotFoundException"}
_MANIFESTS = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
]


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

    def add_tag(self, repository: str, digest: str, tag: str, *, registry: str | None = None) -> None:
        """Give an image one more tag; a tag that names this digest already is no error."""
        owner = {"registryId": registry} if registry else {}
        with translated():
            answer = self._client.batch_get_image(
                repositoryName=repository, imageIds=[{"imageDigest": digest}], acceptedMediaTypes=_MANIFESTS, **owner
            )
        if not answer.get("images"):
            raise AwsError(f"{repository}@{digest} is not in the registry.", aws_code="ImageNotFoundException")
        image = answer["images"][0]
        extra = (
            {"imageManifestMediaType": image["imageManifestMediaType"]} if image.get("imageManifestMediaType") else {}
        )
        try:
            with translated():
                self._client.put_image(
                    repositoryName=repository, imageManifest=image["imageManifest"], imageTag=tag, **extra, **owner
                )
        except AwsError as error:
            if error.aws_code != "ImageAlreadyExistsException":
                raise
