"""Bringing an image from disk to a registry: layers first, side by side; the tag last, so that it never names half an
image.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from typing import Any

from opsctl.aws.tags import BuiltHere, settled
from opsctl.images.listener import ByteCounter, Listener, Silent
from opsctl.images.oci.store import ENGINE, Descriptor, ImageStore
from opsctl.images.registry.repository import Repository
from opsctl.images.registry.upload import Blob, StoppedError, Uploader

_WORKERS = 4


@dataclass(frozen=True, slots=True)
class Pushed:
    """What a push did. `sent` and `present` count layers and configs; `size` is the bytes sent. `signed`: a signature
    went with it.
    """

    image: str
    tag: str
    digest: str
    sent: int
    present: int
    size: int
    requests: int
    seconds: float
    signed: bool = False

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def push(
    store: ImageStore,
    image: Descriptor,
    repository: Repository,
    tag: str,
    *,
    exact: bool = False,
    listener: Listener | None = None,
) -> Pushed:
    """Push an image under a tag. Where that is taken, an engine's image goes under one that ends in its digest, unless
    `exact` asks for this tag alone (`aws/tags.py`); no tag moves.

    Raises RegistryError and TagTakenError; whatever arrived before stays, and is not sent again.
    """
    started = time.monotonic()
    tag, there = settled(repository.digest, repository.name.repository, tag, image_built_here(image), exact=exact)
    manifests = store.platforms(image)
    blobs = _blobs(store, manifests)
    missing: list[Blob] = []
    if there is None:
        missing = _send(repository, blobs, listener or Silent())
        if manifests != [image]:
            for manifest in manifests:
                repository.put_manifest(manifest.digest, store.manifest(manifest))
        repository.put_manifest(tag, store.manifest(image))
    return Pushed(
        image=f"{repository.name.registry}/{repository.name.repository}@{image.digest}",
        tag=tag,
        digest=image.digest,
        sent=len(missing),
        present=len(blobs) - len(missing),
        size=sum(blob.size for blob in missing),
        requests=repository.transport.requests,
        seconds=time.monotonic() - started,
    )


def image_built_here(image: Descriptor) -> BuiltHere:
    """An image of the store beside what a registry may hold."""
    return BuiltHere(image.digest, image.annotations.get(ENGINE, "native") == "native")


def _blobs(store: ImageStore, manifests: list[Descriptor]) -> list[Blob]:
    """Each blob once; platforms share some."""
    found = {each.digest: each for manifest in manifests for each in store.blobs(manifest)}
    return [Blob(each.digest, each.size, store.blob(each.digest)) for each in found.values()]


def _send(repository: Repository, blobs: list[Blob], listener: Listener) -> list[Blob]:
    """Send what the repository lacks; answers what that was."""
    stop = threading.Event()
    with ThreadPoolExecutor(_WORKERS, thread_name_prefix="opsctl-push") as pool:
        try:
            there = list(pool.map(lambda blob: repository.has_blob(blob.digest), blobs))
            missing = [blob for blob, known in zip(blobs, there, strict=True) if not known]
            listener.line(f"{len(missing)} of {len(blobs)} layers to push")
            counter = ByteCounter(listener, "pushed", sum(blob.size for blob in missing))
            uploader = Uploader(repository, counter.add, stop)
            # The largest first: the end is not spent waiting for it alone.
            ordered = sorted(missing, key=lambda blob: -blob.size)
            futures = [pool.submit(uploader.send, blob) for blob in ordered]
            done, _ = wait(futures, return_when=FIRST_EXCEPTION)
            errors = [error for future in done if (error := future.exception())]
            if errors:
                stop.set()
                raise next((error for error in errors if not isinstance(error, StoppedError)), errors[0])
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)
    return missing
