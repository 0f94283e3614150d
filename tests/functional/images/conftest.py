"""One registry with a password for all tests of this folder; each uses repositories of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.functional.images.servers import Registry, registry


@pytest.fixture(scope="session")
def protected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """docker-registry with htpasswd."""
    with registry(tmp_path_factory.mktemp("registry")) as running:
        yield running
