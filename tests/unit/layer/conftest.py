"""The hook's modules import each other by short names, as they do from PYTHONPATH."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import pytest

from tests.functional.cli import ROOT

# At the end, and before the test modules are imported.
sys.path.append(str(ROOT / "opsctl" / "layer" / "files" / "hook"))


@pytest.fixture
def project(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The settings of a project that trusts a header which load balancers do not send."""
    settings = SimpleNamespace(SECURE_PROXY_SSL_HEADER=("HTTP_X_FORWARDED_SSL", "on"))
    module = ModuleType("django.conf")
    module.__dict__["settings"] = settings
    monkeypatch.setitem(sys.modules, "django.conf", module)
    return settings
