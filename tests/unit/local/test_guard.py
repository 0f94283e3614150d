"""Which requests that a web page could send are refused."""

from __future__ import annotations

import pytest

from opsctl.local.emulator.guard import refusal
from opsctl.local.emulator.names import is_loopback


def refused(**headers: str) -> str:
    given = {"host": "127.0.0.1:24000", **headers}
    return refusal(
        {name.replace("_", "-"): value for name, value in given.items()}, lambda host: host.startswith("127.0.0.1")
    )


def test_it_refuses_names_that_it_was_not_told() -> None:
    assert "does not answer for the host" in refused(host="evil.example")
    assert refused(host="127.0.0.1") == ""


@pytest.mark.parametrize("name", ["127.0.0.1", "127.64.0.9", "localhost", "[::1]"])
def test_loopback_is_this_machine_for_everybody(name: str) -> None:
    assert is_loopback(name)


@pytest.mark.parametrize(
    "name", ["evil.example", "127.0.0.1.evil.example", "127.0.0.evil", "x.localhost", "10.0.0.1", ""]
)
def test_nothing_else_is(name: str) -> None:
    assert not is_loopback(name)


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:3000"])
def test_it_refuses_pages_of_other_origins(origin: str) -> None:
    assert "does not answer pages" in refused(origin=origin)


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_it_refuses_images_links_and_forms_of_other_sites(site: str) -> None:
    assert "other sites" in refused(sec_fetch_site=site)


def test_it_answers_its_own_pages_and_the_address_bar() -> None:
    assert refused(origin="http://127.0.0.1:24000", sec_fetch_site="same-origin") == ""
    assert refused(sec_fetch_site="none") == ""
