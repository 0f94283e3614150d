"""KMS: signing with a key that never leaves it."""

from __future__ import annotations

from typing import Any

from opsctl.aws.translation import translated

_ALGORITHM = "ECDSA_SHA_256"


class Kms:
    """Calls of one region. Every method raises AwsError."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def public_key(self, key: str) -> bytes:
        """The public half of an asymmetric key, as DER. `key` is an alias (`alias/…`) or an ARN."""
        with translated():
            return bytes(self._client.get_public_key(KeyId=key)["PublicKey"])

    def sign(self, key: str, message: bytes) -> bytes:
        """The ECDSA signature of a message of at most 4096 bytes, by its SHA-256, as DER."""
        with translated():
            answer = self._client.sign(KeyId=key, Message=message, MessageType="RAW", SigningAlgorithm=_ALGORITHM)
        return bytes(answer["Signature"])
