"""The OCI distribution API of one repository: manifests, blobs, tags. Digests are checked on every way in and out."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import urljoin

import urllib3

from opsctl.images.errors import RegistryError
from opsctl.images.limits import LAYER_LIMIT
from opsctl.images.names import DIGEST, ImageName
from opsctl.images.registry.answer import Answer
from opsctl.images.registry.pace import reason
from opsctl.images.registry.refusals import refusal
from opsctl.images.registry.transport import Body, TransientError, Transport, transient

if TYPE_CHECKING:
    from urllib3.response import BaseHTTPResponse

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
INDEXES = (INDEX, DOCKER_LIST)
ACCEPT = ", ".join((INDEX, MANIFEST, DOCKER_LIST, DOCKER_MANIFEST))
_READ = 1024 * 1024
_PAGES = 1000  # a list of tags that goes on and on is no list


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest or an index, as its bytes: they decide the digest."""

    body: bytes
    media_type: str

    @property
    def digest(self) -> str:
        """`sha256:…` of the bytes."""
        return "sha256:" + hashlib.sha256(self.body).hexdigest()

    def json(self) -> dict[str, Any]:
        """Its content. Raises RegistryError when it holds none."""
        return _object(self.body, "a manifest")


class Repository:
    """One repository of one registry. Every method raises RegistryError."""

    def __init__(self, name: ImageName, transport: Transport, *, push: bool = False) -> None:
        self.name = name
        self.transport = transport
        self._scope = f"repository:{name.repository}:{'pull,push' if push else 'pull'}"
        self._root = f"/v2/{name.repository}"

    def request(self, method: str, path: str, what: str, **options: object) -> Answer:
        """A call below this repository, or to a whole URL that the registry gave."""
        return self.transport.request(method, self._url(path), scope=self._scope, what=what, **options)

    def once(self, method: str, path: str, *, headers: Mapping[str, str] | None = None, body: Body = None) -> Answer:
        """One try of a call. Raises TransientError when another may succeed."""
        return self.transport.once(method, self._url(path), scope=self._scope, headers=headers, body=body)

    def digest(self, reference: str) -> str | None:
        """The digest that a tag names; None when there is no such tag or repository."""
        answer = self.request("HEAD", f"/manifests/{reference}", f"Asking for {reference}", headers={"Accept": ACCEPT})
        if answer.status == 404:
            return None
        if answer.status == 200 and DIGEST.fullmatch(answer.headers.get("docker-content-digest", "")):
            return answer.headers["docker-content-digest"]
        if answer.status != 200:
            raise refusal(answer, self.name, f"asking for {reference}")
        return self.manifest(reference).digest

    def manifest(self, reference: str) -> Manifest:
        """A manifest or index by tag or digest; by digest its bytes are checked."""
        what = f"Reading {self.name.repository}@{reference}"
        backoff = self.transport.backoff(what)
        while True:
            answer = self.request("GET", f"/manifests/{reference}", what, headers={"Accept": ACCEPT})
            if answer.status != 200:
                raise refusal(answer, self.name, f"reading the manifest {reference}")
            found = Manifest(answer.body, answer.headers.get("content-type", "").split(";")[0].strip() or MANIFEST)
            said = reference if DIGEST.fullmatch(reference) else answer.headers.get("docker-content-digest", "")
            if not said or said == found.digest:
                return found
            backoff.failed(TransientError(f"the manifest has the digest {found.digest}, not {said}"))

    def has_blob(self, digest: str) -> bool:
        """Whether the repository holds this blob already."""
        answer = self.request("HEAD", f"/blobs/{digest}", f"Asking for {digest[:19]}")
        if answer.status not in {200, 404}:
            raise refusal(answer, self.name, f"asking for {digest[:19]}")
        return answer.status == 200

    def blob(self, digest: str, size: int) -> bytes:
        """A short blob, its size and digest checked."""
        answer = self.request("GET", f"/blobs/{digest}", f"Fetching {digest[:19]}")
        if answer.status != 200:
            raise refusal(answer, self.name, f"fetching {digest[:19]}")
        found = "sha256:" + hashlib.sha256(answer.body).hexdigest()
        if (found, len(answer.body)) != (digest, size):
            raise RegistryError(
                f"The registry sent {len(answer.body):,} bytes of digest {found[:19]} for {digest[:19]} of {size:,}.",
                code="registry-digest",
            )
        return answer.body

    def download(self, digest: str, size: int, target: Path, count: Callable[[int], None]) -> None:
        """Fetch a blob of this size; what was received before a cut connection is kept. Nothing beyond its size is
        read, and its digest is checked before it is there.
        """
        if not 0 <= size <= LAYER_LIMIT:
            raise RegistryError(
                f"{digest[:19]} of {self.name.repository} is said to have {size:,} bytes; more than "
                f"{LAYER_LIMIT:,} are not fetched.",
                code="answer-too-long",
            )
        part = target.with_name(target.name + ".part")
        part.parent.mkdir(parents=True, exist_ok=True)
        backoff = self.transport.backoff(f"Fetching {digest[:19]}")
        part.unlink(missing_ok=True)
        furthest = 0
        while True:
            try:
                self._fetch(digest, part, size, count)
                got = _sha256(part)
                if got == digest:
                    part.replace(target)
                    return
                count(-size)
                part.unlink()
                backoff.failed(TransientError(f"the bytes have the digest {got}"))
            except TransientError as failure:
                have = part.stat().st_size if part.exists() else 0
                if have >= furthest + _READ:  # the same bytes again are no progress
                    furthest = have
                    backoff.succeeded()
                backoff.failed(failure)

    def put_manifest(self, reference: str, manifest: Manifest) -> None:
        """Store a manifest under a tag or its digest, and look that it is there."""
        answer = self.request(
            "PUT", f"/manifests/{reference}", f"Storing the manifest {reference[:19]}",
            headers={"Content-Type": manifest.media_type}, body=manifest.body,
        )  # fmt: skip
        # A PUT whose first answer was lost finds its own work, which a registry of immutable tags may refuse.
        if answer.status != 201 and self.digest(reference) != manifest.digest:
            raise refusal(answer, self.name, f"storing the manifest {reference}")
        said = answer.headers.get("docker-content-digest", manifest.digest)
        if said != manifest.digest or self.digest(reference) != manifest.digest:
            raise RegistryError(
                f"The registry took {reference} but says that its digest is {said}, not {manifest.digest}.",
                code="registry-digest",
                hint="Something between here and the registry changes what is sent; nothing should run this image.",
            )

    def tags(self) -> list[str]:
        """All tags, sorted; none when the repository is not there."""
        found: set[str] = set()
        path: str | None = "/tags/list?n=1000"
        for _ in range(_PAGES):
            if path is None:
                break
            answer = self.request("GET", path, "Listing tags")
            if answer.status == 404:
                return []
            if answer.status != 200:
                raise refusal(answer, self.name, "listing tags")
            listed = _object(answer.body, "a list of tags").get("tags")
            found.update(tag for tag in (listed if isinstance(listed, list) else ()) if isinstance(tag, str))
            following = re.match(r'<([^>]+)>;\s*rel="?next', answer.headers.get("link", ""))
            path = urljoin(answer.url, following[1]) if following else None
        return sorted(found)

    def _fetch(self, digest: str, part: Path, size: int, count: Callable[[int], None]) -> None:
        have = part.stat().st_size if part.exists() else 0
        headers = {"Range": f"bytes={have}-"} if have else {}
        with self.transport.stream("GET", self._url(f"/blobs/{digest}"), scope=self._scope, headers=headers) as answer:
            if answer.status not in {200, 206}:
                if answer.status in {408, 425, 429, 500, 502, 503, 504, 416}:
                    raise TransientError(f"the registry answered {answer.status}")
                with transient("GET"):
                    said = answer.read(65536)
                raise refusal(Answer(answer.status, {}, said, ""), self.name, f"fetching {digest[:19]}")
            if answer.status == 200 and have:
                count(-have)
                have = 0
            with part.open("ab" if have else "wb") as stream:
                for piece in _pieces(answer, stream, size):
                    if stream.tell() + len(piece) > size:
                        raise RegistryError(
                            f"The registry sends more of {digest[:19]} than the {size:,} bytes that it has.",
                            code="answer-too-long",
                        )
                    stream.write(piece)  # what the disk refuses is no fault of the registry's, and not tried again
                    count(len(piece))
        if part.stat().st_size < size:
            raise TransientError(f"the registry ended after {part.stat().st_size} of {size} bytes")

    def _url(self, path: str) -> str:
        if "://" in path:
            return path
        return f"{self.transport.url}{'' if path.startswith('/v2/') else self._root}{path}"


def _pieces(answer: BaseHTTPResponse, stream: BinaryIO, size: int) -> Iterator[bytes]:
    """The answer's body as it comes. Raises TransientError where it ends early."""
    try:
        yield from answer.stream(_READ)
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise TransientError(f"{reason(error)} after {stream.tell()} of {size} bytes") from error


def _object(body: bytes, what: str) -> dict[str, Any]:
    """The JSON object in an answer. Raises RegistryError for anything else, however deep it is."""
    try:
        values = json.loads(body)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        raise RegistryError(f"The registry sent {what} that is no JSON object.")
    return values


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return "sha256:" + hashlib.file_digest(stream, "sha256").hexdigest()


Opener = Callable[[ImageName], Repository]
"""Makes the client of an image's repository, with whatever credentials this machine has for it."""
