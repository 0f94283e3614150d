"""Signatures of images, as cosign writes and reads them: a key says that this digest of this repository may run.

A signature lies in the image's own repository under `sha256-HEX.sig`: a manifest whose layers are the signed texts,
with their signatures as annotations. [sigstore/cosign, specs/SIGNATURE_SPEC.md] cosign ignores which repository a text
names; here it counts, so that what was signed for one is not taken in another.
"""

from __future__ import annotations

import base64
import hashlib
import json
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opsctl.config.naming import signature_tag
from opsctl.errors import ExitCode
from opsctl.images.errors import ImageError
from opsctl.images.limits import MIB
from opsctl.images.oci.store import Descriptor
from opsctl.images.registry.repository import CONFIG, MANIFEST, Manifest, Repository
from opsctl.images.registry.upload import Blob, Uploader

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

ANNOTATION = "dev.cosignproject.cosign/signature"
_PAYLOAD = "application/vnd.dev.cosign.simplesigning.v1+json"
_TYPE = "cosign container image signature"
_MOST = 100  # signatures of one image that are looked at

Sign = Callable[[bytes], bytes]
"""Signs a text with ECDSA and SHA-256; the signature is DER."""


class SignatureError(ImageError):
    """An image has no signature that counts."""

    code = "image-not-signed"
    exit_code = ExitCode.AWS_REFUSED


def public_key(data: bytes) -> EllipticCurvePublicKey:
    """A key of P-256 from PEM or DER. Raises SignatureError for any other."""
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import load_der_public_key, load_pem_public_key

    try:
        key = load_pem_public_key(data) if data.lstrip().startswith(b"-----") else load_der_public_key(data)
    except ValueError:
        key = None
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise SignatureError(
            "The key of images.verify is no public key of ECDSA P-256.",
            code="bad-key",
            hint="KMS makes one of key spec ECC_NIST_P256 and key usage SIGN_VERIFY, `cosign generate-key-pair` too.",
        )
    return key


def payload(repository: Repository, digest: str) -> bytes:
    """The text that is signed for an image."""
    critical = {
        "identity": {"docker-reference": _reference(repository)},
        "image": {"docker-manifest-digest": digest},
        "type": _TYPE,
    }
    return json.dumps({"critical": critical, "optional": None}, separators=(",", ":"), sort_keys=True).encode()


def check(repository: Repository, digest: str, key: EllipticCurvePublicKey) -> None:
    """Raise SignatureError unless one of the image's signatures was made with the key for this repository."""
    tag = signature_tag(digest)
    if repository.digest(tag) is None:
        raise SignatureError(f"{_reference(repository)}@{digest[:19]} has no signature, and images.verify wants one.")
    reasons = list[str]()
    for layer in _layers(repository.manifest(tag)):
        refused = _refused(repository, layer, digest, key)
        if refused is None:
            return
        reasons.append(refused)
    why = "; ".join(dict.fromkeys(reasons)) or "there is none in it"
    raise SignatureError(f"No signature of {_reference(repository)}@{digest[:19]} counts: {why}.")


def sign(repository: Repository, digest: str, key: EllipticCurvePublicKey, signer: Sign) -> bool:
    """Sign an image that is in the repository; answers False when it has a signature of this key.

    Raises SignatureError when the tag holds another signature: a registry of immutable tags takes one.
    """
    tag = signature_tag(digest)
    if repository.digest(tag) is not None:
        try:
            check(repository, digest, key)
        except SignatureError as error:
            error.hint = f"Tags never move: remove the tag {tag}, if nobody needs what it holds, and sign again."
            raise
        return False
    text = payload(repository, digest)
    signature = base64.b64encode(signer(text)).decode()
    layer = Descriptor(_PAYLOAD, _digest(text), len(text), annotations={ANNOTATION: signature})
    config = json.dumps(
        {"architecture": "", "os": "", "config": {}, "rootfs": {"type": "layers", "diff_ids": [layer.digest]}}
    ).encode()
    body = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": Descriptor(CONFIG, _digest(config), len(config)).to_dict(),
        "layers": [layer.to_dict()],
    }
    with tempfile.TemporaryDirectory(prefix="opsctl-signature-") as folder:
        for data in (text, config):
            _send(repository, data, Path(folder, "blob"))
    repository.put_manifest(tag, Manifest(json.dumps(body).encode(), MANIFEST))
    return True


def _refused(repository: Repository, layer: Descriptor, digest: str, key: EllipticCurvePublicKey) -> str | None:
    """Why a signature doesn't count; None when it does."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    if layer.media_type != _PAYLOAD or not 0 < layer.size <= MIB:
        return "it is none of cosign's"
    text = repository.blob(layer.digest, layer.size)
    try:
        signature = base64.b64decode(str(layer.annotations.get(ANNOTATION, "")), validate=True)
        key.verify(signature, text, ec.ECDSA(hashes.SHA256()))
    except (ValueError, InvalidSignature):
        return "it was made with another key, or its text was changed"
    try:
        critical = json.loads(text)["critical"]
        said = (critical["type"], critical["image"]["docker-manifest-digest"], critical["identity"]["docker-reference"])
    except (ValueError, RecursionError, KeyError, TypeError):
        return "its text is none of cosign's"
    if said[0] != _TYPE:
        return "it is no signature of an image"
    if said[1] != digest:
        return f"it is for {str(said[1])[:19]}"
    return None if said[2] == _reference(repository) else f"it is for the repository {str(said[2])[:100]}"


def _layers(manifest: Manifest) -> Iterator[Descriptor]:
    listed: Any = manifest.json().get("layers")
    for values in listed[:_MOST] if isinstance(listed, list) else ():
        yield Descriptor.from_dict(values)


def _send(repository: Repository, data: bytes, path: Path) -> None:
    if not repository.has_blob(_digest(data)):
        path.write_bytes(data)
        Uploader(repository, lambda _: None, threading.Event()).send(Blob(_digest(data), len(data), path))


def _digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def _reference(repository: Repository) -> str:
    return f"{repository.name.registry}/{repository.name.repository}"
