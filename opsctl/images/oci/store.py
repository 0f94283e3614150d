"""Images on disk: one OCI layout for all of them, which skopeo, buildah and others read as it is.

`index.json` names images by tag; blobs are shared. Only `index.json` ever changes, by a rename under a lock, so a build
that is interrupted leaves blobs that nothing names, which the next prune removes.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from opsctl.aws.ecr import is_attestation
from opsctl.errors import OpsctlError
from opsctl.images.errors import ImageError
from opsctl.images.names import DIGEST, KEPT
from opsctl.images.registry.repository import INDEX, INDEXES, MANIFEST, Manifest

REF_NAME = "org.opencontainers.image.ref.name"
CREATED = "org.opencontainers.image.created"
ENGINE = "dev.opsctl.engine"
CONTENT = "dev.opsctl.content"
_KEEP = 10
_YOUNG_SECONDS = 3600.0  # a build that runs now has made blobs that nothing names yet


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A blob by digest, as manifests name it."""

    media_type: str
    digest: str
    size: int
    platform: str = ""
    annotations: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_attestation(self) -> bool:
        """Whether it is no image but what buildx says about one, under the platform `unknown/unknown`.

        https://docs.docker.com/build/metadata/attestations/attestation-storage/
        """
        return is_attestation(self.annotations, self.platform)

    def to_dict(self) -> dict[str, Any]:
        """As it stands in a manifest."""
        values: dict[str, Any] = {"mediaType": self.media_type, "digest": self.digest, "size": self.size}
        if self.platform:
            values["platform"] = platform_dict(self.platform)
        if self.annotations:
            values["annotations"] = dict(self.annotations)
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Descriptor:
        """Read it from a manifest. Raises ImageError: a digest becomes the name of a file."""
        try:
            digest, size = str(values["digest"]), int(values["size"])
            platform = platform_name(values["platform"]) if values.get("platform") else ""
            notes = dict(values.get("annotations") or {})
        except (KeyError, TypeError, ValueError, AttributeError):
            digest, size, platform, notes = "", 0, "", {}
        if not DIGEST.fullmatch(digest):
            raise ImageError("A manifest names something that is no digest and size.", code="image-damaged")
        return cls(str(values.get("mediaType", "")), digest, size, platform, notes)


def platform_name(values: Mapping[str, Any]) -> str:
    """`linux/arm64`; arm64's only variant is left out."""
    return f"{values.get('os', 'linux')}/{values.get('architecture', '')}"


def platform_dict(name: str) -> dict[str, str]:
    """As manifests write a platform."""
    system, _, architecture = name.partition("/")
    return {"architecture": architecture, "os": system}


class ImageStore:
    """The layout in one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._index = root / "index.json"

    @classmethod
    def of(cls, root: Path) -> ImageStore:
        """That of the folder of an environments file."""
        return cls(root / KEPT)

    def blob(self, digest: str) -> Path:
        """Where a blob is, or would be."""
        return self.root / "blobs" / "sha256" / digest.removeprefix("sha256:")

    def read(self, digest: str) -> bytes:
        """A blob's bytes. Raises ImageError when the folder was tampered with."""
        try:
            data = self.blob(digest).read_bytes()
        except OSError as error:
            raise ImageError(
                f"{digest} is missing in {self.root}.", code="image-damaged", hint="Build the image again."
            ) from error
        if "sha256:" + hashlib.sha256(data).hexdigest() != digest:
            raise ImageError(f"{self.blob(digest)} was changed.", code="image-damaged", hint="Build the image again.")
        return data

    def manifest(self, descriptor: Descriptor) -> Manifest:
        """The manifest or index of an image."""
        return Manifest(self.read(descriptor.digest), descriptor.media_type)

    def json(self, digest: str) -> dict[str, Any]:
        """A blob that holds a JSON object."""
        values = json.loads(self.read(digest))
        assert isinstance(values, dict)
        return values

    def add(self, data: bytes, media_type: str) -> Descriptor:
        """Store bytes."""
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        with self.staging() as temporary:
            temporary.write_bytes(data)
            self.adopt(temporary, digest)
        return Descriptor(media_type, digest, len(data))

    def add_json(self, values: Mapping[str, Any], media_type: str) -> Descriptor:
        """Store a JSON object; equal values are the same bytes."""
        return self.add(json.dumps(values, sort_keys=True, separators=(",", ":")).encode(), media_type)

    def add_manifest(
        self, config: Descriptor, layers: Iterable[Descriptor], notes: Mapping[str, str], platform: str
    ) -> Descriptor:
        """Store the manifest of an image for one platform, with `notes` as its annotations."""
        body = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": config.to_dict(),
            "layers": [each.to_dict() for each in layers],
            "annotations": notes,
        }
        return replace(self.add_json(body, MANIFEST), platform=platform)

    def add_image(self, manifests: Sequence[Descriptor], notes: Mapping[str, str]) -> Descriptor:
        """An image for the platforms of `manifests`: the one that there is, or an index of several."""
        if len(manifests) == 1:
            return manifests[0]
        body = {
            "schemaVersion": 2,
            "mediaType": INDEX,
            "manifests": [each.to_dict() for each in manifests],
            "annotations": notes,
        }
        return self.add_json(body, INDEX)

    def adopt(self, file: Path, digest: str) -> None:
        """Move a finished file in as the blob that it is."""
        target = self.blob(digest)
        target.parent.mkdir(parents=True, exist_ok=True)
        file.replace(target)

    @contextmanager
    def staging(self) -> Iterator[Path]:
        """A file in the store's file system to write to; gone afterwards unless adopted."""
        folder = self.root / "blobs" / "sha256"
        folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".", suffix=".part", dir=folder)
        os.close(handle)
        path = Path(name)
        path.chmod(0o644)
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)

    def images(self) -> list[Descriptor]:
        """All named images, newest first."""
        found = [Descriptor.from_dict(each) for each in self._read_index()["manifests"]]
        return sorted(found, key=lambda each: each.annotations.get(CREATED, ""), reverse=True)

    def find(self, tag: str) -> Descriptor | None:
        """The image that a tag names here."""
        return next((each for each in self.images() if each.annotations.get(REF_NAME) == tag), None)

    def require(self, tag: str) -> Descriptor:
        """The same. Raises OpsctlError when there is none."""
        if (found := self.find(tag)) is not None:
            return found
        raise OpsctlError(
            f"No image {tag} has been built here.",
            code="image-not-built",
            hint=f"Run `opsctl image build --tag {tag}` first; `opsctl image list --local` shows what there is.",
        )

    def name(self, tag: str, image: Descriptor, *, engine: str, content: str = "") -> Descriptor:
        """Let `tag` name the image from now on, and forget all but the ten newest."""
        created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        notes = {REF_NAME: tag, CREATED: created, ENGINE: engine, **({CONTENT: content} if content else {})}
        named = Descriptor(image.media_type, image.digest, image.size, image.platform, notes)
        with self._locked():
            others = [each for each in self.images() if each.annotations.get(REF_NAME) != tag]
            self._write_index([named, *others[: _KEEP - 1]])
            self._prune()
        return named

    def platforms(self, image: Descriptor) -> list[Descriptor]:
        """The manifests of an image: several of an index, else itself."""
        if image.media_type not in INDEXES:
            return [image]
        return [Descriptor.from_dict(each) for each in self.json(image.digest)["manifests"]]

    def blobs(self, manifest: Descriptor) -> list[Descriptor]:
        """Config and layers of one platform's manifest."""
        values = self.json(manifest.digest)
        return [Descriptor.from_dict(each) for each in [values["config"], *values["layers"]]]

    def layers_by_content(self) -> dict[str, Descriptor]:
        """The layers of all named images by their diff_id, which is the digest before compression."""
        found: dict[str, Descriptor] = {}
        for image in self.images():
            with suppress(ImageError):  # of a damaged image nothing is taken
                for manifest in self.platforms(image):
                    if manifest.is_attestation:
                        continue
                    config, *layers = self.blobs(manifest)
                    found.update(zip(self.json(config.digest)["rootfs"]["diff_ids"], layers, strict=True))
        return {content: layer for content, layer in found.items() if self.blob(layer.digest).is_file()}

    def _reachable(self) -> set[str]:
        found: set[str] = set()
        for image in self.images():
            found.add(image.digest)
            for manifest in self.platforms(image):
                found |= {manifest.digest, *(each.digest for each in self.blobs(manifest))}
        return found

    def _prune(self) -> None:
        kept = {digest.removeprefix("sha256:") for digest in self._reachable()}
        for path in (self.root / "blobs" / "sha256").iterdir():
            if path.name not in kept and time.time() - path.stat().st_mtime > _YOUNG_SECONDS:
                path.unlink(missing_ok=True)

    def _read_index(self) -> dict[str, Any]:
        if not self._index.is_file():
            return {"manifests": []}
        values = json.loads(self._index.read_text(encoding="utf-8"))
        assert isinstance(values, dict)
        return values

    def _write_index(self, images: list[Descriptor]) -> None:
        (self.root / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}', encoding="utf-8")
        values = {"schemaVersion": 2, "manifests": [each.to_dict() for each in images]}
        temporary = self._index.with_suffix(f".{os.getpid()}")
        temporary.write_text(json.dumps(values, indent=1), encoding="utf-8")
        temporary.replace(self._index)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / ".lock").open("w", encoding="utf-8") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
