"""Names of images as people write them: `python:3.13-slim@sha256:…`, `127.0.0.1:5000/shop:v1`."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, replace

from opsctl.errors import UsageError

KEPT = ".opsctl/images"
"""Where, below the folder of an environments file, the images that were built there are kept."""
DOCKER_HUB = "docker.io"
_DOCKER_HUB_API = "registry-1.docker.io"
_REPOSITORY = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*")
_REGISTRY = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:]+\])(?::\d{1,5})?")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class ImageName:
    """`registry` is `host` or `host:port`. `reference` (digest, else tag) says which image of the repository."""

    registry: str
    repository: str
    tag: str | None = None
    digest: str | None = None

    @classmethod
    def parse(cls, text: str) -> ImageName:
        """Read a name as docker does: no registry means Docker Hub. Raises UsageError."""
        name, _, digest = text.strip().partition("@")
        head, slash, rest = name.partition("/")
        has_registry = bool(slash) and ("." in head or ":" in head or head == "localhost")
        registry, path = (head, rest) if has_registry else (DOCKER_HUB, name)
        repository, _, tag = path.partition(":")
        if registry == DOCKER_HUB and "/" not in repository:
            repository = f"library/{repository}"
        fits = _REGISTRY.fullmatch(registry) and _REPOSITORY.fullmatch(repository)
        if not fits or (digest and not DIGEST.fullmatch(digest)):
            raise UsageError(f"`{text}` is not the name of an image.", hint="Write one such as registry/name:tag.")
        if tag:
            check_tag(tag)
        return cls(registry, repository, tag or None, digest or None)

    @property
    def reference(self) -> str:
        """What to ask the registry for."""
        return self.digest or self.tag or "latest"

    @property
    def url(self) -> str:
        """Root of the registry's API. Only loopback is spoken to without TLS."""
        host = _DOCKER_HUB_API if self.registry == DOCKER_HUB else self.registry
        return f"{'http' if is_loopback(host) else 'https'}://{host}"

    def at(self, *, tag: str | None = None, digest: str | None = None) -> ImageName:
        """Another image of the same repository."""
        return replace(self, tag=tag, digest=digest)

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.registry}/{self.repository}{tag}" + (f"@{self.digest}" if self.digest else "")


def check_tag(tag: str) -> str:
    """The tag, when a registry would take it; `latest` says nothing about what runs. Raises UsageError."""
    if tag == "latest":
        raise UsageError("`latest` names another image every week, so it is never built or pushed here.")
    if not _TAG.fullmatch(tag):
        raise UsageError(
            f"`{tag}` can't be a tag.",
            hint="Use letters, digits, `_`, `.` and `-`: at most 128, not starting with . or -.",
        )
    return tag


def is_loopback(host: str) -> bool:
    """Whether `host` or `host:port` is this machine. What leads through NAT64 or a tunnel leaves it, wherever to."""
    bare = host.count(":") > 1 and not host.startswith("[")
    name = host if bare else re.sub(r":\d+$", "", host).strip("[]")
    if name == "localhost":
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback
