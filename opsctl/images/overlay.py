"""opsctl's own layer on an image that somebody else made."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from opsctl.images import contract
from opsctl.images.base import fetch_base
from opsctl.images.layers import write_layer
from opsctl.images.listener import Listener
from opsctl.images.names import ImageName
from opsctl.images.native import notes_of
from opsctl.images.project import Project
from opsctl.images.registry import INDEX, MANIFEST, Opener
from opsctl.images.store import Descriptor, ImageStore

_CONFIG = "application/vnd.oci.image.config.v1+json"


def with_own_layer(
    store: ImageStore, project: Project, name: ImageName, platforms: tuple[str, ...], opener: Opener, listener: Listener
) -> Descriptor:
    """Fetch the image `name` and add the layer, for one platform or several. Raises RegistryError, BuildError."""
    made = []
    for platform in platforms:
        base = fetch_base(store, name, platform, opener, listener)
        made.append(_stored(store, base.config, base.layers, notes_of(project), platform))
    if len(made) == 1:
        return made[0]
    body = {
        "schemaVersion": 2, "mediaType": INDEX, "manifests": [each.to_dict() for each in made],
        "annotations": notes_of(project),
    }  # fmt: skip
    return store.add(_json(body), INDEX)


def own_layer_on(store: ImageStore, image: Descriptor) -> Descriptor:
    """The same image with the layer on top, its notes kept."""
    manifest = store.json(image.digest)
    config = store.json(manifest["config"]["digest"])
    layers = tuple(Descriptor.from_dict(each) for each in manifest["layers"])
    return _stored(store, config, layers, manifest.get("annotations", {}), image.platform)


def _stored(
    store: ImageStore, config: dict[str, Any], layers: tuple[Descriptor, ...], notes: dict[str, str], platform: str
) -> Descriptor:
    added = write_layer(store, contract.own_layer())
    described = store.add(_json(contract.with_layers(config, [added.diff_id])), _CONFIG)
    body = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": described.to_dict(),
        "layers": [each.to_dict() for each in (*layers, added.descriptor)],
        "annotations": notes,
    }
    return replace(store.add(_json(body), MANIFEST), platform=platform)


def _json(values: dict[str, Any]) -> bytes:
    return json.dumps(values, sort_keys=True, separators=(",", ":")).encode()
