"""KMS as moto has it: what it signs is verified with the half of the key that it gives away."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from moto import mock_aws

from opsctl.aws.errors import AwsError
from opsctl.aws.kms import Kms
from opsctl.images.oci.signing import public_key

from .clients import client


@pytest.fixture
def kms() -> Iterator[Any]:
    with mock_aws():
        made = client("kms")
        key = made.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]
        made.create_alias(AliasName="alias/images", TargetKeyId=key["KeyId"])
        yield made


def test_what_the_key_signed_is_verified_without_it(kms: Any) -> None:
    key = public_key(Kms(kms).public_key("alias/images"))
    signature = Kms(kms).sign("alias/images", b"a text")
    key.verify(signature, b"a text", ec.ECDSA(hashes.SHA256()))
    with pytest.raises(InvalidSignature):
        key.verify(signature, b"another", ec.ECDSA(hashes.SHA256()))


def test_a_key_that_is_not_there_is_an_error(kms: Any) -> None:
    with pytest.raises(AwsError):
        Kms(kms).public_key("alias/nobody")
