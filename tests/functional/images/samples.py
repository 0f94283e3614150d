"""Small images for tests of moving them about."""

from __future__ import annotations

import json
import random
from pathlib import Path

from opsctl.images.oci.layers import Entry, Layer, write_layer
from opsctl.images.oci.store import Descriptor, ImageStore
from opsctl.images.registry.repository import INDEX, MANIFEST

CONFIG = "application/vnd.oci.image.config.v1+json"


def image(store: ImageStore, seed: int = 1, *, layers: int = 3, size: int = 200_000, arch: str = "amd64") -> Descriptor:
    """An image with layers of incompressible bytes; the same seed makes the same image."""
    dice = random.Random(seed)
    made = [write_layer(store, [Entry(f"file-{number}", data=dice.randbytes(size))]) for number in range(layers)]
    return manifest(store, made, arch)


def manifest(store: ImageStore, layers: list[Layer], arch: str) -> Descriptor:
    """Config and manifest around layers."""
    config = {
        "architecture": arch, "os": "linux", "created": "2026-01-01T00:00:00Z",
        "history": [{"created": "2026-01-01T00:00:00Z"} for _ in layers],
        "config": {"Env": ["PATH=/usr/local/bin:/usr/bin:/bin"], "Cmd": ["python3"]},
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
    }  # fmt: skip
    described = store.add(json.dumps(config).encode(), CONFIG)
    body = {
        "schemaVersion": 2, "mediaType": MANIFEST, "config": described.to_dict(),
        "layers": [layer.descriptor.to_dict() for layer in layers],
    }  # fmt: skip
    stored = store.add(json.dumps(body).encode(), MANIFEST)
    return Descriptor(stored.media_type, stored.digest, stored.size, f"linux/{arch}")


def index(store: ImageStore, images: list[Descriptor]) -> Descriptor:
    """One name for several platforms."""
    body = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [each.to_dict() for each in images]}
    return store.add(json.dumps(body).encode(), INDEX)


def new_store(folder: Path) -> ImageStore:
    """An empty store."""
    return ImageStore(folder / "images")
