"""Who may talk to the emulator."""

from __future__ import annotations

import pytest

from opsctl.local.emulator.guard import refusal


def refused(**headers: str) -> str:
    given = {"host": "127.0.0.1:24000", **headers}
    return refusal((name.replace("_", "-").encode(), value.encode()) for name, value in given.items())


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1:24000",
        "localhost:24000",
        "bucket.s3.us-east-1.amazonaws.com",
        "d1.cloudfront.net:24000",
        "[::1]:24000",
    ],
)
def test_it_answers_for_loopback_and_for_names_of_emulated_data_planes(host: str) -> None:
    assert refused(host=host) == ""


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:24000", "127.0.0.1.evil.example", "notamazonaws.com", ""]
)
def test_it_refuses_names_that_an_attacker_can_point_here(host: str) -> None:
    assert "does not answer for the host" in refused(host=host)


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:3000"])
def test_it_refuses_pages_of_other_origins(origin: str) -> None:
    assert "does not answer pages" in refused(origin=origin)


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_it_refuses_images_links_and_forms_of_other_sites(site: str) -> None:
    assert "other sites" in refused(sec_fetch_site=site)


def test_it_answers_its_own_pages_and_the_address_bar() -> None:
    assert refused(origin="http://127.0.0.1:24000", sec_fetch_site="same-origin") == ""
    assert refused(sec_fetch_site="none") == ""
