"""A registry that sends a byte now and then is given up, and a slow one that means well is not."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from opsctl.images.errors import RegistryError
from opsctl.images.registry.pace import Pace
from opsctl.images.registry.repository import Repository
from tests.functional.images.hostile import REGISTRY, Host, Said, host

PACE = Pace(size=200, seconds=0.4)  # of the servers here 8 bytes come in that time
BODY = b"{" + b" " * 600 + b"}"
DIGEST = "sha256:" + hashlib.sha256(BODY).hexdigest()


@pytest.fixture
def registry() -> Iterator[Host]:
    with host(REGISTRY) as running:
        yield running


def fetched(repository: Repository, folder: Path) -> bytes:
    repository.download(DIGEST, len(BODY), folder / "blob", lambda _: None)
    return (folder / "blob").read_bytes()


ASKS: dict[str, Callable[[Repository, Path], object]] = {
    "manifest": lambda repository, _: repository.manifest(DIGEST).body,
    "short blob": lambda repository, _: repository.blob(DIGEST, len(BODY)),
    "layer": fetched,
}


@pytest.mark.parametrize("part", ["headers", "body", "chunks"])
@pytest.mark.parametrize("ask", ASKS)
def test_a_registry_that_drips_is_given_up(ask: str, part: str, registry: Host, tmp_path: Path) -> None:
    registry.answers("", Said(200, body=BODY, dripping=part))  # type: ignore[arg-type]
    with pytest.raises(RegistryError, match=r"failed 2 times in a row; .*too slow, only \d+ bytes in 0.4"):
        ASKS[ask](registry.repository(None, PACE), tmp_path)
    assert len(registry.asked) == 2
    assert registry.sent < 60


def test_a_refusal_of_a_layer_that_drips_is_given_up(registry: Host, tmp_path: Path) -> None:
    registry.answers("", Said(403, body=BODY, dripping="body"))
    with pytest.raises(RegistryError, match="too slow, only"):
        fetched(registry.repository(None, PACE), tmp_path)


def test_a_token_service_that_drips_is_given_up(registry: Host) -> None:
    registry.answers("/token", Said(200, body=BODY, dripping="body"))
    registry.answers("", Said(401, {"WWW-Authenticate": f'Bearer realm="{registry.url}/token",service="x"'}))
    with pytest.raises(RegistryError, match=r"Asking for a token failed 2 times.*too slow"):
        registry.repository(pace=PACE).manifest("v1")


@pytest.mark.parametrize("ask", ASKS)
def test_a_slow_registry_that_keeps_the_pace_is_read_to_the_end(ask: str, registry: Host, tmp_path: Path) -> None:
    """The whole answer takes longer than what a part of it may take."""
    registry.answers("", Said(200, body=BODY, dripping="body", every=0.001))
    assert ASKS[ask](registry.repository(None, Pace(size=20, seconds=0.5)), tmp_path) == BODY
    assert len(registry.asked) == 1
