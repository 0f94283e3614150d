"""The layer, and a site of a stranger with the servers that run it."""

from __future__ import annotations

from pathlib import Path

import pytest

from opsctl.layer import contents
from tests.functional.layer.site import environment, make_site


@pytest.fixture(scope="session")
def venv() -> Path:
    """Django and the servers."""
    return environment()


@pytest.fixture(scope="session")
def site(venv: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with the admin."""
    folder = tmp_path_factory.mktemp("site")
    make_site(folder, venv)
    return folder


@pytest.fixture(scope="session")
def layer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is /opt/opsctl in an image."""
    return contents.unpack(tmp_path_factory.mktemp("layer"), None)
