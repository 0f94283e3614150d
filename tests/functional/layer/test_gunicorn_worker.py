"""The worker in front of gunicorn's threads: whatever way a request arrives, its answer is the one it had without."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.functional.layer.gunicorns import (
    LARGE,
    VERSIONS,
    Gunicorn,
    answer,
    ask_slowly,
    get,
    post,
    run_beside,
    said,
    serving,
)


@pytest.fixture(scope="module", params=VERSIONS)
def gunicorn(
    request: pytest.FixtureRequest, layer: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gunicorn]:
    """Each version, with the worker; nothing goes wrong in it."""
    with serving(request.param, tmp_path_factory.mktemp("gunicorn"), layer) as served:
        yield served
        assert "Traceback" not in served.log.read_text()


@pytest.mark.parametrize("body", [b"", b"a" * 10_000])
def test_a_request_may_come_in_parts(gunicorn: Gunicorn, body: bytes) -> None:
    request = post("/a", body)
    with gunicorn.connect() as connection:
        for start in (0, 1, 20, len(request) - len(body) - 1, len(request) - 1):
            for part in (request[:start], request[start:]):
                connection.sendall(part)
                time.sleep(0.05)
            assert answer(connection) == said("/a", body)


def test_requests_may_come_at_once(gunicorn: Gunicorn) -> None:
    with gunicorn.connect() as connection:
        connection.sendall(get("/a") + post("/b", b"body") + post("/unread", b"none") + get("/c") + get("/d")[:9])
        expected = [said("/a"), said("/b", b"body"), said("/unread"), said("/c")]
        assert [answer(connection) for _ in expected] == expected
        connection.sendall(get("/d")[9:])
        assert answer(connection) == said("/d")


def test_half_a_head_behind_a_request_holds_no_thread(gunicorn: Gunicorn) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(4):
            connection = stack.enter_context(gunicorn.connect())
            connection.sendall(get("/a") + get("/b")[:-2])
            assert answer(connection) == said("/a")
        time.sleep(0.3)
        started = time.monotonic()
        other = stack.enter_context(gunicorn.connect())
        other.sendall(get("/c"))
        assert answer(other) == said("/c")
        assert time.monotonic() - started < 1


@pytest.mark.parametrize("size", [65_000, 70_000, 5_000_000])
def test_a_large_body_arrives_whole_and_the_next_request_after_it(gunicorn: Gunicorn, size: int) -> None:
    body = os.urandom(size)
    with gunicorn.connect() as connection:
        connection.sendall(post("/a", body) + get("/b"))
        assert answer(connection) == said("/a", body)
        assert answer(connection) == said("/b")


def test_a_body_in_chunks_arrives_whole(gunicorn: Gunicorn) -> None:
    with gunicorn.connect() as connection:
        for _ in range(3):
            connection.sendall(b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
            time.sleep(0.1)
            connection.sendall(b"2\r\nde\r\n0\r\n\r\n")
            assert answer(connection) == said("/a", b"abcde")


def test_a_client_that_asks_whether_to_go_on_is_told(gunicorn: Gunicorn) -> None:
    head, body = post("/a", b"body", "Expect: 100-continue\r\n").split(b"\r\n\r\n")
    with gunicorn.connect() as connection:
        connection.sendall(head + b"\r\n\r\n")
        assert answer(connection).endswith(b"100 Continue")
        connection.sendall(body)
        assert answer(connection) == said("/a", b"body")


def test_a_body_that_nobody_reads_is_not_taken_for_a_request(gunicorn: Gunicorn) -> None:
    for size in (10_000, 500_000):
        with gunicorn.connect() as connection, contextlib.suppress(ConnectionError):
            connection.sendall(post("/unread", get("/inner") * (size // 30)) + get("/a"))
            assert answer(connection) == said("/unread")
            assert answer(connection) in {said("/a"), b""}


def test_an_application_may_take_the_connection_over(gunicorn: Gunicorn) -> None:
    with gunicorn.connect() as connection:
        connection.sendall(b"GET /raw HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n")
        time.sleep(0.3)
        connection.sendall(b"backwards")
        assert answer(connection).endswith(b"101 Switching Protocols")
        assert connection.recv(9) == b"sdrawkcab"


def test_a_head_has_five_seconds_and_64_kib(gunicorn: Gunicorn) -> None:
    started = time.monotonic()
    with gunicorn.connect() as slow, gunicorn.connect() as wide, gunicorn.connect() as gone:
        slow.sendall(get("/a")[:-2])
        gone.sendall(get("/a")[:-2])
        gone.shutdown(socket.SHUT_WR)
        assert gone.recv(1) == b""
        assert time.monotonic() - started < 1
        wide.sendall(b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 12_000)
        with contextlib.suppress(ConnectionError):
            assert answer(wide).startswith(b"HTTP/1.1 431 ")
        assert answer(slow).startswith(b"HTTP/1.1 408 ")
        assert 5 <= time.monotonic() - started < 7
        assert slow.recv(1) == b""


def test_a_large_body_that_stops_ends_after_five_seconds_and_another_waits_for_its_turn(gunicorn: Gunicorn) -> None:
    body = os.urandom(100_000)
    with gunicorn.connect() as first, gunicorn.connect() as second, gunicorn.connect() as other:
        first.sendall(post("/a", body)[:-1])
        time.sleep(0.3)
        started = time.monotonic()
        second.sendall(post("/b", body))
        other.sendall(get("/c"))
        assert answer(other) == said("/c")
        assert time.monotonic() - started < 1
        # One of two threads may have a large body, and the first had it.
        assert answer(second) == said("/b", body)
        assert 4 < time.monotonic() - started < 8
        with contextlib.suppress(ConnectionError):
            assert first.recv(9) == b""


@pytest.mark.parametrize("path", ["/large", "/large-file"])
def test_an_answer_that_is_not_read_holds_no_thread_and_arrives_whole_when_it_is(gunicorn: Gunicorn, path: str) -> None:
    request = get(f"{path}?{LARGE}")
    with contextlib.ExitStack() as stack:
        slow = [ask_slowly(gunicorn, stack, request + get("/behind")) for _ in range(3)]
        last = ask_slowly(gunicorn, stack, request.replace(b"Host", b"Connection: close\r\nHost"))
        time.sleep(0.3)
        other = stack.enter_context(gunicorn.connect())
        other.sendall(get("/c"))
        assert answer(other) == said("/c")
        for each in (*slow, last):
            assert answer(each) == b"000000005" * (LARGE // 9)
        assert [answer(each) for each in slow] == [said("/behind")] * 3
        assert last.recv(1) == b""


def test_more_than_is_kept_for_one_waits_for_its_client_and_ends_with_it(gunicorn: Gunicorn) -> None:
    size = 3 * LARGE
    with contextlib.ExitStack() as stack:
        reader = ask_slowly(gunicorn, stack, get(f"/large?{size}") + get("/behind"))
        assert answer(reader) == b"000000005" * (size // 9)
        assert answer(reader) == said("/behind")
        for _ in range(2):
            ask_slowly(gunicorn, stack, get(f"/large?{size}"))
        time.sleep(0.3)
        other = stack.enter_context(socket.create_connection(("127.0.0.1", gunicorn.port), timeout=20))
        other.sendall(get("/c"))
        assert answer(other) == said("/c")


def test_clients_that_say_nothing_do_not_keep_a_worker_from_stopping(layer: Path, tmp_path: Path) -> None:
    with serving(VERSIONS[0], tmp_path, layer) as served, served.connect(), served.connect() as kept:
        kept.sendall(get("/a"))
        assert answer(kept) == said("/a")
        started = time.monotonic()
        served.process.terminate()
        assert served.process.wait(30) == 0
        assert time.monotonic() - started < 5


def test_a_command_of_the_projects_own_has_the_worker_too_where_it_has_threads(layer: Path, tmp_path: Path) -> None:
    with (
        serving(VERSIONS[0], tmp_path, layer, "--worker-class=gthread", OPSCTL_PROXY="1") as served,
        contextlib.ExitStack() as stack,
    ):
        for _ in range(4):
            stack.enter_context(served.connect()).sendall(get("/a")[:-2])
        time.sleep(0.3)
        other = stack.enter_context(served.connect())
        other.settimeout(4)  # those four have five seconds
        other.sendall(get("/c"))
        assert answer(other) == said("/c")


def test_a_gunicorn_of_another_kind_serves_without_and_says_so_once(layer: Path, tmp_path: Path) -> None:
    (tmp_path / "other.py").write_text(
        "import opsctl_gunicorn\nfrom opsctl_gunicorn import Worker\nopsctl_gunicorn.PARTS = ('accept', 'no_more')\n"
    )
    with serving(VERSIONS[0], tmp_path, layer, "--worker-class=other.Worker") as served:
        for _ in range(2):
            with served.connect() as connection:
                connection.sendall(get("/a"))
                assert answer(connection) == said("/a")
        log = served.log.read_text()
    assert (
        log.count("opsctl: ") == log.count("a slow client can hold a thread of this server, since its gunicorn is") == 1
    )


_CLOSED_MEANWHILE = """
import errno, socket, types
from gunicorn.workers.gthread import ThreadWorker
from opsctl_gunicorn import Worker

def refuse(worker, conn):
    raise OSError(conn.number, "refused")

ThreadWorker.enqueue_req = refuse
worker = Worker.__new__(Worker)
worker.enqueue_req(types.SimpleNamespace(sock=socket.socket(), number=errno.EBADF))
try:
    worker.enqueue_req(types.SimpleNamespace(sock=socket.socket(), number=errno.ENOMEM))
except OSError as error:
    print("told", error.errno == errno.ENOMEM)
"""


_SELECTED_MEANWHILE = """
import selectors, socket, types
from opsctl_clients import Client
from opsctl_gunicorn import Intake

register = selectors.DefaultSelector.register

def register_and_select(self, *arguments):
    key = register(self, *arguments)
    ready.extend(self.select(0))
    return key

intake, ready = Intake(types.SimpleNamespace(cfg=types.SimpleNamespace(threads=2, keepalive=20), alive=True)), []
request = b"GET / HTTP/1.1\\r\\n\\r\\n"
for held in (b"", request[:9], request):
    theirs, ours = socket.socketpair()
    client = Client(fileno=ours.detach())
    client.setblocking(False)
    client.held, client.size, client.released = bytearray(held), len(request), True
    theirs.sendall(request[len(held):])
    selectors.DefaultSelector.register = register_and_select
    intake.register(client, selectors.EVENT_READ)
    selectors.DefaultSelector.register = register
    print(len(ready), client.released, client.recv(99) == request)
    intake.unregister(ready.pop()[0].fileobj)
print(len(intake.get_map()), len(intake._waiting), len(intake._parked))
"""


@pytest.mark.parametrize("version", VERSIONS)
def test_a_connection_that_was_closed_meanwhile_ends_no_worker(version: str) -> None:
    """Threads of old versions close connections that the main thread has just found readable."""
    assert run_beside(version, _CLOSED_MEANWHILE) == "told True\n"


def test_a_connection_may_be_selected_the_moment_it_is_registered() -> None:
    """Threads of old versions register connections while the main thread selects."""
    assert run_beside("23.0.0", _SELECTED_MEANWHILE) == "1 True True\n" * 3 + "0 0 0\n"
