"""Signatures beside images in a real registry: what counts, what doesn't, and that openssl agrees."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from opsctl.config.naming import signature_tag
from opsctl.images.oci import signing
from opsctl.images.oci.push import push
from opsctl.images.oci.signing import ANNOTATION, SignatureError, check, payload, public_key, sign
from opsctl.images.oci.store import Descriptor
from opsctl.images.registry.repository import CONFIG, MANIFEST, Manifest, Repository
from tests.functional.images.hostile import REGISTRY, Said, host
from tests.functional.images.samples import image, new_store
from tests.functional.images.servers import Registry, run

OURS, THEIRS = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
OTHER = "sha256:" + "1" * 64


def pem(key: Any) -> bytes:
    return bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


def signer(key: ec.EllipticCurvePrivateKey) -> Callable[[bytes], bytes]:
    return lambda text: key.sign(text, ec.ECDSA(hashes.SHA256()))


@pytest.fixture
def signed(protected: Registry, tmp_path: Path, request: pytest.FixtureRequest) -> tuple[Repository, str]:
    """A repository of the test's own with an image in it, and its digest."""
    store = new_store(tmp_path)
    made = image(store, layers=1, size=1000)
    repository = protected.repository(f"signed/{abs(hash(request.node.name))}")
    push(store, made, repository, "v1")
    return repository, made.digest


def put(
    folder: Path, repository: Repository, digest: str, text: bytes, signature: str, media_type: str = signing._PAYLOAD
) -> None:
    """What a stranger who may push can put beside an image."""
    layer = Descriptor(media_type, signing._digest(text), len(text), annotations={ANNOTATION: signature})
    config = Descriptor(CONFIG, signing._digest(b"{}"), 2)
    for number, data in enumerate((text, b"{}")):
        signing._send(repository, data, folder / str(number))
    body = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config.to_dict(), "layers": [layer.to_dict()]}
    repository.put_manifest(signature_tag(digest), Manifest(json.dumps(body).encode(), MANIFEST))


def by(key: ec.EllipticCurvePrivateKey, text: bytes) -> str:
    return base64.b64encode(signer(key)(text)).decode()


def test_an_image_that_was_signed_is_taken_and_signed_once(signed: tuple[Repository, str]) -> None:
    repository, digest = signed
    key = public_key(pem(OURS))
    assert sign(repository, digest, key, signer(OURS))
    check(repository, digest, key)
    assert not sign(repository, digest, key, signer(OURS))


def test_an_image_without_a_signature_is_refused(signed: tuple[Repository, str]) -> None:
    with pytest.raises(SignatureError, match=r"has no signature, and images\.verify wants one") as caught:
        check(*signed, public_key(pem(OURS)))
    assert (caught.value.code, caught.value.exit_code) == ("image-not-signed", 5)


def test_a_signature_of_another_key_is_refused_and_not_signed_over(signed: tuple[Repository, str]) -> None:
    repository, digest = signed
    sign(repository, digest, public_key(pem(THEIRS)), signer(THEIRS))
    with pytest.raises(SignatureError, match="another key"):
        check(repository, digest, public_key(pem(OURS)))
    with pytest.raises(SignatureError, match="another key") as caught:
        sign(repository, digest, public_key(pem(OURS)), signer(OURS))
    assert f"remove the tag {signature_tag(digest)}" in caught.value.hint


def forged(repository: Repository, digest: str) -> dict[str, tuple[bytes, str, str]]:
    """Texts with their signatures, and why each is refused."""
    good = payload(repository, digest)
    other = payload(repository, OTHER)
    elsewhere = good.replace(repository.name.repository.encode(), b"another/app")
    untyped = good.replace(b"cosign container image signature", b"atomic container signature")
    return {
        "another digest": (other, by(OURS, other), "it is for sha256:111111111111"),
        "another repository": (elsewhere, by(OURS, elsewhere), "it is for the repository 127.0.0.1"),
        "another type": (untyped, by(OURS, untyped), "no signature of an image"),
        "a text that was changed": (good + b" ", by(OURS, good), "its text was changed"),
        "another image's signature": (good, by(OURS, other), "its text was changed"),
        "no signature": (good, "", "its text was changed"),
        "no base64": (good, "%%%", "its text was changed"),
        "no JSON": (b"text", by(OURS, b"text"), "none of cosign's"),
        "JSON of another shape": (b'{"critical": []}', by(OURS, b'{"critical": []}'), "none of cosign's"),
        "deep JSON": (b"[" * 90_000, by(OURS, b"[" * 90_000), "none of cosign's"),
    }


@pytest.mark.parametrize("what", [
    "another digest", "another repository", "another type", "a text that was changed", "another image's signature",
    "no signature", "no base64", "no JSON", "JSON of another shape", "deep JSON",
])  # fmt: skip
def test_what_is_no_signature_of_this_image_is_refused(
    what: str, signed: tuple[Repository, str], tmp_path: Path
) -> None:
    repository, digest = signed
    text, signature, why = forged(repository, digest)[what]
    put(tmp_path, repository, digest, text, signature)
    with pytest.raises(SignatureError, match=why):
        check(repository, digest, public_key(pem(OURS)))


def test_a_layer_of_another_kind_is_no_signature(signed: tuple[Repository, str], tmp_path: Path) -> None:
    repository, digest = signed
    text = payload(repository, digest)
    put(tmp_path, repository, digest, text, by(OURS, text), "application/octet-stream")
    with pytest.raises(SignatureError, match="none of cosign's"):
        check(repository, digest, public_key(pem(OURS)))


@pytest.mark.parametrize("layers", [None, [], 7])
def test_a_manifest_without_signatures_is_none(layers: object) -> None:
    with host(REGISTRY) as registry:
        registry.answers("/manifests/", Said(200, body=json.dumps({"layers": layers}).encode()))
        with pytest.raises(SignatureError, match="there is none in it"):
            check(registry.repository(None), OTHER, public_key(pem(OURS)))


@pytest.mark.parametrize("data", [
    b"", b"-----BEGIN PUBLIC KEY-----", pem(rsa.generate_private_key(65537, 2048)),
    pem(ec.generate_private_key(ec.SECP384R1())),
], ids=["empty", "cut", "RSA", "P-384"])  # fmt: skip
def test_a_key_of_another_kind_is_told(data: bytes) -> None:
    with pytest.raises(SignatureError, match=r"no public key of ECDSA P-256") as caught:
        public_key(data)
    assert caught.value.code == "bad-key"


def test_openssl_agrees(signed: tuple[Repository, str], tmp_path: Path) -> None:
    repository, digest = signed
    sign(repository, digest, public_key(pem(OURS)), signer(OURS))
    (layer,) = repository.manifest(signature_tag(digest)).json()["layers"]
    (tmp_path / "text").write_bytes(repository.blob(layer["digest"], layer["size"]))
    (tmp_path / "signature").write_bytes(base64.b64decode(layer["annotations"][ANNOTATION]))
    (tmp_path / "key.pub").write_bytes(pem(OURS))
    said = run("openssl", "dgst", "-sha256", "-verify", str(tmp_path / "key.pub"), "-signature",
               str(tmp_path / "signature"), str(tmp_path / "text"))  # fmt: skip
    assert "Verified OK" in said.stdout
