"""For which names the emulator answers."""

from __future__ import annotations

import pytest

from opsctl.local.emulator.names import IssuedNames
from tests.unit.local.ministack import Ministack


@pytest.fixture
def names() -> IssuedNames:
    modules = Ministack().whole
    modules.alb._lbs.all_items = lambda: [("key", {"DNSName": "App-1.us-east-1.elb.amazonaws.com"})]
    modules.cloudfront._distributions._data = {("0", "E1"): {"DomainName": "d1.cloudfront.net"}}
    certificate = {
        "DomainName": "shop.example.org",
        "SubjectAlternativeNames": ["shop.example.org", "*.shop.example.org"],
    }
    modules.acm._certificates.all_items = lambda: [("key", certificate)]
    modules.s3._buckets._data = {("0", "media"): {}}
    return IssuedNames(modules, "000000000000", "us-east-1")


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1:24000",
        "localhost",
        "app-1.us-east-1.elb.amazonaws.com:80",
        "APP-1.us-east-1.elb.amazonaws.com",
        "d1.cloudfront.net",
        "shop.example.org",
        "a.shop.example.org:24001",
        "media.s3.us-east-1.amazonaws.com",
        "media.s3.amazonaws.com",
        "000000000000.dkr.ecr.us-east-1.amazonaws.com",
    ],
)
def test_it_answers_for_what_it_issued(names: IssuedNames, host: str) -> None:
    assert names.answers(host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "evil.amazonaws.com",
        "d2.cloudfront.net",
        "other.s3.us-east-1.amazonaws.com",
        "xmedia.s3.amazonaws.com",
        "app-2.us-east-1.elb.amazonaws.com",
        "shop.example.org.evil.example",
        "f.lambda-url.us-east-1.on.aws",
        "111111111111.dkr.ecr.us-east-1.amazonaws.com",
        "bucket.localhost",
    ],
)
def test_it_answers_for_nothing_else_of_the_same_domains(names: IssuedNames, host: str) -> None:
    assert not names.answers(host)
