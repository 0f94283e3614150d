"""Names of images as people write them."""

from __future__ import annotations

import pytest

from opsctl.errors import UsageError
from opsctl.images.names import ImageName, check_tag, is_loopback

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("python", ImageName("docker.io", "library/python")),
        ("python:3.13-slim", ImageName("docker.io", "library/python", "3.13-slim")),
        (f"python:3.13-slim@{DIGEST}", ImageName("docker.io", "library/python", "3.13-slim", DIGEST)),
        ("someone/app:v1", ImageName("docker.io", "someone/app", "v1")),
        ("127.0.0.1:5000/a/b:v1", ImageName("127.0.0.1:5000", "a/b", "v1")),
        ("localhost/a", ImageName("localhost", "a")),
        (
            "123456789012.dkr.ecr.us-east-1.amazonaws.com/salaries:x",
            ImageName("123456789012.dkr.ecr.us-east-1.amazonaws.com", "salaries", "x"),
        ),
    ],
)
def test_it_reads_names_as_docker_does(text: str, expected: ImageName) -> None:
    assert ImageName.parse(text) == expected


@pytest.mark.parametrize("text", ["", "UPPER/case", "a b", "a@sha256:123", "host.io/", "a:.tag", "a//b", "../a"])
def test_it_refuses_what_is_no_name(text: str) -> None:
    with pytest.raises(UsageError):
        ImageName.parse(text)


def test_a_digest_counts_more_than_a_tag() -> None:
    assert ImageName.parse(f"python:3.13@{DIGEST}").reference == DIGEST
    assert ImageName.parse("python:3.13").reference == "3.13"


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("python", "https://registry-1.docker.io"),
        ("registry.example.com/a", "https://registry.example.com"),
        ("127.0.0.1:5000/a", "http://127.0.0.1:5000"),
        ("127.0.0.1.example.com/a", "https://127.0.0.1.example.com"),
    ],
)
def test_only_loopback_is_spoken_to_without_tls(text: str, url: str) -> None:
    assert ImageName.parse(text).url == url


def test_latest_is_no_tag() -> None:
    with pytest.raises(UsageError, match="another image every week"):
        check_tag("latest")


def test_hosts_that_only_look_like_loopback_are_none() -> None:
    assert [host for host in ("127.0.0.1:1", "localhost", "[::1]:80", "127.evil.com", "127.0.0.1.evil.com:80")
            if is_loopback(host)] == ["127.0.0.1:1", "localhost", "[::1]:80"]  # fmt: skip


def test_a_mapped_loopback_address_is_this_machine_and_one_that_leaves_it_is_not() -> None:
    hosts = ("::1", "::ffff:127.0.0.1", "[::ffff:7f00:1]:80", "64:ff9b::7f00:1", "64:ff9b:1::7f00:1", "2002:7f00:1::1",
             "2001:0:4136:e378:8000:63bf:80ff:fffe", "::ffff:10.0.0.1")  # fmt: skip
    assert [host for host in hosts if is_loopback(host)] == ["::1", "::ffff:127.0.0.1", "[::ffff:7f00:1]:80"]
