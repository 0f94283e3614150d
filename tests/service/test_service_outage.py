"""What a process remembers of a database that did not answer: connections from before are not asked again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from config import outage
from config.outage import ASK_AGAIN_SECONDS, DatabaseAwayError, Outage
from django.db import OperationalError


@dataclass
class Connection:
    """A thread's connection as Django keeps it: open for 300 s from `opened` on."""

    opened: float
    in_atomic_block: bool = False
    connection: Any = "open"
    settings_dict: dict[str, Any] = field(default_factory=lambda: {"CONN_MAX_AGE": 300})

    @property
    def close_at(self) -> float:
        return self.opened + 300

    def close(self) -> None:
        self.connection = None


@dataclass
class Connections:
    mine: list[Connection]

    def all(self, *, initialized_only: bool) -> list[Connection]:
        assert initialized_only
        return self.mine


@pytest.fixture
def clock() -> list[float]:
    return [100.0]


@pytest.fixture
def away(clock: list[float]) -> Outage:
    """An outage that was noticed at 100 s and is not asked about for two seconds more."""
    found = Outage(lambda: clock[0])
    with pytest.raises(OperationalError), found.asked():
        raise OperationalError("gone")
    return found


def test_connections_from_before_an_outage_are_closed_unasked(
    away: Outage, clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    before, busy, after = Connection(99.0), Connection(99.0, in_atomic_block=True), Connection(101.0)
    monkeypatch.setattr(outage, "connections", Connections([before, busy, after]))
    with pytest.raises(DatabaseAwayError), away.asked():
        pass
    assert before.connection == "open"  # nobody asks for now
    clock[0] += ASK_AGAIN_SECONDS
    with away.asked():
        assert [each.connection for each in (before, busy, after)] == [None, "open", "open"]
    kept = Connection(99.0)  # another thread's, which comes once the database answers again
    monkeypatch.setattr(outage, "connections", Connections([kept]))
    with away.asked():
        assert kept.connection is None


def test_without_an_outage_no_connection_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    old = Connection(1.0)
    monkeypatch.setattr(outage, "connections", Connections([old]))
    with Outage(lambda: 100.0).asked():
        assert old.connection == "open"
