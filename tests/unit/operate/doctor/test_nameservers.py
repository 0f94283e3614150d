"""The question for name servers, answered by a resolver on loopback."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from opsctl.operate.doctor.nameservers import NoAnswerError, name_servers, resolver


def name(text: str) -> bytes:
    return b"".join(bytes([len(each)]) + each.encode() for each in text.split(".")) + b"\0"


def answer(query: bytes, servers: list[bytes], code: int = 0, number: int | None = None) -> bytes:
    """A response that repeats the question and points back to its name."""
    asked = struct.unpack_from("!H", query)[0] if number is None else number
    head = struct.pack("!6H", asked, 0x8180 | code, 1, len(servers), 0, 0)
    rows = b"".join(b"\xc0\x0c" + struct.pack("!2HIH", 2, 1, 300, len(each)) + each for each in servers)
    return head + query[12:] + rows


@contextmanager
def resolving(respond: Callable[[bytes], bytes]) -> Iterator[tuple[str, int]]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(10)

        def serve() -> None:
            query, sender = server.recvfrom(512)
            server.sendto(respond(query), sender)

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()
        thread.join()


def test_servers_are_read_whether_their_names_stand_whole_or_point_elsewhere() -> None:
    whole = name("NS-1.awsdns-01.org")
    pointing = b"\x02ns\xc0\x0c"  # ns. and the name that was asked for
    with resolving(lambda query: answer(query, [whole, pointing])) as at:
        assert name_servers("shop.example.com.", at) == {"ns-1.awsdns-01.org", "ns.shop.example.com"}


def test_the_question_is_for_name_servers_of_the_domain() -> None:
    seen: list[bytes] = []

    def respond(query: bytes) -> bytes:
        seen.append(query)
        return answer(query, [])

    with resolving(respond) as at:
        assert name_servers("example.com", at) == frozenset()
    assert seen[0][12:] == name("example.com") + struct.pack("!2H", 2, 1)
    assert seen[0][2:6] == b"\x01\x00\x00\x01"


def test_a_name_that_is_not_there_has_none() -> None:
    with resolving(lambda query: answer(query, [], code=3)) as at:
        assert name_servers("example.com", at) == frozenset()


@pytest.mark.parametrize(
    ("respond", "why"),
    [
        (lambda query: answer(query, [], code=2), "code 2"),
        (lambda query: answer(query, [], number=struct.unpack_from("!H", query)[0] ^ 1), "something else than DNS"),
        (lambda query: b"no", "something else than DNS"),
        (lambda query: answer(query, [b"\xc0\x0c"])[:-1], "something else than DNS"),
        # A name that points to itself.
        (lambda query: query[:2] + b"\x81\x80\x00\x00\x00\x01\x00\x00\x00\x00\xc0\x0c", "something else than DNS"),
    ],
)
def test_what_is_no_answer_is_said(respond: Callable[[bytes], bytes], why: str) -> None:
    with resolving(respond) as at, pytest.raises(NoAnswerError, match=why):
        name_servers("example.com", at)


def test_where_nobody_listens_nothing_is_known() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    with pytest.raises(NoAnswerError, match="does not answer"):
        name_servers("example.com", ("127.0.0.1", port))


def test_the_first_resolver_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "resolv.conf"
    path.write_text("# nameserver 1.1.1.1\nsearch x\nnameserver 10.0.0.2\nnameserver 10.0.0.3\n")
    assert resolver(path) == "10.0.0.2"
    path.write_text("search x\n")
    with pytest.raises(NoAnswerError, match="names no resolver"):
        resolver(path)
    with pytest.raises(NoAnswerError, match="can't be read"):
        resolver(tmp_path / "none")
