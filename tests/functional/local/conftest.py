"""A local target of its own for each test module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.functional.local.sandbox import Sandbox


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    sandbox = Sandbox(tmp_path_factory.mktemp("target"))
    yield sandbox
    sandbox.target.reset()
