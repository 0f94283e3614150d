"""opsctl's own layer on an image that somebody else made."""

from __future__ import annotations

from typing import Any

from opsctl.images.build import contract
from opsctl.images.build.native import notes_of
from opsctl.images.checkout.project import Project
from opsctl.images.listener import Listener
from opsctl.images.names import ImageName
from opsctl.images.oci.base import fetch_base
from opsctl.images.oci.layers import write_layer
from opsctl.images.oci.store import Descriptor, ImageStore
from opsctl.images.registry.repository import CONFIG, Opener


def with_own_layer(
    store: ImageStore, project: Project, name: ImageName, platforms: tuple[str, ...], opener: Opener, listener: Listener
) -> Descriptor:
    """Fetch the image `name` and add the layer, for one platform or several. Raises RegistryError, BuildError."""
    made = []
    for platform in platforms:
        base = fetch_base(store, name, platform, opener, listener)
        made.append(_stored(store, base.config, base.layers, notes_of(project), platform))
    return store.add_image(made, notes_of(project))


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
    described = store.add_json(contract.with_layers(config, [added.diff_id]), CONFIG)
    return store.add_manifest(described, (*layers, added.descriptor), notes, platform)
