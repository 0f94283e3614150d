"""How readers find the active release: remembered for a moment, from the replica where there is one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from salaries.selectors import releases
from salaries.services.releases import release_load

from tests.service.datasets import ROWS, write_canonical

only_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@only_sqlite
def test_a_worker_looks_at_the_pointer_again_within_a_second(
    loaded: str, data_dir: Path, client: Client, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr(releases.POINTER, "clock", lambda: now[0])
    releases.POINTER.forget()
    settings.RELEASE_CACHE_SECONDS = 0.5
    first = client.get("/api/salaries/", {"role": "sre"})
    with CaptureQueriesContext(connection) as queries:
        assert client.get("/api/salaries/", {"role": "sre"}).content == first.content
    assert len(queries) == 0
    release_load(canonical=write_canonical(data_dir / "c.csv", ROWS[:40]), append=False, allow_shrink=False)
    now[0] += 0.5
    after = client.get("/api/salaries/", {"role": "sre"})
    assert after.json()["total_observations"] == 13
    assert after["ETag"] != first["ETag"]


@pytest.mark.filterwarnings("ignore:Overriding setting DATABASES")
def test_requests_read_the_replica_where_there_is_one(settings: Any) -> None:
    assert releases.reads_alias() == "default"
    settings.DATABASES = {**settings.DATABASES, "replica": {}}
    assert releases.reads_alias() == "replica"
