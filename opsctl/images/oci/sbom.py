"""What is inside an image, as a CycloneDX bill of materials: read from the image itself, whoever built it.

Python packages come from their `.dist-info`, Debian packages from dpkg's database. It holds no time and no random id:
the same image has the same bill.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from email.parser import HeaderParser
from pathlib import Path
from typing import Any
from urllib.parse import quote

from opsctl.config.pinned import normal_name
from opsctl.images.limits import PACKAGES_LIMIT, whole
from opsctl.images.oci.base import clean, open_layer
from opsctl.images.oci.store import Descriptor, ImageStore

SPEC = "1.6"
_METADATA = re.compile(r"(?:.*/)?(?:site|dist)-packages/[^/]+\.dist-info/METADATA")
_DPKG = re.compile(r"var/lib/dpkg/(?:status|status\.d/[^/]+)")
_RELEASES = ("etc/os-release", "usr/lib/os-release")
# Scripts that a project ships say in their first lines what they are.
_SCRIPT = re.compile(r"app/(?:.*/)?static/.+\.js")
_BANNER = re.compile(rb"/\*!?[\s*]*([A-Za-z][\w.-]*) v(\d+\.\d+\.\d+)\b")
_BANNER_BYTES = 1000


def write_sbom(store: ImageStore, manifest: Descriptor, name: str) -> Path:
    """Write the bill of one platform's image beside it; answers the file."""
    path = store.root / "sbom" / f"{manifest.digest.removeprefix('sha256:')}.cdx.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(bill(store, manifest, name), indent=1) + "\n", encoding="utf-8")
    return path


def bill(store: ImageStore, manifest: Descriptor, name: str) -> dict[str, Any]:
    """The bill of materials of an image called `name`, which is `repository:tag`."""
    repository, _, tag = name.rpartition("/")[2].partition(":")
    files = _collect(store, manifest)
    system = _system(files)
    components = [*_debian(files, system), *_python(files), *_scripts(files)]
    unique = {component["bom-ref"]: component for component in components}
    short = manifest.digest.removeprefix("sha256:")
    return {
        "bomFormat": "CycloneDX",
        "specVersion": SPEC,
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, manifest.digest)}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "container",
                "bom-ref": manifest.digest,
                "name": name,
                "version": manifest.digest,
                "purl": f"pkg:oci/{quote(repository.lower())}@{quote(manifest.digest)}?tag={quote(tag)}",
                "hashes": [{"alg": "SHA-256", "content": short}],
            },
        },
        "components": [unique[ref] for ref in sorted(unique)],
    }


def _collect(store: ImageStore, manifest: Descriptor) -> dict[str, bytes]:
    """The files that name packages, as the topmost layer has them."""
    found: dict[str, bytes] = {}
    for layer in store.blobs(manifest)[1:]:
        with open_layer(store, layer) as archive:
            for member in archive:
                path = clean(member.name)
                folder, _, name = path.rpartition("/")
                if name.startswith(".wh."):
                    gone = f"{folder}/{name.removeprefix('.wh.')}"
                    found = {key: data for key, data in found.items() if not f"{key}/".startswith(f"{gone}/")}
                elif member.isfile() and _names_packages(path):
                    stream = archive.extractfile(member)
                    found[path] = whole(stream, path, PACKAGES_LIMIT) if stream else b""
    return found


def _names_packages(path: str) -> bool:
    return path in _RELEASES or any(pattern.fullmatch(path) for pattern in (_METADATA, _DPKG, _SCRIPT))


def _system(files: dict[str, bytes]) -> str:
    """`debian-13`, or "" for a base that does not say."""
    text = next((files[name].decode() for name in _RELEASES if name in files), "")
    values = dict(re.findall(r'^(\w+)="?([^"\n]*)"?$', text, re.MULTILINE))
    return f"{values['ID']}-{values.get('VERSION_ID', '')}".rstrip("-") if "ID" in values else ""


def _debian(files: dict[str, bytes], system: str) -> Iterator[dict[str, Any]]:
    for path in sorted(files):
        if not _DPKG.fullmatch(path):
            continue
        for block in files[path].decode(errors="replace").split("\n\n"):
            package = HeaderParser().parsestr(block)
            name, version = package.get("Package"), package.get("Version")
            if name and version and "deinstall" not in (package.get("Status") or ""):
                kind = system.partition("-")[0] or "debian"
                purl = f"pkg:deb/{kind}/{quote(name)}@{quote(version)}?arch={package.get('Architecture', 'all')}"
                yield _component(name, version, f"{purl}&distro={system}" if system else purl)


def _python(files: dict[str, bytes]) -> Iterator[dict[str, Any]]:
    for path in sorted(files):
        if _METADATA.fullmatch(path):
            package = HeaderParser().parsestr(files[path].decode(errors="replace"))
            name, version = str(package.get("Name", "")), str(package.get("Version", ""))
            licence = package.get("License-Expression") or ""
            yield _component(name, version, f"pkg:pypi/{quote(normal_name(name))}@{quote(version)}", str(licence))


def _scripts(files: dict[str, bytes]) -> Iterator[dict[str, Any]]:
    """Libraries for browsers, by the banner of their file, each once."""
    seen = set[str]()
    for path in sorted(path for path in files if _SCRIPT.fullmatch(path)):
        head = files[path][:_BANNER_BYTES]
        found = _BANNER.search(head)
        if found:
            name, version = found[1].decode().lower(), found[2].decode()
            purl = f"pkg:npm/{name}@{version}"
            if purl not in seen:
                seen.add(purl)
                yield _component(name, version, purl, "MIT" if b"MIT" in head else "")


def _component(name: str, version: str, purl: str, licence: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}
    if licence:
        found["licenses"] = [{"expression": licence}]
    return found
