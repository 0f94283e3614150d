"""Many clients at once, and many requests one after another, with the memory of who answers them.

OPSCTL_SOAK=1 .venv/bin/pytest -s -m soak tests/service/test_service_pressure.py
"""

from __future__ import annotations

import asyncio
import itertools
import re
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.service.serving import Served, serving
from tests.service.test_service_frozen import HOOK

pytestmark = pytest.mark.soak
ROLES, STATES = ("sre", "qa_engineer", "data_engineer", "devops_engineer"), ("sp", "rj", "mg", "pr", "sc", "rs", "pe")
MODELS = ("remoto", "hibrido", "presencial", "")
PATHS = [
    "/dashboard/",
    *(f"/api/salaries/{kind}?role={role}" for kind in ("", "insights/", "overview/") for role in ROLES),
    *(
        f"/api/salaries/{kind}?role={role}&state={state}&work_model={model}"
        for kind in ("", "insights/", "overview/")
        for role in ROLES
        for state in STATES
        for model in MODELS
    ),
]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """As an image runs it, with two workers of four threads."""
    with serving(tmp_path, **HOOK, WEB_CONCURRENCY="2", LOG_LEVEL="WARNING") as running:
        yield running


class Crowd:
    """Clients that ask for all paths in turn, each on a connection that it keeps; `answers` counts by status."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._paths = itertools.cycle(PATHS)
        self.answers: Counter[str] = Counter()

    def ask(self, *, clients: int, until: float = float("inf"), requests: int = 10**9) -> None:
        """Ask until a moment of `time.monotonic`, or so often in all."""
        asked = iter(range(requests))

        async def all_of_them() -> None:
            await asyncio.gather(*(self._client(asked, until) for _ in range(clients)))

        asyncio.run(all_of_them())

    async def _client(self, asked: Iterator[int], until: float) -> None:
        writer = None
        while time.monotonic() < until and next(asked, None) is not None:
            try:
                if writer is None:
                    reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
                status, closes = await asyncio.wait_for(self._one(reader, writer), 30)
                self.answers[status] += 1
                if closes:
                    writer.close()
                    writer = None
            except (OSError, EOFError, TimeoutError) as error:
                self.answers[type(error).__name__] += 1
                if writer is not None:
                    writer.close()
                    writer = None
        if writer is not None:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> tuple[str, bool]:
        writer.write(f"GET {next(self._paths)} HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = re.search(r"content-length: (\d+)", head)
        assert length is not None, head
        await reader.readexactly(int(length[1]))
        return head.split()[1], "connection: close" in head


def memory_of_workers(served: Served) -> list[float]:
    """Resident MB of each, the larger last."""
    command = ["ps", "-o", "rss=", "--ppid", str(served.process.pid)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return sorted(int(line) / 1024 for line in done.stdout.split())


def test_five_hundred_clients_at_once_are_all_answered(served: Served) -> None:
    crowd = Crowd(served.port)
    crowd.ask(clients=500, until=time.monotonic() + 10)
    print(f"\n  {crowd.answers.total():,} answers: {dict(crowd.answers)}", end="")  # noqa: T201
    assert set(crowd.answers) == {"200"}
    assert crowd.answers.total() > 500
    assert "Traceback" not in served.log.read_text()


def test_twenty_thousand_requests_take_no_memory_with_them(served: Served) -> None:
    crowd = Crowd(served.port)
    crowd.ask(clients=16, requests=4_000)  # by then each worker keeps every answer
    before = memory_of_workers(served)
    crowd.ask(clients=16, requests=20_000)
    after = memory_of_workers(served)
    print(f"\n  {dict(crowd.answers)}; MB before {before}, after {after}", end="")  # noqa: T201
    assert crowd.answers == {"200": 24_000}
    assert len(after) == 2
    assert after[-1] < before[-1] + 5
